// The interpreter with a machine's arithmetic: matrix products and row sums are computed as the machine computes them,
// bit for bit (chip_arithmetic.h), everything else by the op's reference kernel.
//
//   STRATA_ASSIGN_OR_RETURN(auto evaluator, ChipInterpreter::Create("h100"));  // or "edge_16"
//   STRATA_ASSIGN_OR_RETURN(auto outputs, evaluator->Evaluate(graph, inputs));
//
// matmul, contract_leading and conv2d of bf16, f16 and fp8 operands go through the unit of that type and come out in
// f32, rounded once to the node's dtype. f32 operands stay with the reference unless they are given a type: "tf32"
// as frameworks allow it, or a narrower one, to which operands are rounded before each product. On array cores,
// reduce_sum and reduce_mean of f32 and bf16 over the last dim are sums in f32 over the machine's lanes, rounded once
// to the dtype (the mean then divides, as its decomposition does). What an array core does not multiply stays with the
// reference, as do f64, integers (exact everywhere) and what is inside composite ops: decompose them first. A fusion
// is the nodes of its region.
#ifndef STRATA_FRAMEWORK_GRAPH_CHIP_INTERPRETER_H_
#define STRATA_FRAMEWORK_GRAPH_CHIP_INTERPRETER_H_

#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "framework/graph/chip_arithmetic.h"
#include "framework/graph/evaluator.h"

namespace strata::graph {

class ChipInterpreter : public Evaluator {
 public:
  // `f32_operands`: the type that f32 operands are multiplied in; "f32": by the reference. INVALID_ARGUMENT
  // and NOT_FOUND name the machines, and the types that one multiplies.
  static absl::StatusOr<std::unique_ptr<ChipInterpreter>> Create(
      absl::string_view machine, absl::string_view f32_operands = "f32");

  // NOT_FOUND when the graph multiplies a type that a chip has no tensor core for.
  absl::StatusOr<std::vector<HostTensor>> Evaluate(const Graph& graph,
                                                   absl::Span<const HostTensor> inputs) override;

 private:
  explicit ChipInterpreter(std::unique_ptr<ChipArithmetic> arithmetic)
      : arithmetic_(std::move(arithmetic)) {}

  // All values of a graph without symbols.
  absl::StatusOr<std::vector<HostTensor>> RunNodes(const Graph& graph,
                                                   absl::Span<const HostTensor> inputs) const;
  absl::StatusOr<std::vector<HostTensor>> Run(const Node& node,
                                              absl::Span<const HostTensor> inputs) const;

  std::unique_ptr<ChipArithmetic> arithmetic_;
};

// Registers in EvaluatorRegistry(), f32 operands as f32: "as_v100", "as_a100", "as_l40s", "as_h100", "as_b200",
// "as_mi300x", and each array core: "as_edge_16", "as_edge_16_os", "as_tpu_v1_like", "as_tpu_v4_like".
void RegisterChipInterpreters();

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_CHIP_INTERPRETER_H_
