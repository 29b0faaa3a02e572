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

enum ArrayOpcode : uint8_t {
  kLdL2 = 0x10,
  kLdL1 = 0x11,
  kMvL1 = 0x18,
  kMvL2 = 0x19,
  kLdwI8 = 0x20,
  kLdwBf16 = 0x21,
  kMmI8 = 0x28,
  kMmaI8 = 0x29,
  kMmBf16 = 0x2a,
  kMmaBf16 = 0x2b,
  kMmoI8 = 0x30,
  kMmoaI8 = 0x31,
  kMmoBf16 = 0x32,
  kMmoaBf16 = 0x33,
  kVcfg = 0x40,
  kVfill = 0x41,
  kVin = 0x42,
  kVout = 0x43,
  kVquantI8 = 0x44,
  kVcastBf16 = 0x45,
  kVwidenI8 = 0x46,
  kVwidenBf16 = 0x47,
  kVbiasI32 = 0x48,
  kVbiasF32 = 0x49,
  kVreluI32 = 0x4a,
  kVreluF32 = 0x4b,
  kVaddI32 = 0x4c,
  kVaddF32 = 0x4d,
  kVmaxI32 = 0x4e,
  kVmaxF32 = 0x4f,
  kVmulF32 = 0x50,
  kVmulI32 = 0x51,
  kVquantcI8 = 0x52,
  kStL2 = 0x60,
  kStL1 = 0x61,
};

const Isa& ArrayIsa();

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_ARRAY_ISA_H_
