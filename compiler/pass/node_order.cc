#include "compiler/pass/node_order.h"

#include <functional>
#include <queue>

namespace strata::compiler {

using graph::Graph;
using graph::Node;

std::vector<size_t> InOrder(const Graph& graph, const std::vector<std::pair<int, Node>>& nodes) {
  std::vector<int> maker(static_cast<size_t>(graph.values_size()), -1);
  for (size_t n = 0; n < nodes.size(); ++n) {
    for (uint32_t id : nodes[n].second.outputs()) maker[id] = static_cast<int>(n);
  }
  std::vector<int> waits(nodes.size(), 0);
  std::vector<std::vector<int>> readers(nodes.size());
  for (size_t n = 0; n < nodes.size(); ++n) {
    for (uint32_t id : nodes[n].second.inputs()) {
      if (maker[id] < 0) continue;
      ++waits[n];
      readers[static_cast<size_t>(maker[id])].push_back(static_cast<int>(n));
    }
  }
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (size_t n = 0; n < nodes.size(); ++n) {
    if (waits[n] == 0) ready.push(static_cast<int>(n));
  }
  std::vector<size_t> ordered;
  while (!ready.empty()) {
    const size_t n = static_cast<size_t>(ready.top());
    ready.pop();
    ordered.push_back(n);
    for (int reader : readers[n]) {
      if (--waits[static_cast<size_t>(reader)] == 0) ready.push(reader);
    }
  }
  return ordered;
}

}  // namespace strata::compiler
