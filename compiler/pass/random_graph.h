// Random graphs of primitives, for tests that hold a pass or a compiler to the interpreter.
#ifndef STRATA_COMPILER_PASS_RANDOM_GRAPH_H_
#define STRATA_COMPILER_PASS_RANDOM_GRAPH_H_

#include <cstdint>
#include <vector>

#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

struct RandomGraph {
  graph::Graph graph;
  std::vector<graph::HostTensor> inputs;
};

// About `nodes` nodes over small shapes: elementwise ops with broadcasts, constants, reductions, views, movements,
// matrix products, repeated and dead subexpressions, state with updates. Values stay within a few units, far from the
// steep parts of exp and division. The same seed gives the same graph.
RandomGraph MakeRandomGraph(uint32_t seed, int nodes);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_RANDOM_GRAPH_H_
