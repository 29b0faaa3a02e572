// GemmEpilogue: what is done to each element of a product while it is close, in the loop programs of
// compiler/schedule/program.h:
//
//   input bias f32[N]; input residual f32[M, N]; output out f32[M, N]
//   for i < M { for j < N { out[i, j] = residual[i, j] + (C[i, j] + bias[j]) } }
//
// The nests run one after another for each element. "C" [M, N] is the product as its sums are, f32; where it is kept, it
// is rounded to GemmProblem::result when it is stored.
#ifndef STRATA_COMPILER_GEMM_GEMM_EPILOGUE_H_
#define STRATA_COMPILER_GEMM_GEMM_EPILOGUE_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/gemm/problem.h"
#include "compiler/schedule/program.h"

namespace strata::compiler {

struct GemmEpilogue {
  // Names are free but for A, B and C.
  std::vector<schedule::Buffer> inputs, outputs;
  // Each a perfect nest of two loops, over M and over N, of assignments. What they write, and read of C and of outputs,
  // is the element [i, j]; inputs are read anywhere.
  std::vector<schedule::Node> nests;
  bool keeps_product = true;  // C is a result, too

  bool empty() const { return nests.empty() && inputs.empty() && outputs.empty() && keeps_product; }
};

// INVALID_ARGUMENT with the first rule that is broken.
absl::Status CheckEpilogue(const GemmProblem& problem, const GemmEpilogue& epilogue);

// The statements of all nests, in order, on indices `row` and `column`, with "C" called `product`. `epilogue` is valid.
std::vector<schedule::Node> EpilogueStatements(const GemmEpilogue& epilogue, const std::string& row,
                                               const std::string& column,
                                               const std::string& product);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_GEMM_EPILOGUE_H_
