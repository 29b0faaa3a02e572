// The instruction set of the array core: a systolic array with weight planes, accumulators, a vector
// unit, two levels of scratchpad and DRAM. The document made of this table is chips/npu/ISA.md.
#ifndef STRATA_CHIPS_NPU_ISA_ARRAY_ISA_H_
#define STRATA_CHIPS_NPU_ISA_ARRAY_ISA_H_

#include <cstdint>

#include "chips/npu/isa/isa.h"

namespace strata::chips::npu {

// Indices into ArrayIsa().units.
enum ArrayUnit : int {
  kControl = kControlUnit,
  kLoad,
  kMove,
  kWeights,
  kMatrix,
  kVector,
  kStore,
};

// Indices into ArrayIsa().memories.
enum ArrayMemory : int {
  kDram,
  kL2,
  kL1,
  kAcc,
  kPlane,  // weight planes: addressed by plane, not by byte
};

// In each family of products the types stand in the order of ArrayTypes.
enum ArrayOpcode : uint8_t {
  kLdL2 = 0x10,
  kLdL1 = 0x11,
  kMvL1 = 0x18,
  kMvL2 = 0x19,
  kLdwI8 = 0x20,
  kLdwBf16,
  kLdwE4m3,
  kLdwE5m2,
  kLdwtI8,  // the same, transposed
  kLdwtBf16,
  kLdwtE4m3,
  kLdwtE5m2,
  kMmI8 = 0x28,  // C = A x W, C = C + A x W, of each type
  kMmaI8,
  kMmBf16,
  kMmaBf16,
  kMmE4m3,
  kMmaE4m3,
  kMmE5m2,
  kMmaE5m2,
  kMmoI8 = 0x30,
  kMmoaI8,
  kMmoBf16,
  kMmoaBf16,
  kMmoE4m3,
  kMmoaE4m3,
  kMmoE5m2,
  kMmoaE5m2,
  kVcfg = 0x40,
  kVfill,
  kVin,
  kVout,
  kVquantI8,
  kVquantcI8,
  kVmacI8,
  kVcastBf16 = 0x48,  // ACC to L1
  kVcastE4m3,
  kVcastE5m2,
  kVcastI8,
  kVwidenBf16,  // L1 to ACC
  kVwidenE4m3,
  kVwidenE5m2,
  kVwidenI8,
  kStL2 = 0x60,
  kStL1 = 0x61,
  kVaddF32 = 0x70,  // dst = a op b: from here to kVselect
  kVsubF32,
  kVmulF32,
  kVdivF32,
  kVpowF32,
  kVmaxF32,
  kVminF32,
  kVlessF32,
  kVlesseqF32,
  kVequalF32,
  kVaddI32 = 0x80,
  kVsubI32,
  kVmulI32,
  kVmaxI32,
  kVminI32,
  kVlessI32,
  kVlesseqI32,
  kVequalI32,
  kVselect,
  kVcopy = 0x90,  // dst = f(src): from here to kVreciprocalF32
  kVnegF32,
  kVabsF32,
  kVreluF32,
  kVsquareF32,
  kVroundBf16,
  kVreluI32,
  kVcvtF32,
  kVcvtI32,
  kVexpF32,  // functions by table and polynomial from here
  kVlogF32,
  kVsqrtF32,
  kVrsqrtF32,
  kVtanhF32,
  kVsigmoidF32,
  kVerfF32,
  kVsinF32,
  kVcosF32,
  kVreciprocalF32,
  kVsumF32 = 0xa8,  // of rows
  kVsumI32,
  kVmaxrF32,
  kVmaxrI32,
};

// The types of operands that the matrix unit takes.
enum ArrayType : int { kTypeI8, kTypeBf16, kTypeE4m3, kTypeE5m2 };

// What the operand `kind` of dst = a op b says: which of a and b is a column, one element a row.
enum ArrayOperandKind : int { kTiles = 0, kColumnB = 1, kColumnA = 2, kColumns = 3 };

constexpr bool IsVectorBinary(uint8_t opcode) { return opcode >= kVaddF32 && opcode <= kVselect; }
constexpr bool IsVectorUnary(uint8_t opcode) {
  return opcode >= kVcopy && opcode <= kVreciprocalF32;
}
constexpr bool IsVectorReduction(uint8_t opcode) {
  return opcode >= kVsumF32 && opcode <= kVmaxrI32;
}
// That a lane takes several passes for.
constexpr bool IsSpecialFunction(uint8_t opcode) {
  return opcode == kVdivF32 || opcode == kVpowF32 ||
         (opcode >= kVexpF32 && opcode <= kVreciprocalF32);
}

const Isa& ArrayIsa();

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_ARRAY_ISA_H_
