// What a random program grows by: one function a family of ops, which looks for operands among the program's values (or
// asks for new inputs), draws attributes, and tries. The table that names and weighs them is in random_ops.cc.
#ifndef STRATA_COMPILER_TOOLS_GROW_OPS_H_
#define STRATA_COMPILER_TOOLS_GROW_OPS_H_

#include "compiler/tools/program_maker.h"

namespace strata::compiler {

// ---- wishes
inline bool IsAny(const graph::TensorType&) { return true; }
inline bool IsFloat(const graph::TensorType& t) { return chips::IsFloat(t.dtype); }
inline bool IsNumber(const graph::TensorType& t) { return t.dtype != chips::BOOL; }
inline bool HasRank(const graph::TensorType& t) { return t.rank() > 0; }
inline bool IsFloatRow(const graph::TensorType& t) { return IsFloat(t) && HasRank(t); }
inline bool IsFloatMatrix(const graph::TensorType& t) { return IsFloat(t) && t.rank() >= 2; }

inline graph::Shape ShapeOf(const ProgramMaker::Dims& dims) {
  return graph::Shape(dims.begin(), dims.end());
}
// The shape with some dims at 1 and perhaps without its first ones: it broadcasts to the whole.
graph::Shape Narrowed(ProgramMaker& m, const ProgramMaker::Dims& dims);

// ---- grow_pointwise.cc
void GrowUnary(ProgramMaker& m);
void GrowBinary(ProgramMaker& m);
void GrowSelect(ProgramMaker& m);
void GrowCast(ProgramMaker& m);
void GrowSource(ProgramMaker& m);

// ---- grow_places.cc
void GrowReshape(ProgramMaker& m);
void GrowTranspose(ProgramMaker& m);
void GrowCut(ProgramMaker& m);
void GrowBroadcast(ProgramMaker& m);
void GrowAfter(ProgramMaker& m);

// ---- grow_products.cc
void GrowReduction(ProgramMaker& m);
void GrowMatmul(ProgramMaker& m);
void GrowContractLeading(ProgramMaker& m);
void GrowByteProduct(ProgramMaker& m);
void GrowRequantize(ProgramMaker& m);

// ---- grow_layers.cc
void GrowNorm(ProgramMaker& m);
void GrowActivation(ProgramMaker& m);
void GrowEmbedding(ProgramMaker& m);
void GrowLoss(ProgramMaker& m);
void GrowChoice(ProgramMaker& m);

// ---- grow_attention.cc
void GrowRope(ProgramMaker& m);
void GrowAttention(ProgramMaker& m);
void GrowPagedAttention(ProgramMaker& m);

// ---- grow_packed.cc
void GrowPacked(ProgramMaker& m);

// ---- grow_images.cc
void GrowConvolution(ProgramMaker& m);
void GrowPool(ProgramMaker& m);

// ---- grow_mixture.cc
void GrowMixture(ProgramMaker& m);

// ---- grow_state.cc
void GrowCacheUpdate(ProgramMaker& m);
void GrowOptimizer(ProgramMaker& m);

// ---- grow_collectives.cc
void GrowCollective(ProgramMaker& m);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_GROW_OPS_H_
