#include "distributed/pipeline/assign_stages.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "distributed/plan/glob.h"

namespace strata::distributed {
namespace {

class Assigner {
 public:
  Assigner(const graph::Graph& step, const StepAnatomy& anatomy, const StagePatterns& stages)
      : step_(step), anatomy_(anatomy), stages_(stages) {
    stage_.assign(static_cast<size_t>(step.nodes_size()), kNoStage);
    for (const auto& input : step.inputs())
      if (input.kind() == graph::PARAMETER) parameters_.insert(input.value());
  }

  absl::StatusOr<std::vector<int>> Run() {
    for (int n = 0; n < step_.nodes_size(); ++n) {
      const StepPhase phase = anatomy_.phase[static_cast<size_t>(n)];
      if (phase != StepPhase::kForward && phase != StepPhase::kBackward) continue;
      STRATA_RETURN_IF_ERROR(Place(n, phase));
    }
    return std::move(stage_);
  }

 private:
  int StageOf(uint32_t value) const {
    const int maker = anatomy_.maker[value];
    return maker < 0 ? kNoStage : stage_[static_cast<size_t>(maker)];
  }

  // The latest stage of the forward values that a node reads, and the earliest of the backward ones.
  struct Bounds {
    int low = 0;
    int high = 0;
    bool any_low = false;
  };
  Bounds BoundsOf(const graph::Node& node) const {
    Bounds bounds;
    bounds.high = static_cast<int>(stages_.size()) - 1;
    for (uint32_t input : node.inputs()) {
      const int stage = StageOf(input);
      if (stage == kNoStage) continue;
      if (anatomy_.PhaseOf(input) == StepPhase::kBackward) {
        bounds.high = std::min(bounds.high, stage);
      } else {
        bounds.low = std::max(bounds.low, stage);
        bounds.any_low = true;
      }
    }
    return bounds;
  }

  int StageOfParameters(const graph::Node& node) const {
    for (uint32_t input : node.inputs()) {
      if (parameters_.count(input) == 0) continue;
      const int stage = FindStage(stages_, step_.values(static_cast<int>(input)).name());
      if (stage != kNoStage) return stage;
    }
    return kNoStage;
  }

  absl::Status Place(int n, StepPhase phase) {
    const graph::Node& node = step_.nodes(n);
    const Bounds bounds = BoundsOf(node);
    int stage = FindStage(stages_, ModulePath(node.origin()));
    if (stage == kNoStage && phase == StepPhase::kForward) stage = StageOfParameters(node);
    if (stage == kNoStage) {
      stage = phase == StepPhase::kForward || bounds.any_low ? bounds.low : bounds.high;
    }
    if (stage < bounds.low || stage > bounds.high) return OutOfOrder(n, stage, bounds);
    stage_[static_cast<size_t>(n)] = stage;
    return absl::OkStatus();
  }

  absl::Status OutOfOrder(int n, int stage, const Bounds& bounds) const {
    const bool early = stage < bounds.low;
    return absl::InvalidArgumentError(
        absl::StrCat("graph '", step_.name(), "': nodes[", n, "] (", step_.nodes(n).op(), " @ \"",
                     step_.nodes(n).origin(), "\") is in stage ", stage, ", but reads a ",
                     early ? "value" : "gradient", " of stage ", early ? bounds.low : bounds.high,
                     "; name the modules of the stages in the order of the model"));
  }

  const graph::Graph& step_;
  const StepAnatomy& anatomy_;
  const StagePatterns& stages_;
  std::set<uint32_t> parameters_;
  std::vector<int> stage_;
};

}  // namespace

absl::StatusOr<std::vector<int>> AssignStages(const graph::Graph& step, const StepAnatomy& anatomy,
                                              const StagePatterns& stages) {
  return Assigner(step, anatomy, stages).Run();
}

std::string ModulePath(absl::string_view origin) {
  origin = origin.substr(0, origin.find("; "));
  while (absl::ConsumePrefix(&origin, "grad ")) {
  }
  return std::string(origin.substr(0, origin.find(" (")));
}

int FindStage(const StagePatterns& stages, absl::string_view path) {
  for (size_t stage = 0; stage < stages.size(); ++stage) {
    for (const std::string& pattern : stages[stage]) {
      for (size_t end = path.size();; end = path.rfind('.', end - 1)) {
        if (end == absl::string_view::npos || end == 0) break;
        if (parallel::FitsGlob(pattern, path.substr(0, end))) return static_cast<int>(stage);
      }
    }
  }
  return kNoStage;
}

}  // namespace strata::distributed
