// The table of all op definitions.
#ifndef STRATA_FRAMEWORK_GRAPH_OPS_ALL_OPS_H_
#define STRATA_FRAMEWORK_GRAPH_OPS_ALL_OPS_H_

namespace strata::graph {

// Fills OpRegistry::Get() once; later calls do nothing. Thread-safe. Builder, verifier and
// interpreter call it.
void RegisterAllOps();

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_OPS_ALL_OPS_H_
