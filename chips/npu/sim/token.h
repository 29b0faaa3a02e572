// Tokens by number.
#ifndef STRATA_CHIPS_NPU_SIM_TOKEN_H_
#define STRATA_CHIPS_NPU_SIM_TOKEN_H_

#include "chips/npu/sim/core.h"

namespace strata::chips::npu {

inline constexpr int kTokens = kMaxUnits * kMaxUnits * kTokenIndices;

// Of a signal or a wait.
inline int TokenOf(const Resolved& instruction) {
  const auto& v = instruction.values;
  return static_cast<int>((v[0] * kMaxUnits + v[1]) * kTokenIndices + v[2]);
}

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_TOKEN_H_
