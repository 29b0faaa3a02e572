#include "chips/npu/sim/banks.h"

#include <algorithm>

namespace strata::chips::npu {

BankMap::BankMap(const Core& core) {
  for (const MemorySpec& memory : core.memories()) {
    first.push_back(static_cast<int>(is_dram.size()));
    bank_bytes.push_back(std::max<int64_t>(memory.bytes / memory.banks, 1));
    is_dram.insert(is_dram.end(), static_cast<size_t>(memory.banks), memory.declared);
  }
}

void BankMap::Append(const Access& access, std::vector<int>* banks) const {
  if (access.rows == 0 || access.row_bytes == 0) return;
  const size_t memory = static_cast<size_t>(access.memory);
  const int64_t last = access.address + (access.rows - 1) * access.stride + access.row_bytes - 1;
  const int64_t end = last / bank_bytes[memory];
  for (int64_t bank = access.address / bank_bytes[memory]; bank <= end; ++bank) {
    banks->push_back(first[memory] + static_cast<int>(bank));
  }
}

}  // namespace strata::chips::npu
