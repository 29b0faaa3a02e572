// The pass `mixed_precision`: matrix products of f32 operands read them as bf16 and sum in f32.
//
//   y = matmul(a, w)   ->   y = matmul(cast(a, bf16), cast(w, bf16), output_dtype = f32)
//
// Everything else keeps f32: parameters (the master copy), moments, statistics, losses. After `cse`
// a value is rounded once for all products that read it, and after `fusion` where it is made, so
// that what the backward pass keeps is half as large. Micikevicius et al. 2018, "Mixed Precision
// Training" (arXiv:1710.03740); bf16 has the exponents of f32, so gradients neither vanish nor
// overflow: Kalamkar et al. 2019 (arXiv:1905.12322).
//
// It changes numbers, by at most 2^-8 of each product's terms (two operands, each rounded by at most
// 2^-9), so it runs only when asked for: CompileOptions.compute_dtype.
#ifndef STRATA_COMPILER_PASS_MIXED_PRECISION_H_
#define STRATA_COMPILER_PASS_MIXED_PRECISION_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateMixedPrecision();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_MIXED_PRECISION_H_
