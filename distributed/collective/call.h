// One call of a collective as an algorithm sees it, and what every implementation checks of one.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_CALL_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_CALL_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "compiler/device/collectives.h"

namespace strata::distributed {

// The verbs that algorithms differ in.
enum class Verb {
  kAllReduce,
  kReduceScatter,
  kAllGather,
  kBroadcast,
  kReduce,
  kScatter,
  kGather,
  kAllToAll,
  kAllToAllV,
};

absl::string_view VerbName(Verb verb);                   // "all_reduce"
absl::StatusOr<Verb> ParseVerb(absl::string_view name);  // INVALID_ARGUMENT lists the names
absl::Span<const Verb> Verbs();                          // all of them, in the enum's order

// Arguments as in compiler::Collectives. In place (all_reduce, broadcast, reduce): input == output.
struct Call {
  Verb verb = Verb::kAllReduce;
  const char* input = nullptr;
  char* output = nullptr;
  int64_t count = 0;
  chips::DType dtype = chips::F32;
  compiler::Reduction reduction = compiler::Reduction::kSum;
  int root = 0;
  absl::Span<const int64_t> send_counts = {}, receive_counts = {};  // of all_to_all_v: size() each

  int64_t element_bytes() const { return static_cast<int64_t>(chips::SizeOf(dtype)); }
  int64_t bytes() const { return count * element_bytes(); }
};

// "all_reduce of 1000 f32".
std::string DescribeCall(absl::string_view op, int64_t count, chips::DType dtype);

// INVALID_ARGUMENT when the count is negative or the dtype is not set.
absl::Status CheckCall(absl::string_view op, int64_t count, chips::DType dtype);

// And UNIMPLEMENTED when the dtype is not one that is reduced (BOOL and the 8-bit floats).
absl::Status CheckReducingCall(absl::string_view op, int64_t count, chips::DType dtype);

// And INVALID_ARGUMENT when `root` is no rank.
absl::Status CheckRootedCall(absl::string_view op, int64_t count, chips::DType dtype, int root,
                             int ranks);

// And INVALID_ARGUMENT when `peer` is no rank or this one.
absl::Status CheckPeer(absl::string_view op, int64_t count, chips::DType dtype, int peer, int rank,
                       int ranks);

// And INVALID_ARGUMENT when there is not a count of at least 0 for each rank, or this rank's own two differ.
absl::Status CheckCounts(absl::Span<const int64_t> send_counts,
                         absl::Span<const int64_t> receive_counts, chips::DType dtype, int rank,
                         int ranks);

// All that holds for the verb.
absl::Status CheckCall(const Call& call, int rank, int ranks);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_CALL_H_
