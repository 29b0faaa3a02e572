// What the tests of this folder share: the core, programs from text, runs of them.
#ifndef STRATA_CHIPS_NPU_DAVINCI_TEST_SUPPORT_H_
#define STRATA_CHIPS_NPU_DAVINCI_TEST_SUPPORT_H_

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/npu/davinci/davinci_core.h"
#include "chips/npu/davinci/davinci_isa.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/verifier.h"

namespace strata::chips::npu::davinci {

inline std::unique_ptr<Core> DavinciCoreOf(const std::string& machine = "davinci_like") {
  const absl::StatusOr<Machine> found = FindMachine(machine);
  EXPECT_OK(found.status());
  absl::StatusOr<std::unique_ptr<Core>> core = NewDavinciCore(*found);
  EXPECT_OK(core.status());
  return *std::move(core);
}

inline Program ParseDavinci(const std::string& text) {
  absl::StatusOr<Program> program = Assemble(DavinciIsa(), text, "t.s");
  EXPECT_OK(program.status());
  return *std::move(program);
}

inline std::vector<uint8_t> RandomBytes(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// Verifies the program, runs it on GM that starts with `input`, and gives what it leaves in GM.
inline std::vector<uint8_t> RunDavinci(const std::string& text, const std::vector<uint8_t>& input) {
  const std::unique_ptr<Core> core = DavinciCoreOf();
  const Program program = ParseDavinci(text);
  EXPECT_OK(Verify(*core, program)) << text;
  absl::StatusOr<MemoryImage> image = NewImage(*core, program);
  EXPECT_OK(image.status());
  std::copy(input.begin(), input.end(), (*image)[kGm].begin());
  SimulationOptions options;
  options.image = &*image;
  EXPECT_OK(Simulate(*core, program, options).status());
  return (*image)[kGm];
}

template <typename T>
T At(const std::vector<uint8_t>& bytes, int64_t address) {
  T value;
  std::memcpy(&value, bytes.data() + address, sizeof(value));
  return value;
}

}  // namespace strata::chips::npu::davinci

#endif  // STRATA_CHIPS_NPU_DAVINCI_TEST_SUPPORT_H_
