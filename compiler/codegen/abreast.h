// What an emitted kernel does side by side, so that operations need not wait for each other: rows, the accumulators of a
// row's sum, and vectors on which functions with long chains of operations are computed.
#ifndef STRATA_COMPILER_CODEGEN_ABREAST_H_
#define STRATA_COMPILER_CODEGEN_ABREAST_H_

#include "compiler/loop/schedule.h"

namespace strata::compiler {

// Vectors of a row done at once where chains of operations are long; the most that _each functions of the prelude take.
inline constexpr int kAbreast = 4;

// Rows that are done at once, so that what they share is loaded once and a row's sums wait beside those of other rows:
// few enough that the rows and their buffers stay in the nearest cache. A row is the same whether others are done with it
// or not: it has one accumulator either way.
int RowsAtOnce(const loop::Nest& nest);

// Accumulators of a row's sum; rows that are short enough to be done a few at once have one each. How many depends on
// nothing but the row's length: else the order of its sum, and its bits, would depend on how many rows there are and on
// what else the kernel does.
int Accumulators(const loop::Computation& computation);

// Whether the prelude has a function for `expr` that does several vectors, step by step: v_exp_each and others.
bool HasEachForm(const loop::Nest& nest, int expr);
// Whether the body of a vector loop names such an expr.
bool HasLongChains(const loop::Nest& nest, const loop::Stmt& stmt);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_ABREAST_H_
