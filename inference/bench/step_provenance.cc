#include "inference/bench/step_provenance.h"

#include <vector>

namespace strata::inference {
namespace {

// The graph after the last pass. The runner keeps the plan alone, so the passes run once more.
absl::StatusOr<graph::Graph> Lowered(const graph::Graph& graph,
                                     const compiler::CompiledEvaluator::Options& options) {
  graph::Graph lowered = graph;
  compiler::CompileOptions compile = options.compile_options;
  compile.observer = [&](absl::string_view, bool, const graph::Graph& after) { lowered = after; };
  STRATA_ASSIGN_OR_RETURN(const auto compiler, compiler::CreateCompiler(options.compiler));
  STRATA_RETURN_IF_ERROR(compiler->Compile(graph, options.chip, compile).status());
  return lowered;
}

}  // namespace

absl::StatusOr<compiler::Provenance> StepProvenance(
    CompiledStepRunner* runner, absl::Span<const StepRow> rows, const chips::Chip& host,
    const compiler::CompiledEvaluator::Options& options, int runs) {
  if (runs < 1) return absl::InvalidArgumentError("runs: give 1 or more");
  std::vector<chips::Timeline> timelines(static_cast<size_t>(runs));
  STRATA_RETURN_IF_ERROR(runner->Profile(rows, &timelines[0]).status());  // warm-up
  const plan::Plan* plan = nullptr;
  for (chips::Timeline& timeline : timelines) {
    timeline.Clear();
    STRATA_ASSIGN_OR_RETURN(plan, runner->Profile(rows, &timeline));
  }
  STRATA_ASSIGN_OR_RETURN(const graph::Graph* graph, runner->GraphOf(rows));
  STRATA_ASSIGN_OR_RETURN(const graph::Graph lowered, Lowered(*graph, options));
  STRATA_ASSIGN_OR_RETURN(compiler::Provenance provenance,
                          compiler::TraceProvenance(lowered, *plan, host));
  STRATA_RETURN_IF_ERROR(compiler::SetMeasured(timelines, &provenance));
  return provenance;
}

}  // namespace strata::inference
