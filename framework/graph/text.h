// The stable text form of a Graph: what a person reads, writes, and keeps beside a test.
//
//   graph "mlp" {
//     %x: f32[B, 4] = input data
//     %w: f32[4, 8] sharding("", "tp") = input parameter
//     %y: f32[B, 8] = matmul(%x, %w) {transpose_a = false} @ "fc (llm/x.cc:3)"
//     %f: f32[B, 8] = fusion(%y) {kind = "loop"} graph "body" {
//       %a: f32[B, 8] = input data
//       %b: f32[B, 8] = relu(%a)
//       return %b as "b" replicated
//     }
//     return %f as "f" sharded
//     update %w with %w2
//   }
//
// A line a value: its name, its type, after it `sharding(axis, ...)` and `gradient_of(parameter)`
// where set, and what makes it: an input of a kind (data, parameter, state), or an op with
// operands, {attributes}, @ origin, regions. Attributes: int `3`; float with a point or exponent,
// `inf`, `nan`; `true`; `"string"`; dtype `f32`; `ints[1, 2]`; `floats[0.5]`; `dims[B, 4]`. Strings
// escape \" \\ \n \t and \xHH. A comment runs from // to the end of its line.
#ifndef STRATA_FRAMEWORK_GRAPH_TEXT_H_
#define STRATA_FRAMEWORK_GRAPH_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "framework/graph/graph.pb.h"

namespace strata::graph {

// The text of a graph that Verify() accepts. Parsing it gives the same message when values are
// numbered in the order in which they are made (as Builder does), and the same text always.
std::string PrintGraph(const Graph& graph);

// The verified graph. INVALID_ARGUMENT starts with "`where`:line:column: ". Safe on any input:
// depth of regions is bounded, memory is linear in the text.
absl::StatusOr<Graph> ParseGraph(absl::string_view text, absl::string_view where);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_TEXT_H_
