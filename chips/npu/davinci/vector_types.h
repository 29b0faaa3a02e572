// How many sources a vector instruction has, and how wide its elements are.
#ifndef STRATA_CHIPS_NPU_DAVINCI_VECTOR_TYPES_H_
#define STRATA_CHIPS_NPU_DAVINCI_VECTOR_TYPES_H_

#include <cstdint>

#include "chips/npu/davinci/davinci_isa.h"

namespace strata::chips::npu::davinci {

struct VectorTypes {
  int sources = 0;           // 1, 2; 0: one and a scalar, or an instruction of its own kind
  int64_t from = 4, to = 4;  // bytes of an element
};

inline VectorTypes TypesOf(uint8_t opcode) {
  switch (opcode) {
    case kVconvI8I32:
      return {1, 1, 4};
    case kVconvF16F32:
      return {1, 2, 4};
    case kVconvF32F16:
      return {1, 4, 2};
    case kVconvI32F32:
    case kVreluI32:
    case kVreluF32:
      return {1, 4, 4};
    case kVreluF16:
      return {1, 2, 2};
    default:
      break;
  }
  if (opcode >= kVaddI32 && opcode <= kVminF32) return {2, 4, 4};
  if (opcode >= kVaddF16 && opcode <= kVminF16) return {2, 2, 2};
  if (opcode == kVmaxI8 || opcode == kVminI8) return {2, 1, 1};
  return {};
}

}  // namespace strata::chips::npu::davinci

#endif  // STRATA_CHIPS_NPU_DAVINCI_VECTOR_TYPES_H_
