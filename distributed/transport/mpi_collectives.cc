#include "distributed/transport/mpi_collectives.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/collective/call.h"
#include "distributed/collective/reduce.h"
#include "distributed/collective/registry.h"

namespace strata::distributed {
namespace {

MPI_Datatype TypeOf(chips::DType dtype) { return dtype == chips::F32 ? MPI_FLOAT : MPI_DOUBLE; }

MPI_Op OpOf(compiler::Reduction reduction) {
  return reduction == compiler::Reduction::kMax ? MPI_MAX : MPI_SUM;
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

absl::Status MpiCollectives::AllReduce(void* data, int64_t count, chips::DType dtype,
                                       compiler::Reduction reduction) {
  STRATA_RETURN_IF_ERROR(CheckReducingCall("all_reduce", count, dtype));
  const std::string what = DescribeCall("mpi all_reduce", count, dtype);
  STRATA_ASSIGN_OR_RETURN(const int items, ToInt(count, what));
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(
      MpiStatus(MPI_Iallreduce(MPI_IN_PLACE, data, items, TypeOf(dtype), OpOf(reduction),
                               transport_.communicator(), &request),
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
  MPI_Request request = MPI_REQUEST_NULL;
  STRATA_RETURN_IF_ERROR(
      MpiStatus(MPI_Ireduce_scatter_block(input, output, items, TypeOf(dtype), OpOf(reduction),
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
