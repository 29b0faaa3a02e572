#include "compiler/tools/reducer.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/tools/graph_edit.h"
#include "framework/graph/types.h"
#include "framework/graph/verifier.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using Clock = std::chrono::steady_clock;

// What all levels of a reduction share: the check, its limits and what has been tried.
struct Search {
  const ReduceOptions& options;
  Clock::time_point start;
  int checks = 0;
  absl::Status status;  // of the check

  bool Limited() const {
    if (!status.ok() || checks >= options.max_checks) return true;
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return options.max_seconds > 0 && seconds > options.max_seconds;
  }
};

// Reduces one graph, or one region of a graph (whose check puts it back into its place).
class Level {
 public:
  Level(Graph graph, ShowsFault shows_fault, bool is_region, Search* search)
      : graph_(std::move(graph)),
        shows_fault_(std::move(shows_fault)),
        is_region_(is_region),
        search_(*search) {}

  const Graph& Run() {
    bool changed = true;
    while (changed && !search_.Limited()) {
      changed = Outputs();
      changed |= Updates();
      changed |= Cuts();
      changed |= Bypasses();
      changed |= Regions();
      // A region's sizes follow from those of the graph around it.
      if (!is_region_) changed |= Sizes();
    }
    return graph_;
  }

 private:
  // Takes the candidate when it still shows the fault.
  bool Try(const absl::StatusOr<Graph>& candidate) {
    if (!candidate.ok() || search_.Limited()) return false;
    if (!tried_.insert(std::hash<std::string>()(candidate->SerializeAsString())).second)
      return false;
    ++search_.checks;
    const absl::StatusOr<bool> shows = shows_fault_(*candidate);
    if (!shows.ok()) search_.status = shows.status();
    if (!shows.ok() || !*shows) return false;
    graph_ = *candidate;
    if (search_.options.progress && !is_region_)
      search_.options.progress(CountNodes(graph_), search_.checks);
    return true;
  }

  // Tries `edit` on ranges of a list, halves first, then ever smaller ones, from the back to the front.
  bool Chunks(const std::function<int()>& size,
              const std::function<absl::StatusOr<Graph>(Range)>& edit) {
    bool changed = false;
    for (int chunk = size(); chunk >= 1; chunk /= 2) {
      for (int end = size(); end > 0; end = std::min(end - chunk, size())) {
        changed |= Try(edit({std::max(0, end - chunk), end}));
      }
    }
    return changed;
  }

  bool Outputs() {
    return Chunks([this] { return graph_.outputs_size(); },
                  [this](Range range) -> absl::StatusOr<Graph> {
                    // A graph without outputs computes nothing.
                    if (range.end - range.begin == graph_.outputs_size())
                      return absl::InvalidArgumentError("no outputs");
                    return DropOutputs(graph_, range);
                  });
  }

  bool Updates() {
    return Chunks([this] { return graph_.updates_size(); },
                  [this](Range range) { return DropUpdates(graph_, range); });
  }

  bool Cuts() {
    return Chunks([this] { return graph_.nodes_size(); },
                  [this](Range range) { return CutNodes(graph_, range); });
  }

  bool Bypasses() {
    bool changed = false;
    for (int n = graph_.nodes_size() - 1; n >= 0; --n) changed |= BypassAny(n);
    return changed;
  }

  bool BypassAny(int n) {
    if (n >= graph_.nodes_size()) return false;
    const int outputs = graph_.nodes(n).outputs_size(), inputs = graph_.nodes(n).inputs_size();
    for (int output = 0; output < outputs; ++output) {
      for (int input = 0; input < inputs; ++input) {
        if (Try(BypassNode(graph_, n, output, input))) return true;
      }
    }
    return false;
  }

  bool Regions() {
    bool changed = false;
    for (int n = graph_.nodes_size() - 1; n >= 0; --n) {
      if (n >= graph_.nodes_size() || graph_.nodes(n).regions_size() == 0) continue;
      changed |= Try(InlineRegion(graph_, n)) || ReduceRegion(n);
    }
    return changed;
  }

  bool ReduceRegion(int n) {
    const Graph around = graph_;
    const Graph region = around.nodes(n).regions(0);
    bool changed = false;
    const auto shows = [&](const Graph& candidate) -> absl::StatusOr<bool> {
      const absl::StatusOr<Graph> whole = ReplaceRegion(around, n, candidate);
      if (!whole.ok()) return false;
      STRATA_ASSIGN_OR_RETURN(const bool fails, shows_fault_(*whole));
      if (!fails) return false;
      graph_ = *whole;
      changed = true;
      return true;
    };
    Level(region, shows, /*is_region=*/true, &search_).Run();
    return changed;
  }

  bool Sizes() {
    bool changed = false;
    for (int64_t size : SizesOf(graph_)) {
      const std::set<int64_t> smaller = {1, 2, 3, size / 2, size - 1};
      for (int64_t less : smaller) {
        if (less < 1 || less >= size) continue;
        // With what is a multiple of it, so that reshapes stay right; else alone.
        const auto with_multiples = [&](int64_t d) { return d % size == 0 ? d / size * less : d; };
        const auto alone = [&](int64_t d) { return d == size ? less : d; };
        if (Try(ResizeDims(graph_, with_multiples)) || Try(ResizeDims(graph_, alone))) {
          changed = true;
          break;
        }
      }
    }
    for (int i = 0; i < graph_.inputs_size(); ++i) changed |= ShrinkInput(i);
    return changed;
  }

  bool ShrinkInput(int i) {
    bool changed = false;
    const auto dims = [this, i] {
      return graph::TypeOf(graph_.values(static_cast<int>(graph_.inputs(i).value()))).shape;
    };
    for (size_t d = 0; i < graph_.inputs_size() && d < dims().size(); ++d) {
      if (dims()[d].is_symbol() || dims()[d].size() <= 1) continue;
      changed |= Try(ResizeInput(graph_, i, static_cast<int>(d), 1));
    }
    return changed;
  }

  // Sizes of dims above 1, the largest first.
  static std::vector<int64_t> SizesOf(const Graph& graph) {
    std::set<int64_t, std::greater<int64_t>> sizes;
    for (const graph::Value& value : graph.values()) {
      for (const graph::Dim& dim : value.dims()) {
        if (dim.has_size() && dim.size() > 1) sizes.insert(dim.size());
      }
    }
    return {sizes.begin(), sizes.end()};
  }

  Graph graph_;
  ShowsFault shows_fault_;
  bool is_region_;
  Search& search_;
  std::set<size_t> tried_;  // hashes
};

}  // namespace

absl::StatusOr<ReducedGraph> Reduce(const Graph& graph, const ShowsFault& shows_fault,
                                    const ReduceOptions& options) {
  STRATA_RETURN_IF_ERROR(graph::Verify(graph));
  STRATA_ASSIGN_OR_RETURN(const bool shows, shows_fault(graph));
  if (!shows) {
    return absl::InvalidArgumentError(
        absl::StrCat("graph '", graph.name(),
                     "': the check finds no fault in it, so there is nothing to reduce"));
  }
  Search search{options, Clock::now(), 0, absl::OkStatus()};
  search.checks = 1;
  Level level(graph, shows_fault, /*is_region=*/false, &search);
  ReducedGraph reduction;
  reduction.graph = level.Run();
  STRATA_RETURN_IF_ERROR(search.status);
  reduction.checks = search.checks;
  reduction.complete = !search.Limited();
  return reduction;
}

}  // namespace strata::compiler
