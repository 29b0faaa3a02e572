// The instruction set of the DaVinci core: a cube of 16 x 16 x 16 multiply-adds with buffers of its own
// for A, B and C, a vector unit on the unified buffer, and three memory transfer engines, each with its
// queue ("pipe"). The document made of this table is chips/npu/davinci/ISA.md.
//
// After Liao et al., "DaVinci: A Scalable Architecture for Neural Network Computing", Hot Chips 31, 2019,
// and Liao et al., "Ascend: a Scalable and Unified Architecture for Ubiquitous Deep Neural Network
// Computing", HPCA 2021; pipes and flags as in Huawei's public CANN documentation (SetFlag, WaitFlag,
// PipeBarrier). Encodings, and what is not published, are this model's own.
#ifndef STRATA_CHIPS_NPU_DAVINCI_DAVINCI_ISA_H_
#define STRATA_CHIPS_NPU_DAVINCI_DAVINCI_ISA_H_

#include <cstdint>

#include "chips/npu/isa/isa.h"

namespace strata::chips::npu::davinci {

// Indices into DavinciIsa().units. The scalar unit is the control unit.
enum Pipe : int { kS = kControlUnit, kMte1, kMte2, kMte3, kM, kV };

// Indices into DavinciIsa().memories.
enum Buffer : int { kGm, kL1, kL0a, kL0b, kL0c, kUb };

enum Opcode : uint8_t {
  kLdL1 = 0x10,
  kLdUb = 0x11,
  kFillL1 = 0x12,
  kLoadAI8 = 0x20,
  kLoadAF16 = 0x21,
  kLoadTAI8 = 0x22,
  kLoadTAF16 = 0x23,
  kLoadBI8 = 0x24,
  kLoadBF16 = 0x25,
  kLoadTBI8 = 0x26,
  kLoadTBF16 = 0x27,
  kLoad3dI8 = 0x28,
  kLoad3dF16 = 0x29,
  kMvUb = 0x2a,
  kMmadI8 = 0x30,
  kMmadaI8 = 0x31,
  kMmadF16 = 0x32,
  kMmadaF16 = 0x33,
  kMvC = 0x40,
  kVcfg = 0x41,
  kVquantcI8 = 0x42,
  kVfill32 = 0x43,
  kVcsumI32 = 0x44,
  kVconvI8I32 = 0x48,
  kVconvI32F32 = 0x49,
  kVconvF16F32 = 0x4a,
  kVconvF32F16 = 0x4b,
  kVaddI32 = 0x50,
  kVsubI32 = 0x51,
  kVmulI32 = 0x52,
  kVmaxI32 = 0x53,
  kVminI32 = 0x54,
  kVaddF32 = 0x58,
  kVsubF32 = 0x59,
  kVmulF32 = 0x5a,
  kVmaxF32 = 0x5b,
  kVminF32 = 0x5c,
  kVaddF16 = 0x60,
  kVsubF16 = 0x61,
  kVmulF16 = 0x62,
  kVmaxF16 = 0x63,
  kVminF16 = 0x64,
  kVmaxI8 = 0x68,
  kVminI8 = 0x69,
  kVaddsI32 = 0x70,
  kVmulsI32 = 0x71,
  kVmaxsI32 = 0x72,
  kVminsI32 = 0x73,
  kVreluI32 = 0x78,
  kVreluF32 = 0x79,
  kVreluF16 = 0x7a,
  kStUb = 0x80,
  kMvL1 = 0x81,
};

inline constexpr int64_t kSide = 16;           // of the cube, and of its blocks of C
inline constexpr int64_t kFractalBytes = 512;  // 16 rows of 32 bytes
inline constexpr int64_t kFractalRowBytes = 32;
inline constexpr int64_t kCRowBytes = kSide * 4;  // of a block of C
inline constexpr int64_t kUbBlockBytes = 32;      // what the vector unit works in

const Isa& DavinciIsa();

}  // namespace strata::chips::npu::davinci

#endif  // STRATA_CHIPS_NPU_DAVINCI_DAVINCI_ISA_H_
