// Random graphs of matrix products and what may follow them in their kernels, for tests of epilogue
// fusion.
#ifndef STRATA_COMPILER_PASS_RANDOM_PRODUCT_GRAPH_H_
#define STRATA_COMPILER_PASS_RANDOM_PRODUCT_GRAPH_H_

#include <cstdint>

#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// About `nodes` nodes over [B, T, N] and views of it, sizes with remainders and ones among them:
// products of f32 and of bf16 in all orders of their operands, elementwise ops with numbers, rows,
// columns and whole tiles, casts, reshapes; and what stays outside: reductions, transposes,
// selects, broadcasts over the batch. Values stay of order one. The same seed gives the same graph.
graph::Graph MakeRandomProductGraph(uint32_t seed, int nodes);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_RANDOM_PRODUCT_GRAPH_H_
