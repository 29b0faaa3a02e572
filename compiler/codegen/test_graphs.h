// Graphs that the tests and the benchmark of code generation share.
#ifndef STRATA_COMPILER_CODEGEN_TEST_GRAPHS_H_
#define STRATA_COMPILER_CODEGEN_TEST_GRAPHS_H_

#include <string>
#include <vector>

#include "framework/graph/builder.h"

namespace strata::compiler::testing_graphs {

// A composite op over f32 inputs of these shapes, decomposed into primitives.
graph::Graph Decomposed(const std::string& op, const std::vector<graph::Shape>& shapes,
                        const graph::Attributes& attributes = {});

graph::Graph Softmax(int64_t rows, int64_t columns);
graph::Graph LayerNorm(int64_t rows, int64_t columns);
graph::Graph BiasGelu(int64_t rows, int64_t columns, bool approximate);
// The gradients of gamma and beta: sums over rows of dy * (x - mean) * rstd and of dy, which is dx * scale and is an
// output too.
graph::Graph ColumnSums(int64_t rows, int64_t columns);

// Appends a fusion node with this region to `b`, with inputs and outputs named after `name`.
void AddFusion(const graph::Graph& region, const std::string& name, graph::Builder* b);

// A graph with nothing but that.
graph::Graph Fused(const graph::Graph& region);

}  // namespace strata::compiler::testing_graphs

#endif  // STRATA_COMPILER_CODEGEN_TEST_GRAPHS_H_
