#include "compiler/driver/compiled_evaluator.h"

#include "absl/strings/str_cat.h"
#include "compiler/driver/lowering.h"
#include "compiler/driver/plan_cache.h"

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
  STRATA_ASSIGN_OR_RETURN(DynamicExecutable * executable, Dynamic(graph));
  return executable->Run(inputs);
}

absl::StatusOr<DynamicExecutable*> CompiledEvaluator::Dynamic(const graph::Graph& graph) {
  const uint64_t fingerprint = Fingerprint(graph);
  const std::lock_guard<std::mutex> lock(mutex_);
  auto it = dynamic_.find(fingerprint);
  if (it != dynamic_.end()) return it->second.get();
  STRATA_ASSIGN_OR_RETURN(const ShapeGuards guards, ShapeGuards::Create(graph, {}));
  DynamicExecutable::Options options{options_.compiler,       options_.device,
                                     options_.device_options, options_.compile_options,
                                     options_.chip,           {},
                                     options_.capacity};
  for (const std::string& symbol : guards.Symbols()) {
    auto spec = options_.symbols.find(symbol);
    if (spec != options_.symbols.end()) options.symbols.insert(*spec);
  }
  STRATA_ASSIGN_OR_RETURN(auto executable, DynamicExecutable::Create(graph, std::move(options)));
  return dynamic_.emplace(fingerprint, std::move(executable)).first->second.get();
}

absl::StatusOr<CompiledEvaluator::Loaded*> CompiledEvaluator::Load(
    const graph::Graph& graph, const std::map<std::string, int64_t>& sizes) {
  std::string key = absl::StrCat(Fingerprint(graph));
  for (const auto& [symbol, size] : sizes) absl::StrAppend(&key, ",", symbol, "=", size);
  auto it = loaded_.find(key);
  if (it != loaded_.end()) return it->second.get();

  STRATA_ASSIGN_OR_RETURN(const graph::Graph bound, graph::BindSymbols(graph, sizes));
  auto loaded = std::make_unique<Loaded>();
  STRATA_ASSIGN_OR_RETURN(
      loaded->plan, CompileCached(*compiler_, options_.compiler, bound, options_.chip,
                                  options_.compile_options, options_.device_options.cache_dir));
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
