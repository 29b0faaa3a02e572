// WriteFusionNodes(): the graph in which each group of nodes is one `fusion` node.
#ifndef STRATA_COMPILER_PASS_FUSION_REWRITE_H_
#define STRATA_COMPILER_PASS_FUSION_REWRITE_H_

#include "compiler/pass/fusion_group.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// Nodes that are in `found` in no way are dropped. A fusion node stands where its first result was
// made, has the joined origins of its members, and the attributes "kind" and "bytes_saved": what
// the members would read and write one by one, less what it does. Groups that lie on a circle after
// all are taken apart.
void WriteFusionNodes(FusionGroups found, graph::Graph* graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_FUSION_REWRITE_H_
