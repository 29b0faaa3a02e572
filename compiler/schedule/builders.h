// Programs of common computations, as naive loops: what schedules start from.
//
//   Program program = Matmul({.m = 256, .n = 3072, .k = 768, .transpose_b = true});
#ifndef STRATA_COMPILER_SCHEDULE_BUILDERS_H_
#define STRATA_COMPILER_SCHEDULE_BUILDERS_H_

#include <cstdint>

#include "base/status.h"
#include "compiler/schedule/program.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler::schedule {

// C[M, N] = op(A) op(B): A is [M, K], or [K, M] transposed; B is [K, N], or [N, K] transposed. Loops i, j, k; C is f32.
// K = 0 makes C zero.
struct MatmulShape {
  int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  DType dtype = chips::F32;  // of A and B: F32 or BF16
};
Program Matmul(const MatmulShape& shape);

// Y[n, f, h, w] = sum of X[n, c, h*stride + r - pad, w*stride + s - pad] * W[f, c, r, s]; X is 0 outside. Loops n, f, h,
// w, c, r, s; H' = (H + 2 pad - R) / stride + 1, likewise W'.
struct ConvolutionShape {
  int64_t n = 1, c = 1, h = 1, w = 1;  // input
  int64_t f = 1, r = 1, s = 1;         // filters
  int64_t stride = 1, pad = 0;
};
Program Convolution(const ConvolutionShape& shape);

// S[i] = sum over j of T[i, j], T[i, j] = exp(X[i, j] - M[i]); loops i, j make T, then i2, j2 make S. An elementwise
// producer and a reduction, for compute_at.
Program ExpSum(int64_t rows, int64_t columns);

// The program of one node: "matmul" of two dims, or an elementwise op (loops i0, i1, ... over its dims). Inputs are named
// in0, in1, the output out0. UNIMPLEMENTED for other nodes.
absl::StatusOr<Program> FromNode(const graph::Graph& graph, const graph::Node& node);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_BUILDERS_H_
