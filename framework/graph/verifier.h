// Verify(): the one check of a Graph at every boundary. Code behind it trusts the message.
#ifndef STRATA_FRAMEWORK_GRAPH_VERIFIER_H_
#define STRATA_FRAMEWORK_GRAPH_VERIFIER_H_

#include "base/status.h"
#include "framework/graph/graph.pb.h"

namespace strata::graph {

// OK, or the first fault with its path: "graph 'mlp': nodes[3] (add): inputs[1]: ...". Checks
// version, names, ids, dependency order (a cycle cannot be ordered), single assignment, ops and
// attributes, that declared types are the inferred ones, outputs, updates, and regions recursively.
absl::Status Verify(const Graph& graph);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_VERIFIER_H_
