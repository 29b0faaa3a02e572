#include <random>

#include "base/file.h"
#include "base/status_matchers.h"
#include "chips/npu/isa/array_isa.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/isa/encoding.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/array_core.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/verifier.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

constexpr int64_t kM = 256, kK = 512, kN = 16;
constexpr int64_t kW = 0x20000, kC = 0x30000;

// Runs a program through its binary form and compares with the naive product; gives its cycles.
int64_t CyclesOf(const std::string& file) {
  const std::string text = *ReadFile(absl::StrCat("chips/npu/examples/", file));
  const absl::StatusOr<Program> assembled = Assemble(ArrayIsa(), text, file);
  EXPECT_OK(assembled.status());
  const absl::StatusOr<Program> program =
      DecodeProgram(ArrayIsa(), *EncodeProgram(*assembled), file);
  EXPECT_OK(program.status());
  const std::unique_ptr<Core> core = *NewArrayCore(*FindMachine("edge_16"));
  EXPECT_OK(Verify(*core, *program));
  MemoryImage image = *NewImage(*core, *program);
  std::vector<uint8_t>& dram = image[kDram];
  std::mt19937_64 random(3);
  for (int64_t i = 0; i < kC; ++i) dram[static_cast<size_t>(i)] = static_cast<uint8_t>(random());
  SimulationOptions options;
  options.image = &image;
  const absl::StatusOr<Simulation> run = Simulate(*core, *program, options);
  EXPECT_OK(run.status());
  const auto at = [&](int64_t i) { return static_cast<int8_t>(dram[static_cast<size_t>(i)]); };
  int64_t wrong = 0;
  for (int64_t m = 0; m < kM; ++m) {
    for (int64_t n = 0; n < kN; ++n) {
      int32_t sum = 0, got = 0;
      for (int64_t k = 0; k < kK; ++k) sum += at(m * kK + k) * at(kW + k * kN + n);
      std::memcpy(&got, &dram[static_cast<size_t>(kC + (m * kN + n) * 4)], 4);
      wrong += got != sum;
    }
  }
  EXPECT_EQ(wrong, 0);
  return run->cycles;
}

TEST(Examples, DoubleBufferingIsFasterThanOneThingAtATime) {
  const int64_t serial = CyclesOf("matmul_serial.s");
  const int64_t overlapped = CyclesOf("matmul.s");
  EXPECT_LT(overlapped * 10, serial * 7) << overlapped << " of " << serial;
}

}  // namespace
}  // namespace strata::chips::npu
