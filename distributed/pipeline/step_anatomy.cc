#include "distributed/pipeline/step_anatomy.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using graph::Node;

bool IsMarked(const Graph& step, uint32_t value) {
  return !step.values(static_cast<int>(value)).gradient_of().empty();
}

class Analyser {
 public:
  explicit Analyser(const Graph& step) : step_(step) {
    anatomy_.phase.assign(static_cast<size_t>(step.nodes_size()), StepPhase::kUnused);
    anatomy_.maker.assign(static_cast<size_t>(step.values_size()), -1);
    anatomy_.readers.resize(static_cast<size_t>(step.values_size()));
    for (int n = 0; n < step.nodes_size(); ++n)
      for (uint32_t output : step.nodes(n).outputs()) anatomy_.maker[output] = n;
  }

  absl::StatusOr<StepAnatomy> Run() {
    MarkWhatGradientsNeed();
    MarkWhatDepends();
    MarkUsed();
    for (int n = 0; n < step_.nodes_size(); ++n) {
      if (!used_[static_cast<size_t>(n)]) continue;
      anatomy_.phase[static_cast<size_t>(n)] = PhaseOfNode(n);
      for (uint32_t input : step_.nodes(n).inputs()) anatomy_.readers[input].push_back(n);
    }
    STRATA_RETURN_IF_ERROR(CheckOptimizer());
    STRATA_RETURN_IF_ERROR(CheckUpdates());
    return std::move(anatomy_);
  }

 private:
  // Nodes that make a marked gradient, or go on to make one.
  void MarkWhatGradientsNeed() {
    std::vector<bool> wanted(anatomy_.maker.size());
    for (size_t v = 0; v < wanted.size(); ++v)
      wanted[v] = IsMarked(step_, static_cast<uint32_t>(v));
    to_gradient_.resize(anatomy_.phase.size());
    for (int n = step_.nodes_size() - 1; n >= 0; --n) {
      const Node& node = step_.nodes(n);
      const bool needed = std::any_of(node.outputs().begin(), node.outputs().end(),
                                      [&](uint32_t v) { return wanted[v]; });
      to_gradient_[static_cast<size_t>(n)] = needed;
      if (!needed) continue;
      for (uint32_t input : node.inputs()) wanted[input] = true;
    }
  }

  // Which values vary with the microbatch, and which follow a gradient (and so belong to the optimizer).
  void MarkWhatDepends() {
    varies_.resize(anatomy_.maker.size());
    follows_.resize(anatomy_.maker.size());
    for (const auto& input : step_.inputs()) {
      const graph::Value& value = step_.values(static_cast<int>(input.value()));
      // A scalar that comes with the call (the learning rate) is one for all microbatches.
      varies_[input.value()] = input.kind() == graph::DATA && value.dims_size() > 0;
    }
    for (int n = 0; n < step_.nodes_size(); ++n) {
      bool varies = false, follows = false;
      for (uint32_t input : step_.nodes(n).inputs()) {
        const bool total = IsMarked(step_, input) && !to_gradient_[static_cast<size_t>(n)];
        follows = follows || total || follows_[input];
        varies = varies || (varies_[input] && !total);
      }
      for (uint32_t output : step_.nodes(n).outputs()) {
        varies_[output] = varies;
        follows_[output] = follows;
      }
    }
  }

  void MarkUsed() {
    std::vector<bool> wanted(anatomy_.maker.size());
    for (const auto& output : step_.outputs()) wanted[output.value()] = true;
    used_.resize(anatomy_.phase.size());
    for (int n = step_.nodes_size() - 1; n >= 0; --n) {
      const Node& node = step_.nodes(n);
      for (uint32_t output : node.outputs())
        if (wanted[output]) used_[static_cast<size_t>(n)] = true;
      if (!used_[static_cast<size_t>(n)]) continue;
      for (uint32_t input : node.inputs()) wanted[input] = true;
    }
  }

  StepPhase PhaseOfNode(int n) const {
    const Node& node = step_.nodes(n);
    const uint32_t first = node.outputs(0);
    if (follows_[first]) return StepPhase::kOptimizer;
    if (!varies_[first]) return StepPhase::kBatchFree;
    bool backward = absl::StartsWith(node.origin(), "grad ");
    for (uint32_t input : node.inputs())
      backward = backward || anatomy_.PhaseOf(input) == StepPhase::kBackward;
    return backward ? StepPhase::kBackward : StepPhase::kForward;
  }

  absl::Status CheckOptimizer() const {
    for (int n = 0; n < step_.nodes_size(); ++n) {
      if (anatomy_.phase[static_cast<size_t>(n)] != StepPhase::kOptimizer) continue;
      for (uint32_t input : step_.nodes(n).inputs()) {
        if (IsMarked(step_, input) || !varies_[input] || follows_[input]) continue;
        return absl::InvalidArgumentError(absl::StrCat(
            "graph '", step_.name(), "': nodes[", n, "] (", step_.nodes(n).op(),
            ") of the optimizer reads '", step_.values(static_cast<int>(input)).name(),
            "', which differs between microbatches; only gradients may come from them"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckUpdates() const {
    for (int i = 0; i < step_.updates_size(); ++i) {
      const uint32_t output = step_.updates(i).output();
      if (follows_[output] || !varies_[output] || IsMarked(step_, output)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "graph '", step_.name(), "': updates[", i, "] ('",
          step_.values(static_cast<int>(step_.updates(i).input())).name(),
          "') depends on the batch without a gradient between; microbatches would each leave "
          "another value"));
    }
    return absl::OkStatus();
  }

  const Graph& step_;
  StepAnatomy anatomy_;
  std::vector<bool> to_gradient_, used_;  // by node
  std::vector<bool> varies_, follows_;    // by value
};

}  // namespace

absl::StatusOr<StepAnatomy> AnalyseStep(const Graph& step) { return Analyser(step).Run(); }

}  // namespace strata::distributed
