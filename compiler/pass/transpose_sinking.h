// transpose_sinking: local rules that move transposes towards the results, until they meet their inverse or a matrix
// product, whose flags take them in. No rule moves more bytes than there were.
//
//   matmul(transpose(x), y)            ->  matmul(x, y) {transpose_a}        a swap of the last two axes
//   transpose(matmul(x, y))            ->  matmul(y, x) with flags           (x y)ᵀ = yᵀ xᵀ
//   contract_leading(transpose(x), y)  ->  matmul(x, y)                      matrices
//   transpose(transpose(x))            ->  transpose(x), or x
//   f(transpose(x), transpose(y))      ->  transpose(f(x, y))                elementwise, one permutation; scalars and
//                                          vectors that need not move beside them; also concat
//   g(transpose(x))                    ->  transpose(g(x))                   softmax, slice, reductions that stay
//                                                                            reductions of rows (or of columns)
//
// A transpose sinks when its operator is its only reader and the result is no larger than what was transposed. Symbolic
// dims are fine. `layout_assignment` weighs what these rules leave: several readers, copies that could be shared.
#ifndef STRATA_COMPILER_PASS_TRANSPOSE_SINKING_H_
#define STRATA_COMPILER_PASS_TRANSPOSE_SINKING_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateTransposeSinking();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_TRANSPOSE_SINKING_H_
