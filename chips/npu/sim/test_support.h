// What the tests of this folder share: cores by name, programs from text.
#ifndef STRATA_CHIPS_NPU_SIM_TEST_SUPPORT_H_
#define STRATA_CHIPS_NPU_SIM_TEST_SUPPORT_H_

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/array_core.h"

namespace strata::chips::npu {

inline std::unique_ptr<Core> CoreOf(const std::string& machine) {
  const absl::StatusOr<Machine> found = FindMachine(machine);
  EXPECT_OK(found.status());
  absl::StatusOr<std::unique_ptr<Core>> core = NewArrayCore(*found);
  EXPECT_OK(core.status());
  return *std::move(core);
}

inline Program Parse(const std::string& text) {
  absl::StatusOr<Program> program = Assemble(ArrayIsa(), text, "t.s");
  EXPECT_OK(program.status());
  return *std::move(program);
}

template <typename T>
void Put(const std::vector<T>& values, uint64_t address, std::vector<uint8_t>* memory) {
  ASSERT_LE(address + values.size() * sizeof(T), memory->size());
  std::memcpy(memory->data() + address, values.data(), values.size() * sizeof(T));
}

template <typename T>
std::vector<T> Get(const std::vector<uint8_t>& memory, uint64_t address, size_t count) {
  std::vector<T> values(count);
  EXPECT_LE(address + count * sizeof(T), memory.size());
  std::memcpy(values.data(), memory.data() + address, count * sizeof(T));
  return values;
}

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_TEST_SUPPORT_H_
