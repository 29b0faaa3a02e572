// The arithmetic of reductions, on one rank's memory, vectorised.
//
//   Combine(Reduction::kSum, chips::BF16, arrived, mine, mine, count);   // mine += arrived
//
// - f32 and f64 as they are. bf16 and f16 are combined in f32 and rounded to nearest even once a call.
// - i8, u8, i32 and i64 wrap modulo 2^bits; their mean is the wrapped sum over the ranks, towards zero.
// - kMax and kMin: a NaN wins over a number; of equal ones (the two zeros) it is the second.
// Combine is the same bits for operands in the same order; of floats, all but NaN payloads and signs of
// equal zeros are the same in either order.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_REDUCE_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_REDUCE_H_

#include <cstdint>

#include "chips/numerics/dtype.h"
#include "compiler/device/collectives.h"

namespace strata::distributed {

// Whether elements of the dtype can be combined: f32 f64 bf16 f16 i8 u8 i32 i64.
bool IsReduced(chips::DType dtype);

// result[i] = a[i] and b[i] combined. `result` may be `a` or `b`. A mean adds here.
void Combine(compiler::Reduction reduction, chips::DType dtype, const void* a, const void* b,
             void* result, int64_t count);

// After all ranks are combined: a mean divides by their number; nothing for the others.
void FinishReduction(compiler::Reduction reduction, chips::DType dtype, void* data, int64_t count,
                     int ranks);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_REDUCE_H_
