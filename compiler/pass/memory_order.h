// The pass "memory_order": reorders nodes to lower the peak of live bytes.
//
// A parameter's update runs right after its gradient, where no norm waits for all gradients, so that the gradient dies at
// once; what is made long before it is read is made later; what frees a large value runs earlier. Only the order of nodes
// changes, so results are the same to the bit. Collectives keep their order among themselves, which is the same on all
// ranks. What updates an input stays behind the readers of its old content, so that it can be written in place.
//
// The order is never worse than the one found: first the peak, then the sum of the live bytes over the steps. It runs
// last, on kernels rather than ops; a graph with symbolic dims stays as it is.
#ifndef STRATA_COMPILER_PASS_MEMORY_ORDER_H_
#define STRATA_COMPILER_PASS_MEMORY_ORDER_H_

#include <memory>

#include "compiler/memory/order.h"
#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateMemoryOrder();

// What the pass minimises: nodes of the graph by position, contents are values (a view is its base). A kernel of one
// iteration space may work in place, and so may the ops that `context` names. All dims are concrete.
OrderProblem OrderProblemOf(const graph::Graph& graph, const PassContext& context);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_MEMORY_ORDER_H_
