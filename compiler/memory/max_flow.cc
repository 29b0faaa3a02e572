#include "compiler/memory/max_flow.h"

#include <algorithm>

namespace strata::compiler {
namespace {

size_t At(int i) { return static_cast<size_t>(i); }

}  // namespace

void FlowNetwork::AddEdge(int from, int to, int64_t capacity) {
  edges_of_[At(from)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({to, capacity});
  edges_of_[At(to)].push_back(static_cast<int>(edges_.size()));
  edges_.push_back({from, 0});
}

int64_t FlowNetwork::MaxFlow(int source, int sink) {
  int64_t flow = 0;
  while (flow < kInfinite && FindLevels(source, sink)) {
    next_.assign(edges_of_.size(), 0);
    while (const int64_t more = Augment(source, sink)) {
      flow += more;
      if (flow >= kInfinite) break;
    }
  }
  MarkSinkSide(sink);
  return flow;
}

bool FlowNetwork::FindLevels(int source, int sink) {
  level_.assign(edges_of_.size(), -1);
  level_[At(source)] = 0;
  std::vector<int> queue = {source};
  for (size_t head = 0; head < queue.size(); ++head) {
    for (int e : edges_of_[At(queue[head])]) {
      const Edge& edge = edges_[At(e)];
      if (edge.left == 0 || level_[At(edge.to)] >= 0) continue;
      level_[At(edge.to)] = level_[At(queue[head])] + 1;
      queue.push_back(edge.to);
    }
  }
  return level_[At(sink)] >= 0;
}

// Sends flow along one path of rising levels; 0 when there is none left.
int64_t FlowNetwork::Augment(int source, int sink) {
  std::vector<int> path;  // edges
  int at = source;
  while (at != sink) {
    size_t& next = next_[At(at)];
    const std::vector<int>& out = edges_of_[At(at)];
    while (next < out.size() && (edges_[At(out[next])].left == 0 ||
                                 level_[At(edges_[At(out[next])].to)] != level_[At(at)] + 1)) {
      ++next;
    }
    if (next < out.size()) {
      path.push_back(out[next]);
      at = edges_[At(out[next])].to;
      continue;
    }
    if (path.empty()) return 0;
    level_[At(at)] = -1;  // a dead end
    at = edges_[At(path.back() ^ 1)].to;
    path.pop_back();
  }
  int64_t flow = kInfinite;
  for (int e : path) flow = std::min(flow, edges_[At(e)].left);
  for (int e : path) {
    edges_[At(e)].left -= flow;
    edges_[At(e ^ 1)].left += flow;
  }
  return flow;
}

void FlowNetwork::MarkSinkSide(int sink) {
  reaches_sink_.assign(edges_of_.size(), false);
  reaches_sink_[At(sink)] = true;
  std::vector<int> queue = {sink};
  for (size_t head = 0; head < queue.size(); ++head) {
    for (int e : edges_of_[At(queue[head])]) {
      const int from = edges_[At(e)].to;  // the edge e ^ 1 leads from there to here
      if (edges_[At(e ^ 1)].left == 0 || reaches_sink_[At(from)]) continue;
      reaches_sink_[At(from)] = true;
      queue.push_back(from);
    }
  }
}

}  // namespace strata::compiler
