#include "llm/train/step_engine.h"

namespace strata::llm {

absl::Status StepEngine::Prepare(const graph::Graph& program) {
  STRATA_ASSIGN_OR_RETURN(loaded_[&program], compiled_->Load(program, {}));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<graph::HostTensor>> StepEngine::Evaluate(
    const graph::Graph& graph, absl::Span<const graph::HostTensor> inputs) {
  const auto known = loaded_.find(&graph);
  if (known == loaded_.end()) return compiled_->Evaluate(graph, inputs);
  return known->second->executable->Run(inputs, {timeline_});
}

}  // namespace strata::llm
