// The arithmetic of reductions, on one rank's memory. The dtype is f32 or f64 (CheckReducingCall).
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_REDUCE_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_REDUCE_H_

#include <cstdint>

#include "chips/numerics/dtype.h"
#include "compiler/device/collectives.h"

namespace strata::distributed {

// result[i] = a[i] + b[i], or their maximum (a NaN wins). `result` may be `a` or `b`. A mean adds
// here.
void Combine(compiler::Reduction reduction, chips::DType dtype, const void* a, const void* b,
             void* result, int64_t count);

// After all ranks are combined: a mean divides by their number; nothing for the others.
void FinishReduction(compiler::Reduction reduction, chips::DType dtype, void* data, int64_t count,
                     int ranks);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_REDUCE_H_
