// The pass "rematerialisation": makes forward values again in the backward pass, products and attention too, until the
// planned peak of memory fits the budget (PassContext::memory_budget_bytes; 0: the pass does nothing).
//
// Of the choices that fit, the one with the fewest extra flops that it finds: the price of a flop falls step by step
// (each price gives an exact choice, see recompute.h), with and without checkpoints, until the peak fits; then only as many of the first layers as it
// takes. The peak is asked of PassContext::planned_peak, which runs the rest of the pipeline; without one it is estimated
// on the graph as it stands: inputs, results, and the live bytes of a good order.
//
// RESOURCE_EXHAUSTED when nothing fits; it names the smallest budget that would have.
#ifndef STRATA_COMPILER_PASS_REMATERIALISATION_H_
#define STRATA_COMPILER_PASS_REMATERIALISATION_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateRematerialisation();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_REMATERIALISATION_H_
