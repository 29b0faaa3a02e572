// Padding: whether a symbolic dim may be made larger than it is without changing what a caller sees.
//
//   STRATA_RETURN_IF_ERROR(CheckPaddable(graph, "B"));          // batch-like: no sum crosses it
//   const HostTensor more = PadTo(x, {8, 768});                 // was [5, 768]: rows 5, 6, 7 repeat row 4
//   ... run the plan made for B = 8 ...
//   const HostTensor y = FrontOf(output, {5, 768});             // what the plan for B = 5 would have given
//
// CheckPaddable proves, node by node, that a run with the larger size has the run with the real size in its front: the
// element at i < n of every axis of that size depends only on such elements. Causal attention over one symbol keeps the
// front too, so a sequence may be padded at its end. Padding repeats the last real row instead of writing zeros: then
// padded rows compute what a real row computes, and indices (of an embedding, say) stay in their domain.
// Sound, not complete: an op that is not in its table is refused.
#ifndef STRATA_COMPILER_DRIVER_PADDING_H_
#define STRATA_COMPILER_DRIVER_PADDING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

// FAILED_PRECONDITION names the first node (or update) that may mix padded rows into real ones, and why. `graph` is
// verified; passes have not run on it.
absl::Status CheckPaddable(const graph::Graph& graph, const std::string& symbol);

// `tensor` grown to `dims` (each >= its own; a dim of size 0 cannot grow), last slices repeated.
graph::HostTensor PadTo(const graph::HostTensor& tensor, const std::vector<int64_t>& dims);

// The elements with index < dims along every axis; `dims` are at most the tensor's.
graph::HostTensor FrontOf(const graph::HostTensor& tensor, const std::vector<int64_t>& dims);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_PADDING_H_
