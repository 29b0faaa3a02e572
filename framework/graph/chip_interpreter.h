// The interpreter with a chip's matrix units: products are computed as the chip computes them, bit for bit
// (chips/numerics/tensor_core.h), everything else by the op's reference kernel.
//
//   STRATA_ASSIGN_OR_RETURN(auto evaluator, ChipInterpreter::Create("h100"));
//   STRATA_ASSIGN_OR_RETURN(auto outputs, evaluator->Evaluate(graph, inputs));
//
// matmul and contract_leading of bf16 and f16 operands go through the unit of that type and come out in fp32,
// rounded once to the node's dtype. f32 operands stay with the reference unless they are given a type: "tf32"
// as frameworks allow it, or a narrower one, to which operands are rounded before each product. f64 stays with
// the reference, and so do products inside composite ops.
#ifndef STRATA_FRAMEWORK_GRAPH_CHIP_INTERPRETER_H_
#define STRATA_FRAMEWORK_GRAPH_CHIP_INTERPRETER_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "chips/numerics/tensor_core.h"
#include "framework/graph/evaluator.h"

namespace strata::graph {

class ChipInterpreter : public Evaluator {
 public:
  // `f32_operands`: the type that f32 operands are multiplied in; "f32": by the reference. INVALID_ARGUMENT
  // and NOT_FOUND name the chips, and the types that the chip multiplies.
  static absl::StatusOr<std::unique_ptr<ChipInterpreter>> Create(
      absl::string_view chip, absl::string_view f32_operands = "f32");

  // NOT_FOUND when the graph multiplies a 16-bit type that the chip has no unit for.
  absl::StatusOr<std::vector<HostTensor>> Evaluate(const Graph& graph,
                                                   absl::Span<const HostTensor> inputs) override;

 private:
  ChipInterpreter(chips::Generation generation, chips::Format f32_operands)
      : generation_(generation), f32_operands_(f32_operands) {}

  absl::StatusOr<std::vector<HostTensor>> Run(const Node& node,
                                              absl::Span<const HostTensor> inputs) const;

  chips::Generation generation_;
  chips::Format f32_operands_;
};

// Registers "as_v100", "as_a100", "as_l40s", "as_h100", "as_b200" and "as_mi300x" in EvaluatorRegistry(), f32
// operands as f32.
void RegisterChipInterpreters();

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_CHIP_INTERPRETER_H_
