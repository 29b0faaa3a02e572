// The kernels of an emitted product as graphs, for devices that cannot build them
// (plan::Kernel.reference): packing is padding and transposing, multiplying undoes it first.
//
//   *emitted.pack_a.mutable_reference() = PackAReference(problem, config);
//   *emitted.multiply.mutable_reference() = *MultiplyReference(problem, config, region, {0, 1}, {2}, {0, 1});
#ifndef STRATA_COMPILER_GEMM_REFERENCE_H_
#define STRATA_COMPILER_GEMM_REFERENCE_H_

#include <vector>

#include "base/status.h"
#include "compiler/gemm/config.h"
#include "compiler/gemm/problem.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// (A) -> packed A: [panels, words, width], with pairs as a fourth dim for bf16.
absl::StatusOr<graph::Graph> PackAReference(const GemmProblem& problem, const GemmConfig& config);
absl::StatusOr<graph::Graph> PackBReference(const GemmProblem& problem, const GemmConfig& config);

// Which of a region's inputs and outputs, by position, are what of the kernel `multiply`.
struct MultiplyOperands {
  int a = 0, b = 1;          // the product's operands
  std::vector<int> inputs;   // what the kernel reads after them
  std::vector<int> outputs;  // what it writes, in order
};

// (packed A, B or packed B, inputs) -> outputs, of a region that is a product alone or with what
// follows it.
absl::StatusOr<graph::Graph> MultiplyReference(const GemmProblem& problem, const GemmConfig& config,
                                               const graph::Graph& region,
                                               const MultiplyOperands& operands);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_REFERENCE_H_
