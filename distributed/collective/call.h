// What every implementation of Collectives shares: the checks of a call and the name it has in
// errors.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_CALL_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_CALL_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/numerics/dtype.h"

namespace strata::distributed {

// "all_reduce of 1000 f32".
std::string DescribeCall(absl::string_view op, int64_t count, chips::DType dtype);

// INVALID_ARGUMENT when the count is negative or the dtype is not set.
absl::Status CheckCall(absl::string_view op, int64_t count, chips::DType dtype);

// And UNIMPLEMENTED when the dtype is not one that is reduced (f32 and f64).
absl::Status CheckReducingCall(absl::string_view op, int64_t count, chips::DType dtype);

// And INVALID_ARGUMENT when `root` is no rank.
absl::Status CheckRootedCall(absl::string_view op, int64_t count, chips::DType dtype, int root,
                             int ranks);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_CALL_H_
