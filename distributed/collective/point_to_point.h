// Send, Recv and Permute over a transport: what all collectives that have one share. Contracts as in
// compiler::Collectives; no elements is no message.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_POINT_TO_POINT_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_POINT_TO_POINT_H_

#include <cstdint>

#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

absl::Status SendTo(Transport& transport, const void* data, int64_t count, chips::DType dtype,
                    int peer);
absl::Status RecvFrom(Transport& transport, void* data, int64_t count, chips::DType dtype,
                      int peer);
absl::Status PermuteBy(Transport& transport, const void* input, void* output, int64_t count,
                       chips::DType dtype, int64_t offset);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_POINT_TO_POINT_H_
