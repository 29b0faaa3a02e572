#include "distributed/collective/tree_pipeline.h"

#include <algorithm>
#include <cmath>

#include "distributed/collective/blocks.h"

namespace strata::distributed {
namespace {

constexpr int64_t kLeastChunkBytes = 1 << 10;

// The step at which the edge into each rank carries its first chunk; -1 for the root.
std::vector<int> Starts(const TreePipeline::Tree& tree, int period) {
  std::vector<int> starts(tree.parent.size(), -2);
  starts[0] = -1;
  for (size_t rank = 0; rank < starts.size(); ++rank) {
    // Up to an edge that is known, and down again.
    std::vector<size_t> path;
    for (size_t at = rank; starts[at] == -2; at = static_cast<size_t>(tree.parent[at]))
      path.push_back(at);
    for (; !path.empty(); path.pop_back()) {
      const size_t at = path.back();
      const int earliest = starts[static_cast<size_t>(tree.parent[at])] + 1;
      const int wait = (tree.colour[at] - earliest % period + period) % period;
      starts[at] = earliest + wait;
    }
  }
  return starts;
}

int LastStart(const TreePipeline& pipeline) {
  int last = 0;
  for (const TreePipeline::Tree& tree : pipeline.trees) {
    const std::vector<int> starts = Starts(tree, pipeline.period);
    last = std::max(last, *std::max_element(starts.begin(), starts.end()));
  }
  return last;
}

// How many chunks a tree's part is cut into: where (last + 1 + period (k-1)) (alpha + beta part / k) is least.
int Chunks(int last_start, int period, int64_t part_bytes, const LinkModel& link) {
  const int64_t most = std::max<int64_t>(1, Blocks(part_bytes, kLeastChunkBytes));
  const double fill = std::max(0, last_start + 1 - period);
  const double best = std::sqrt(fill * link.beta_seconds_per_byte *
                                static_cast<double>(part_bytes) / (period * link.alpha_seconds));
  return static_cast<int>(
      std::clamp<int64_t>(std::llround(best), 1, std::min<int64_t>(most, 1 << 16)));
}

// What one rank does in a pipeline: its edges, each with the chunks it carries.
class Schedule {
 public:
  struct Transfer {
    int peer = -1;  // -1: nothing
    Piece chunk;
  };

  Schedule(const Wire& wire, const TreePipeline& pipeline, const Call& call)
      : period_(pipeline.period) {
    const int trees = static_cast<int>(pipeline.trees.size());
    const Segments parts(call.output, call.count, call.element_bytes(), trees);
    const int last = LastStart(pipeline);
    chunks_ = Chunks(last, period_, parts[0].bytes, wire.tuning().link);
    steps_ = last + period_ * (chunks_ - 1) + 1;
    for (int tree = 0; tree < trees; ++tree) {
      const Piece part = parts[tree];
      AddEdges(
          pipeline.trees[static_cast<size_t>(tree)], wire.rank(),
          Segments(part.data, part.bytes / call.element_bytes(), call.element_bytes(), chunks_));
    }
  }

  int steps() const { return steps_; }
  Transfer FromParent(int step) const { return Find(from_parent_, step); }
  Transfer ToChild(int step) const { return Find(to_child_, step); }

 private:
  struct Edge {
    int peer;
    int start;
    Segments chunks;
  };

  void AddEdges(const TreePipeline::Tree& tree, int rank, const Segments& chunks) {
    const std::vector<int> starts = Starts(tree, period_);
    for (int at = 1; at < static_cast<int>(starts.size()); ++at) {
      const int parent = tree.parent[static_cast<size_t>(at)],
                start = starts[static_cast<size_t>(at)];
      if (at == rank) from_parent_.push_back({parent, start, chunks});
      if (parent == rank) to_child_.push_back({at, start, chunks});
    }
  }

  Transfer Find(const std::vector<Edge>& edges, int step) const {
    for (const Edge& edge : edges) {
      const int since = step - edge.start;
      if (since >= 0 && since % period_ == 0 && since / period_ < chunks_)
        return {edge.peer, edge.chunks[since / period_]};
    }
    return {};
  }

  int period_;
  int chunks_;
  int steps_;
  std::vector<Edge> from_parent_, to_child_;
};

}  // namespace

absl::Status PipelineBroadcast(Wire& wire, const TreePipeline& pipeline, const Call& call) {
  const Schedule schedule(wire, pipeline, call);
  for (int step = 0; step < schedule.steps(); ++step) {
    const auto in = schedule.FromParent(step), out = schedule.ToChild(step);
    STRATA_RETURN_IF_ERROR(wire.Exchange(out.peer, out.chunk, in.peer, in.chunk));
  }
  return absl::OkStatus();
}

absl::Status PipelineReduce(Wire& wire, const TreePipeline& pipeline, const Call& call) {
  const Schedule schedule(wire, pipeline, call);
  for (int step = schedule.steps() - 1; step >= 0; --step) {
    const auto out = schedule.FromParent(step), in = schedule.ToChild(step);
    STRATA_RETURN_IF_ERROR(
        wire.ExchangeCombine(out.peer, out.chunk, in.peer, in.chunk, in.chunk.data));
  }
  return absl::OkStatus();
}

int64_t PipelineBytes(const CallShape& shape) { return (shape.ranks - 1) * shape.bytes(); }

Cost PipelineCost(const TreePipeline& pipeline, const CallShape& shape) {
  const int trees = static_cast<int>(pipeline.trees.size());
  const int64_t part = Segments(nullptr, shape.count, shape.element_bytes, trees).Bytes(0, 1);
  const int last = LastStart(pipeline);
  const int chunks = Chunks(last, pipeline.period, part, shape.tuning.link);
  const double steps = last + pipeline.period * (chunks - 1) + 1;
  return {steps, steps * static_cast<double>(part) / chunks, 0};
}

}  // namespace strata::distributed
