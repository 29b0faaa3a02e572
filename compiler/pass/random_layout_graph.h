// Random graphs full of transposes, and what they move: for tests of passes that save it.
#ifndef STRATA_COMPILER_PASS_RANDOM_LAYOUT_GRAPH_H_
#define STRATA_COMPILER_PASS_RANDOM_LAYOUT_GRAPH_H_

#include <cstdint>

#include "framework/graph/graph.pb.h"

namespace strata::compiler {

struct LayoutGraphOptions {
  int nodes = 10;
  bool tree = false;  // every value is read once
};

// Matrices [4, 4] and cubes [4, 4, 4], so that every permutation fits; transposes, elementwise work with broadcasts,
// products with random flags, reductions, softmax, slices joined again. Values stay within a few units.
graph::Graph RandomLayoutGraph(uint32_t seed, const LayoutGraphOptions& options = {});

// Bytes that transposes read and write.
int64_t TransposedBytes(const graph::Graph& graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_RANDOM_LAYOUT_GRAPH_H_
