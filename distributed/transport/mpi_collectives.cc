#include "distributed/transport/mpi_collectives.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/collective/call.h"
#include "distributed/collective/point_to_point.h"
#include "distributed/collective/reduce.h"
#include "distributed/collective/registry.h"
#include "distributed/transport/mpi_datatype.h"

namespace strata::distributed {
namespace {

// Not the 16-bit floats, which MPI does not know, nor integers of 8 bits, whose sums Open MPI's vector code saturates.
bool ReducesAsWeDo(chips::DType dtype) {
  return MpiTypeOf(dtype) != MPI_DATATYPE_NULL && chips::SizeOf(dtype) > 1;
}

// A reduction of our own as MPI calls one: inout = in and inout combined.
template <chips::DType kDType, compiler::Reduction kReduction>
void CombineForMpi(void* in, void* inout, int* count, MPI_Datatype*) {
  Combine(kReduction, kDType, in, inout, inout, *count);
}

template <chips::DType kDType, compiler::Reduction kReduction>
absl::StatusOr<MPI_Op> OwnOp() {
  static const auto* op = [] {
    auto* made = new absl::StatusOr<MPI_Op>(MPI_OP_NULL);
    const absl::Status status =
        MpiStatus(MPI_Op_create(CombineForMpi<kDType, kReduction>, /*commute=*/1, &made->value()),
                  "MPI_Op_create");
    if (!status.ok()) *made = status;
    return made;
  }();
  return *op;
}

template <chips::DType kDType>
absl::StatusOr<MPI_Op> OwnOp(compiler::Reduction reduction) {
  if (reduction == compiler::Reduction::kMax) return OwnOp<kDType, compiler::Reduction::kMax>();
  if (reduction == compiler::Reduction::kMin) return OwnOp<kDType, compiler::Reduction::kMin>();
  return OwnOp<kDType, compiler::Reduction::kSum>();
}

// What MPI reduces with.
struct Reducer {
  MPI_Datatype type;
  MPI_Op op;
};

absl::StatusOr<MPI_Op> OwnOp(chips::DType dtype, compiler::Reduction reduction) {
  if (dtype == chips::BF16) return OwnOp<chips::BF16>(reduction);
  if (dtype == chips::F16) return OwnOp<chips::F16>(reduction);
  return dtype == chips::I8 ? OwnOp<chips::I8>(reduction) : OwnOp<chips::U8>(reduction);
}

absl::StatusOr<Reducer> ReducerOf(chips::DType dtype, compiler::Reduction reduction) {
  if (!ReducesAsWeDo(dtype)) {
    STRATA_ASSIGN_OR_RETURN(const MPI_Op op, OwnOp(dtype, reduction));
    return Reducer{chips::SizeOf(dtype) == 1 ? MPI_UINT8_T : MPI_UINT16_T, op};
  }
  const MPI_Op op = reduction == compiler::Reduction::kMax   ? MPI_MAX
                    : reduction == compiler::Reduction::kMin ? MPI_MIN
                                                             : MPI_SUM;
  return Reducer{MpiTypeOf(dtype), op};
}

// MPI counts with int.
absl::StatusOr<int> ToInt(int64_t count, const std::string& what) {
  if (count <= std::numeric_limits<int>::max()) return static_cast<int>(count);
  return absl::InvalidArgumentError(absl::StrCat(
      what, ": MPI's own collectives take less than 2^31 of them; use ring or smaller pieces"));
}

// Elements of any dtype travel as bytes; a whole element is one MPI item, so that counts stay
// small.
class ElementType {
 public:
  static absl::StatusOr<ElementType> Make(chips::DType dtype, const std::string& what) {
    MPI_Datatype type = MPI_DATATYPE_NULL;
    STRATA_RETURN_IF_ERROR(MpiStatus(
        MPI_Type_contiguous(static_cast<int>(chips::SizeOf(dtype)), MPI_BYTE, &type), what));
    STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Type_commit(&type), what));
    return ElementType(type);
  }
  ElementType(ElementType&& other) : type_(std::exchange(other.type_, MPI_DATATYPE_NULL)) {}
  ~ElementType() {
    if (type_ != MPI_DATATYPE_NULL) MPI_Type_free(&type_);
  }
  MPI_Datatype get() const { return type_; }

 private:
  explicit ElementType(MPI_Datatype type) : type_(type) {}
  MPI_Datatype type_;
};

}  // namespace

// Of the pieces of an all-to-all: dense, in rank order.
struct MpiCollectives::PieceSizes {
  static absl::StatusOr<std::unique_ptr<PieceSizes>> Make(absl::Span<const int64_t> counts,
                                                          const std::string& what) {
    auto sizes = std::make_unique<PieceSizes>();
    int64_t offset = 0;
    for (int64_t count : counts) {
      STRATA_ASSIGN_OR_RETURN(const int at, ToInt(offset, what));
      STRATA_ASSIGN_OR_RETURN(const int items, ToInt(count, what));
      sizes->offsets.push_back(at);
      sizes->items.push_back(items);
      offset += count;
    }
    return sizes;
  }

  std::vector<int> items, offsets;
};

MpiCollectives::MpiCollectives(MpiTransport& transport) : transport_(transport) {}

// Lists that MPI may still read outlive this.
MpiCollectives::~MpiCollectives() {
  for (auto& sizes : abandoned_) (void)sizes.release();
}

absl::Status MpiCollectives::AllReduce(void* data, int64_t count, chips::DType dtype,
                                       compiler::Reduction reduction) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("all_reduce", count, dtype));
  const std::string what = DescribeCall("mpi all_reduce", count, dtype);
  STRATA_ASSIGN_OR_RETURN(const int items, ToInt(count, what));
  STRATA_ASSIGN_OR_RETURN(const Reducer reducer, ReducerOf(dtype, reduction));
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Iallreduce(MPI_IN_PLACE, data, items, reducer.type,
                                                  reducer.op, transport_.communicator(), &request),
                                   what));
  STRATA_RETURN_IF_ERROR(transport_.AwaitCollective(&request, what));
  FinishReduction(reduction, dtype, data, count, size());
  return absl::OkStatus();
}

absl::Status MpiCollectives::AllGather(const void* input, void* output, int64_t count,
                                       chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCall("all_gather", count, dtype));
  const std::string what = DescribeCall("mpi all_gather", count, dtype);
  STRATA_ASSIGN_OR_RETURN(const int items, ToInt(count, what));
  STRATA_ASSIGN_OR_RETURN(const ElementType type, ElementType::Make(dtype, what));
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Iallgather(input, items, type.get(), output, items,
                                                  type.get(), transport_.communicator(), &request),
                                   what));
  return transport_.AwaitCollective(&request, what);
}

absl::Status MpiCollectives::ReduceScatter(const void* input, void* output, int64_t count,
                                           chips::DType dtype, compiler::Reduction reduction) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("reduce_scatter", count, dtype));
  const std::string what = DescribeCall("mpi reduce_scatter", count, dtype);
  STRATA_ASSIGN_OR_RETURN(const int items, ToInt(count, what));
  STRATA_ASSIGN_OR_RETURN(const Reducer reducer, ReducerOf(dtype, reduction));
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(
      MpiStatus(MPI_Ireduce_scatter_block(input, output, items, reducer.type, reducer.op,
                                          transport_.communicator(), &request),
                what));
  STRATA_RETURN_IF_ERROR(transport_.AwaitCollective(&request, what));
  FinishReduction(reduction, dtype, output, count, size());
  return absl::OkStatus();
}

absl::Status MpiCollectives::Broadcast(void* data, int64_t count, chips::DType dtype, int root) {
  STRATA_RETURN_IF_ERROR(CheckRootedCall("broadcast", count, dtype, root, size()));
  const std::string what = DescribeCall("mpi broadcast", count, dtype);
  STRATA_ASSIGN_OR_RETURN(const int items, ToInt(count, what));
  STRATA_ASSIGN_OR_RETURN(const ElementType type, ElementType::Make(dtype, what));
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(MpiStatus(
      MPI_Ibcast(data, items, type.get(), root, transport_.communicator(), &request), what));
  return transport_.AwaitCollective(&request, what);
}

absl::Status MpiCollectives::Reduce(void* data, int64_t count, chips::DType dtype,
                                    compiler::Reduction reduction, int root) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("reduce", count, dtype));
  STRATA_RETURN_IF_ERROR(CheckRootedCall("reduce", count, dtype, root, size()));
  const std::string what = DescribeCall("mpi reduce", count, dtype);
  STRATA_ASSIGN_OR_RETURN(const int items, ToInt(count, what));
  STRATA_ASSIGN_OR_RETURN(const Reducer reducer, ReducerOf(dtype, reduction));
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(MpiStatus(
      MPI_Ireduce(rank() == root ? MPI_IN_PLACE : data, rank() == root ? data : nullptr, items,
                  reducer.type, reducer.op, root, transport_.communicator(), &request),
      what));
  STRATA_RETURN_IF_ERROR(transport_.AwaitCollective(&request, what));
  if (rank() == root) FinishReduction(reduction, dtype, data, count, size());
  return absl::OkStatus();
}

absl::Status MpiCollectives::Gather(const void* input, void* output, int64_t count,
                                    chips::DType dtype, int root) {
  STRATA_RETURN_IF_ERROR(CheckRootedCall("gather", count, dtype, root, size()));
  const std::string what = DescribeCall("mpi gather", count, dtype);
  STRATA_ASSIGN_OR_RETURN(const int items, ToInt(count, what));
  STRATA_ASSIGN_OR_RETURN(const ElementType type, ElementType::Make(dtype, what));
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Igather(input, items, type.get(), output, items, type.get(),
                                               root, transport_.communicator(), &request),
                                   what));
  return transport_.AwaitCollective(&request, what);
}

absl::Status MpiCollectives::Scatter(const void* input, void* output, int64_t count,
                                     chips::DType dtype, int root) {
  STRATA_RETURN_IF_ERROR(CheckRootedCall("scatter", count, dtype, root, size()));
  const std::string what = DescribeCall("mpi scatter", count, dtype);
  STRATA_ASSIGN_OR_RETURN(const int items, ToInt(count, what));
  STRATA_ASSIGN_OR_RETURN(const ElementType type, ElementType::Make(dtype, what));
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Iscatter(input, items, type.get(), output, items, type.get(),
                                                root, transport_.communicator(), &request),
                                   what));
  return transport_.AwaitCollective(&request, what);
}

absl::Status MpiCollectives::AllToAll(const void* input, void* output, int64_t count,
                                      chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCall("all_to_all", count, dtype));
  const std::string what = DescribeCall("mpi all_to_all", count, dtype);
  STRATA_ASSIGN_OR_RETURN(const int items, ToInt(count, what));
  STRATA_ASSIGN_OR_RETURN(const ElementType type, ElementType::Make(dtype, what));
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Ialltoall(input, items, type.get(), output, items,
                                                 type.get(), transport_.communicator(), &request),
                                   what));
  return transport_.AwaitCollective(&request, what);
}

absl::Status MpiCollectives::AllToAllV(const void* input, absl::Span<const int64_t> send_counts,
                                       void* output, absl::Span<const int64_t> receive_counts,
                                       chips::DType dtype) {
  STRATA_RETURN_IF_ERROR(CheckCounts(send_counts, receive_counts, dtype, rank(), size()));
  const std::string what = "mpi all_to_all_v";
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<PieceSizes> sent, PieceSizes::Make(send_counts, what));
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<PieceSizes> received,
                          PieceSizes::Make(receive_counts, what));
  STRATA_ASSIGN_OR_RETURN(const ElementType type, ElementType::Make(dtype, what));
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(
      MpiStatus(MPI_Ialltoallv(input, sent->items.data(), sent->offsets.data(), type.get(), output,
                               received->items.data(), received->offsets.data(), type.get(),
                               transport_.communicator(), &request),
                what));
  const absl::Status status = transport_.AwaitCollective(&request, what);
  if (!status.ok()) {
    // MPI may still read them.
    abandoned_.push_back(std::move(sent));
    abandoned_.push_back(std::move(received));
  }
  return status;
}

absl::Status MpiCollectives::Send(const void* data, int64_t count, chips::DType dtype, int peer) {
  return SendTo(transport_, data, count, dtype, peer);
}

absl::Status MpiCollectives::Recv(void* data, int64_t count, chips::DType dtype, int peer) {
  return RecvFrom(transport_, data, count, dtype, peer);
}

absl::Status MpiCollectives::Permute(const void* input, void* output, int64_t count,
                                     chips::DType dtype, int64_t offset) {
  return PermuteBy(transport_, input, output, count, dtype, offset);
}

absl::Status MpiCollectives::Barrier() {
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(
      MpiStatus(MPI_Ibarrier(transport_.communicator(), &request), "mpi barrier"));
  return transport_.AwaitCollective(&request, "mpi barrier");
}

void RegisterMpiCollectives() {
  CollectivesRegistry().Register(
      "mpi", [](Transport& transport) -> absl::StatusOr<std::unique_ptr<compiler::Collectives>> {
        auto* mpi = dynamic_cast<MpiTransport*>(&transport);
        if (mpi != nullptr) return std::make_unique<MpiCollectives>(*mpi);
        return absl::InvalidArgumentError(absl::StrCat(
            "mpi collectives need the mpi transport itself, not ", transport.name(), "; use ring"));
      });
}

}  // namespace strata::distributed
