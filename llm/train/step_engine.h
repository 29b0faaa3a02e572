// StepEngine: what runs a rank's programs in training: the compiler and the CPU device, a plan a program, compiled
// before the first step.
#ifndef STRATA_LLM_TRAIN_STEP_ENGINE_H_
#define STRATA_LLM_TRAIN_STEP_ENGINE_H_

#include <map>
#include <memory>
#include <vector>

#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "compiler/driver/compiled_evaluator.h"
#include "framework/graph/evaluator.h"

namespace strata::llm {

class StepEngine : public graph::Evaluator {
 public:
  explicit StepEngine(std::unique_ptr<compiler::CompiledEvaluator> compiled)
      : compiled_(std::move(compiled)) {}

  // Compiles and loads a program without symbols, which must outlive this and is known by its address from now on.
  absl::Status Prepare(const graph::Graph& program);
  // Of a prepared program.
  const plan::Plan& PlanOf(const graph::Graph& program) const { return loaded_.at(&program)->plan; }

  absl::StatusOr<std::vector<graph::HostTensor>> Evaluate(
      const graph::Graph& graph, absl::Span<const graph::HostTensor> inputs) override;

  // The kernels of the next Evaluate() are recorded there; null: no more.
  void Record(chips::Timeline* timeline) { timeline_ = timeline; }

 private:
  std::unique_ptr<compiler::CompiledEvaluator> compiled_;
  std::map<const graph::Graph*, compiler::CompiledEvaluator::Loaded*> loaded_;
  chips::Timeline* timeline_ = nullptr;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TRAIN_STEP_ENGINE_H_
