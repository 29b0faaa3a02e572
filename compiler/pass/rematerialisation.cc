#include "compiler/pass/rematerialisation.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/memory/order.h"
#include "compiler/pass/memory_order.h"
#include "compiler/pass/recompute.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Graph;

// From "a product is never worth its bytes" to "whatever can be made again is".
constexpr double kHighestPrice = 1.0 / 32, kLowestPrice = 1.0 / 65536;
constexpr int kMostBisections = 6;

// Inputs, results and the live bytes of a good order.
uint64_t EstimatedPeak(const Graph& graph, const PassContext& context) {
  uint64_t bytes = 0;
  std::set<uint32_t> updated;
  const auto add = [&](uint32_t id) {
    bytes += static_cast<uint64_t>(TypeOf(graph.values(static_cast<int>(id))).size_bytes());
  };
  for (const graph::Input& input : graph.inputs()) add(input.value());
  for (const graph::Update& update : graph.updates()) updated.insert(update.output());
  for (const graph::Output& output : graph.outputs()) {
    if (updated.count(output.value()) == 0) add(output.value());
  }
  const OrderProblem problem = OrderProblemOf(graph, context);
  return bytes + CostOfOrder(problem, LowerPeakOrder(problem)).peak;
}

// One way to spend flops for bytes.
struct Candidate {
  RecomputePolicy policy;
  Graph graph;
  double flops = 0;
  uint64_t peak = 0;
};

class Search {
 public:
  Search(const PassContext& context, const Graph& graph) : context_(context), graph_(graph) {}

  // The graph to go on with; nothing when it fits as it is.
  absl::StatusOr<std::optional<Candidate>> Run() {
    STRATA_ASSIGN_OR_RETURN(const uint64_t unchanged, Peak(graph_));
    if (unchanged <= context_.memory_budget_bytes) return std::optional<Candidate>();
    smallest_.peak = unchanged;
    const std::vector<int> checkpoints = Checkpoints();
    for (double price = kHighestPrice; price >= kLowestPrice; price /= 4) {
      std::optional<Candidate> best;
      for (int every : checkpoints) {
        RecomputePolicy policy{false, price};
        policy.checkpoint_every = every;
        STRATA_ASSIGN_OR_RETURN(std::optional<Candidate> candidate, Try(policy));
        if (!candidate.has_value() || !Fits(*candidate)) continue;
        if (!best.has_value() || candidate->flops < best->flops) best = std::move(candidate);
      }
      if (best.has_value()) return FewestNodes(*std::move(best));
    }
    return absl::ResourceExhaustedError(absl::StrFormat(
        "memory budget of %d bytes: graph '%s' needs %d bytes without making values again; the "
        "smallest budget "
        "reachable is %d bytes, with %.3g extra FLOPs",
        context_.memory_budget_bytes, graph_.name(), unchanged, smallest_.peak, smallest_.flops));
  }

 private:
  absl::StatusOr<uint64_t> Peak(const Graph& graph) const {
    if (context_.planned_peak) return context_.planned_peak(graph);
    return EstimatedPeak(graph, context_);
  }

  bool Fits(const Candidate& candidate) const {
    return candidate.peak <= context_.memory_budget_bytes;
  }

  // None, and the square root of the depth: about the fewest bytes for one more forward pass.
  std::vector<int> Checkpoints() const {
    const int root =
        static_cast<int>(std::lround(std::sqrt(static_cast<double>(ForwardDepth(graph_)))));
    if (root < 2) return {0};
    return {0, root};
  }

  // Nothing when the policy makes nothing again, or only what another did.
  absl::StatusOr<std::optional<Candidate>> Try(const RecomputePolicy& policy) {
    Candidate candidate{policy, graph_};
    STRATA_ASSIGN_OR_RETURN(const Recomputed done, Recompute(policy, &candidate.graph));
    if (done.nodes == 0 || !seen_.insert({done.nodes, done.flops}).second)
      return std::optional<Candidate>();
    candidate.flops = done.flops;
    STRATA_ASSIGN_OR_RETURN(candidate.peak, Peak(candidate.graph));
    if (candidate.peak < smallest_.peak) {
      smallest_.peak = candidate.peak;
      smallest_.flops = candidate.flops;
    }
    return std::optional<Candidate>(std::move(candidate));
  }

  // The same price among as few of the first nodes as still fit.
  absl::StatusOr<std::optional<Candidate>> FewestNodes(Candidate fits) {
    int too_few = 0, enough = graph_.nodes_size();
    for (int k = 0; k < kMostBisections && enough - too_few > 1; ++k) {
      RecomputePolicy policy = fits.policy;
      policy.among_first = too_few + (enough - too_few) / 2;
      STRATA_ASSIGN_OR_RETURN(std::optional<Candidate> fewer, Try(policy));
      const bool better = fewer.has_value() && Fits(*fewer) && fewer->flops <= fits.flops;
      (better ? enough : too_few) = policy.among_first;
      if (better) fits = *std::move(fewer);
    }
    return std::optional<Candidate>(std::move(fits));
  }

  const PassContext& context_;
  const Graph& graph_;
  Candidate smallest_;
  std::set<std::pair<int, double>> seen_;  // nodes and flops of the choices looked at
};

class Rematerialisation : public Pass {
 public:
  absl::string_view name() const override { return "rematerialisation"; }

  absl::StatusOr<bool> Run(const PassContext& context, Graph* graph) override {
    if (context.memory_budget_bytes == 0) return false;
    STRATA_ASSIGN_OR_RETURN(std::optional<Candidate> chosen, Search(context, *graph).Run());
    if (!chosen.has_value()) return false;
    if (context.recomputed_flops != nullptr) *context.recomputed_flops += chosen->flops;
    graph->Swap(&chosen->graph);
    return true;
  }
};

}  // namespace

std::unique_ptr<Pass> CreateRematerialisation() { return std::make_unique<Rematerialisation>(); }

}  // namespace strata::compiler
