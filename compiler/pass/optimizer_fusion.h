// The pass "optimizer_fusion": a parameter's whole update becomes one `fusion` node, before the
// general fusion.
//
//   %p_new, %m_new, %v_new = fusion(%p, %m, %v, %g, %rate, ...) {kind = "loop"} region { ... }
//
// An update is what makes the new values of a parameter and of the states that go with it
// (Graph.updates), from the gradient on: elementwise work over the parameter's elements that nobody
// else reads, back to values that are in memory anyway (a library's product, a value that the
// gradient norm reads too). So an optimizer step reads and writes every parameter, moment and
// gradient once, in place. Nothing here knows AdamW: momentum, weight averages, clipping and loss
// scaling are more nodes of the same kind. Numbers that all parameters share (learning rate, bias
// corrections, clip factor) stay outside and are made once.
//
// Updates of small parameters (gains, biases) cost a launch more than their bytes: those over one
// space are put side by side into one kernel, as many as its buffers allow.
//
// Left to the general fusion are updates whose gradient is made for them alone by a reduction or a
// movement of data (the gradient of a bias): there it joins the kernel that makes it, and is never
// written.
#ifndef STRATA_COMPILER_PASS_OPTIMIZER_FUSION_H_
#define STRATA_COMPILER_PASS_OPTIMIZER_FUSION_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateOptimizerFusion();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_OPTIMIZER_FUSION_H_
