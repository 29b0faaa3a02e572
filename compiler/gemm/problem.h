// GemmProblem: one matrix product, C [M, N] = op(A) [M, K] · op(B) [K, N], dense and row-major, of known sizes.
//
//   GemmProblem problem{.M = 256, .N = 3072, .K = 768, .transpose_b = true};
//   GemmName(problem);   // "f32_nt_256x3072x768"
#ifndef STRATA_COMPILER_GEMM_PROBLEM_H_
#define STRATA_COMPILER_GEMM_PROBLEM_H_

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

struct GemmProblem {
  int64_t M = 0, N = 0, K = 0;                    // each >= 0; K = 0 gives zeros
  bool transpose_a = false, transpose_b = false;  // A is then stored [K, M], B [N, K]
  chips::DType dtype = chips::F32;                // of A and B: F32 or BF16
  chips::DType result = chips::F32;  // of C: F32, or BF16 when A is; sums are f32 always

  bool operator==(const GemmProblem& other) const = default;
  double flops() const {
    return 2.0 * static_cast<double>(M) * static_cast<double>(N) * static_cast<double>(K);
  }
};

// "nn", "nt", "tn" or "tt": of A, of B.
std::string GemmLayout(const GemmProblem& problem);

// Type, layout and sizes, M x N x K; "bf16_nn_64x64x32_bf16" where C is bf16 too.
std::string GemmName(const GemmProblem& problem);

// INVALID_ARGUMENT for sizes below 0 or so large that an index would not fit; UNIMPLEMENTED for a dtype.
absl::Status CheckGemm(const GemmProblem& problem);

// The one product that a "matmul" or "contract_leading" of concrete sizes is; nullopt for a batch of products, or
// another op. A batch of A's against one B is one product when A is not transposed.
std::optional<GemmProblem> GemmOf(const graph::OpCall& call);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_PROBLEM_H_
