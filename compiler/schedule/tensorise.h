// The instruction sequences that the step "tensorise L NAME" can make of a nest, and what a nest must look like:
//
//   fma         a register tile. L is the reduction loop k; in it loops to be unrolled, then a loop of whole vectors:
//                 for k { for i { for j < 16*n { T[i, j] += a[.., i, k] * b[.., k, j] } } }
//               T f32 in registers; a does not depend on j; b is contiguous in j. At most 32 vectors of T, b and a.
//   dot_bf16    the same for bf16 in pairs, with a loop of 2 innermost: vdpbf16ps.
//                 for k { for i { for j < 16*n { for p < 2 { T[i, j] += a[.., 2*k + p] * b[.., j, p] } } } }
//               a contiguous in p, b in (j, p); b a packed copy whose rows are whole vectors.
//   interleave  two rows of bf16 to pairs: for j { for p < 2 { t[.., j, p] = s[2*k + p, .., j] } }, L is j
//   transpose   16 by 16 elements in registers: for i <= 16 { for k <= 16 { t[.., k, .., i] = s[.., i, .., k] } } of f32,
//               or, with a loop p < 2 innermost, pairs of bf16; L is i; t is contiguous in i (and p), s in k (and p); s may
//               end between the two of a pair
//
// The loops of the nest get their kinds (unroll, vector). The interpreter still runs them one by one: what a tensorised
// nest computes does not change, but for vdpbf16ps, which adds the two products of a pair before the sum and takes
// subnormal numbers as zero.
#ifndef STRATA_COMPILER_SCHEDULE_TENSORISE_H_
#define STRATA_COMPILER_SCHEDULE_TENSORISE_H_

namespace strata::compiler::schedule {

// Vector registers of the machines these tiles are for (AVX-512).
inline constexpr int kVectorRegisters = 32;

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_TENSORISE_H_
