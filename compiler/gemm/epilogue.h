// EpilogueOf(): what follows a product in the region of a fusion (the pass epilogue_fusion) as the
// GemmEpilogue that EmitGemm takes.
//
//   STRATA_ASSIGN_OR_RETURN(RegionEpilogue e, EpilogueOf(fusion.regions(0), problem));
//   EmitGemm(problem, config, isa, e.epilogue);   // the kernel's operands: those that e.inputs and e.outputs name
//
// A nest a result, in the order of the region: out[i, j] = the formula of the value, in which
// results before it are read back (they are in the nearest cache). Values that are no result are
// written out where they are used.
#ifndef STRATA_COMPILER_GEMM_EPILOGUE_H_
#define STRATA_COMPILER_GEMM_EPILOGUE_H_

#include <utility>
#include <vector>

#include "base/status.h"
#include "compiler/gemm/emit.h"
#include "compiler/gemm/problem.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

struct RegionEpilogue {
  GemmEpilogue epilogue;
  int a = 0, b = 0;          // the product's operands: positions in region.inputs
  std::vector<int> inputs;   // of epilogue.inputs: positions in region.inputs
  std::vector<int> outputs;  // of epilogue.outputs: positions in region.outputs
  int product = -1;          // the product itself: a position in region.outputs, or -1
  // (position in epilogue.inputs, in epilogue.outputs): the result may take over the operand's
  // storage, for every element is read before the same element of the result is written, and never
  // after.
  std::vector<std::pair<int, int>> in_place;
};

// UNIMPLEMENTED says what has no formula, or that the formulas would be too long.
absl::StatusOr<RegionEpilogue> EpilogueOf(const graph::Graph& region, const GemmProblem& problem);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_GEMM_EPILOGUE_H_
