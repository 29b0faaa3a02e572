#include "distributed/transport/mpi_timing.h"

#include <chrono>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/collective/reduce.h"
#include "distributed/transport/mpi_datatype.h"

namespace strata::distributed {
namespace {

struct Arguments {
  void* in;
  void* out;
  int count;
  MPI_Datatype type;
  int rank;
  MPI_Comm all;
};

struct VerbRow {
  const char* verb;
  bool in_blocks;  // one operand has a block for each rank
  int (*call)(const Arguments& a);
};

constexpr VerbRow kVerbs[] = {
    {"all_reduce", false,
     [](const Arguments& a) {
       return MPI_Allreduce(MPI_IN_PLACE, a.out, a.count, a.type, MPI_SUM, a.all);
     }},
    {"reduce_scatter", true,
     [](const Arguments& a) {
       return MPI_Reduce_scatter_block(a.in, a.out, a.count, a.type, MPI_SUM, a.all);
     }},
    {"all_gather", true,
     [](const Arguments& a) {
       return MPI_Allgather(a.in, a.count, a.type, a.out, a.count, a.type, a.all);
     }},
    {"broadcast", false,
     [](const Arguments& a) { return MPI_Bcast(a.out, a.count, a.type, 0, a.all); }},
    {"reduce", false,
     [](const Arguments& a) {
       const bool root = a.rank == 0;
       return MPI_Reduce(root ? MPI_IN_PLACE : a.out, root ? a.out : nullptr, a.count, a.type,
                         MPI_SUM, 0, a.all);
     }},
    {"scatter", true,
     [](const Arguments& a) {
       return MPI_Scatter(a.in, a.count, a.type, a.out, a.count, a.type, 0, a.all);
     }},
    {"gather", true,
     [](const Arguments& a) {
       return MPI_Gather(a.in, a.count, a.type, a.out, a.count, a.type, 0, a.all);
     }},
    {"all_to_all", true,
     [](const Arguments& a) {
       return MPI_Alltoall(a.in, a.count, a.type, a.out, a.count, a.type, a.all);
     }},
};

const VerbRow* Find(const std::string& verb) {
  for (const VerbRow& row : kVerbs) {
    if (verb == row.verb) return &row;
  }
  return nullptr;
}

}  // namespace

bool MpiHas(const std::string& verb, chips::DType dtype) {
  return Find(verb) != nullptr && MpiTypeOf(dtype) != MPI_DATATYPE_NULL;
}

absl::StatusOr<double> SecondsOfMpi(MpiTransport& transport, const MpiCalls& calls) {
  const std::string what =
      absl::StrCat("mpi ", calls.verb, " of ", calls.count, " ", chips::DTypeName(calls.dtype));
  const VerbRow* row = Find(calls.verb);
  if (row == nullptr || !MpiHas(calls.verb, calls.dtype))
    return absl::UnimplementedError(absl::StrCat(what, ": MPI has none"));
  if (calls.count < 0 || calls.count > std::numeric_limits<int>::max() || calls.calls < 1)
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": give 0 to 2^31 - 1 elements, and a call or more"));
  const size_t blocks = row->in_blocks ? static_cast<size_t>(transport.size()) : 1;
  const size_t bytes = static_cast<size_t>(calls.count) * blocks * chips::SizeOf(calls.dtype);
  std::vector<char> in(row->in_blocks ? bytes : 0), out(bytes);  // zeros: sums stay what they are
  const Arguments arguments = {in.data(),
                               out.data(),
                               static_cast<int>(calls.count),
                               MpiTypeOf(calls.dtype),
                               transport.rank(),
                               transport.communicator()};
  STRATA_RETURN_IF_ERROR(MpiStatus(row->call(arguments), what));  // warm
  char* operand = row->in_blocks ? in.data() : out.data();
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Barrier(arguments.all), what));
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls.calls; ++i) {
    if (calls.fresh) WriteOver(operand, static_cast<int64_t>(bytes));
    STRATA_RETURN_IF_ERROR(MpiStatus(row->call(arguments), what));
  }
  STRATA_RETURN_IF_ERROR(MpiStatus(MPI_Barrier(arguments.all), what));
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return elapsed.count() / calls.calls;
}

// The maximum of a number and itself: by the vectors that reductions have.
void WriteOver(char* data, int64_t bytes) {
  Combine(compiler::Reduction::kMax, chips::U8, data, data, data, bytes);
}

}  // namespace strata::distributed
