// layout_assignment: chooses the order of axes in which each value is kept, so that transposes move the fewest bytes.
//
// The model is layout_model.h: every value may be kept in the orders that the graph's transposes suggest, every node
// reads and writes some of them as they are, and what is read in another order than it was made in is copied once, for
// all readers. The choice is the optimum of that model by dynamic programming (layout_solver.h): exact on trees and on
// all graphs whose tables stay below 65536 entries; on others some nodes keep their order, so that the result is never
// worse than the graph was. The graph changes only when fewer bytes are moved.
//
//   %t = transpose(%x); %y = relu(%t); %z = matmul(%y, %w)    ->    %y = relu(%x); %z = matmul(%y, %w) {transpose_a}
//
// Where `transpose_sinking` follows one transpose at a time and needs a single reader, this pass weighs all readers at
// once, moves transposes up as well as down, and shares copies. Values need concrete dims.
#ifndef STRATA_COMPILER_PASS_LAYOUT_ASSIGNMENT_H_
#define STRATA_COMPILER_PASS_LAYOUT_ASSIGNMENT_H_

#include <memory>

#include "compiler/pass/pass.h"

namespace strata::compiler {

std::unique_ptr<Pass> CreateLayoutAssignment();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_LAYOUT_ASSIGNMENT_H_
