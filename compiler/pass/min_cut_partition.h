// The pass "min_cut_partition": which forward values a training step keeps for its backward pass, and which it makes
// again there because that is cheaper than the memory.
//
//   %h = matmul(%x, %w)                        %h = matmul(%x, %w)
//   %y = tanh(%h)                              %y = tanh(%h)
//   ...                                        ...
//   %dw = contract_leading(%y, %g)      ->     %h.kept = after(%h, %g)
//                                              %y.again = tanh(%h.kept)
//                                              %dw = contract_leading(%y.again, %g)
//
// The least cut of the joint graph (He and Yu, MLSys 2023): kept bytes against cheap elementwise work, which fuses into
// the kernels that read it; products, attention, reductions and collectives never run twice here. Exact for its prices;
// see recompute.h and memory/save_or_recompute.h. Inference graphs stay as they are.
#ifndef STRATA_COMPILER_PASS_MIN_CUT_PARTITION_H_
#define STRATA_COMPILER_PASS_MIN_CUT_PARTITION_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateMinCutPartition();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_MIN_CUT_PARTITION_H_
