// FlowNetwork: the least cut between two vertices, by the largest flow between them (Dinic 1970).
//
//   FlowNetwork network(4);
//   network.AddEdge(0, 1, 3);
//   ...
//   const int64_t flow = network.MaxFlow(0, 3);      // = capacity of the least cut
//   network.ReachesSink(v);                          // v is on the sink's side of the cut nearest to the sink
#ifndef STRATA_COMPILER_MEMORY_MAX_FLOW_H_
#define STRATA_COMPILER_MEMORY_MAX_FLOW_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace strata::compiler {

class FlowNetwork {
 public:
  // No sum of capacities of a finite cut may reach it.
  static constexpr int64_t kInfinite = int64_t{1} << 60;

  explicit FlowNetwork(int vertices) : edges_of_(static_cast<size_t>(vertices)) {}

  void AddEdge(int from, int to, int64_t capacity);

  // Once. At least kInfinite when no finite cut parts the two.
  int64_t MaxFlow(int source, int sink);

  // After MaxFlow: whether more could flow from `vertex` to the sink.
  bool ReachesSink(int vertex) const { return reaches_sink_[static_cast<size_t>(vertex)]; }

 private:
  struct Edge {
    int to;
    int64_t left;  // capacity that is not used
  };

  bool FindLevels(int source, int sink);
  int64_t Augment(int source, int sink);
  void MarkSinkSide(int sink);

  std::vector<Edge> edges_;                 // edge e and its reverse e ^ 1
  std::vector<std::vector<int>> edges_of_;  // by vertex
  std::vector<int> level_;                  // by vertex: edges from the source; -1: not reached
  std::vector<size_t> next_;                // by vertex: the first edge worth trying
  std::vector<bool> reaches_sink_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_MEMORY_MAX_FLOW_H_
