#include "compiler/driver/compiled_evaluator.h"

#include "absl/strings/str_cat.h"
#include "compiler/driver/lowering.h"

namespace strata::compiler {

absl::StatusOr<std::unique_ptr<CompiledEvaluator>> CompiledEvaluator::Create(Options options) {
  RegisterAllDevices();
  std::unique_ptr<CompiledEvaluator> evaluator(new CompiledEvaluator(std::move(options)));
  STRATA_ASSIGN_OR_RETURN(evaluator->compiler_, CreateCompiler(evaluator->options_.compiler));
  STRATA_ASSIGN_OR_RETURN(
      evaluator->device_,
      DeviceRegistry().Create(evaluator->options_.device, evaluator->options_.device_options));
  return evaluator;
}

absl::StatusOr<std::vector<graph::HostTensor>> CompiledEvaluator::Evaluate(
    const graph::Graph& graph, absl::Span<const graph::HostTensor> inputs) {
  STRATA_ASSIGN_OR_RETURN(auto sizes, graph::MatchInputs(graph, inputs));
  STRATA_ASSIGN_OR_RETURN(Loaded * loaded, Load(graph, sizes));
  return loaded->executable->Run(inputs, {});
}

absl::StatusOr<CompiledEvaluator::Loaded*> CompiledEvaluator::Load(
    const graph::Graph& graph, const std::map<std::string, int64_t>& sizes) {
  std::string key = absl::StrCat(Fingerprint(graph));
  for (const auto& [symbol, size] : sizes) absl::StrAppend(&key, ",", symbol, "=", size);
  auto it = loaded_.find(key);
  if (it != loaded_.end()) return it->second.get();

  STRATA_ASSIGN_OR_RETURN(const graph::Graph bound, graph::BindSymbols(graph, sizes));
  auto loaded = std::make_unique<Loaded>();
  STRATA_ASSIGN_OR_RETURN(loaded->plan,
                          compiler_->Compile(bound, options_.chip, options_.compile_options));
  STRATA_ASSIGN_OR_RETURN(loaded->executable, device_->Load(loaded->plan));
  return loaded_.emplace(key, std::move(loaded)).first->second.get();
}

void RegisterCompiledEvaluator() {
  graph::EvaluatorRegistry().Register(
      "compiled", []() -> absl::StatusOr<std::unique_ptr<graph::Evaluator>> {
        STRATA_ASSIGN_OR_RETURN(auto evaluator, CompiledEvaluator::Create({}));
        return evaluator;
      });
}

}  // namespace strata::compiler
