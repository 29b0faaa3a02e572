// The banks of a core's memories, and which of them an instruction touches.
#ifndef STRATA_CHIPS_NPU_SIM_BANKS_H_
#define STRATA_CHIPS_NPU_SIM_BANKS_H_

#include <cstdint>
#include <vector>

#include "chips/npu/sim/core.h"

namespace strata::chips::npu {

// Banks of all memories, numbered through.
struct BankMap {
  explicit BankMap(const Core& core);

  // Appends the numbers of the banks between an access's first and last byte.
  void Append(const Access& access, std::vector<int>* banks) const;

  std::vector<int> first;           // of each memory
  std::vector<int64_t> bank_bytes;  // of each memory
  std::vector<bool> is_dram;        // of each bank
};

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_BANKS_H_
