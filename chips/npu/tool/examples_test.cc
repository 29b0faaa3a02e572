#include <algorithm>
#include <cstring>
#include <random>

#include "base/file.h"
#include "base/status_matchers.h"
#include "chips/npu/isa/assembler.h"
#include "chips/npu/isa/encoding.h"
#include "chips/npu/machine/machine.h"
#include "chips/npu/sim/new_core.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/verifier.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

struct Example {
  std::string file, machine;
  int64_t m, k, n, w, c;  // sizes; addresses of W [k, n] int8 and C [m, n] int32; A is at 0
  bool relu;
};

// Runs a program through its binary form and compares with the naive product; gives its cycles.
int64_t CyclesOf(const Example& e) {
  const std::string text = *ReadFile(absl::StrCat("chips/npu/examples/", e.file));
  const std::unique_ptr<Core> core = *NewCore(*FindMachine(e.machine));
  const absl::StatusOr<Program> assembled = Assemble(core->isa(), text, e.file);
  EXPECT_OK(assembled.status());
  const absl::StatusOr<Program> program =
      DecodeProgram(core->isa(), *EncodeProgram(*assembled), e.file);
  EXPECT_OK(program.status());
  EXPECT_OK(Verify(*core, *program));
  MemoryImage image = *NewImage(*core, *program);
  std::vector<uint8_t>& dram = image[0];
  std::mt19937_64 random(3);
  for (int64_t i = 0; i < e.c; ++i) dram[static_cast<size_t>(i)] = static_cast<uint8_t>(random());
  SimulationOptions options;
  options.image = &image;
  const absl::StatusOr<Simulation> run = Simulate(*core, *program, options);
  EXPECT_OK(run.status());
  const auto at = [&](int64_t i) { return static_cast<int8_t>(dram[static_cast<size_t>(i)]); };
  int64_t wrong = 0;
  for (int64_t m = 0; m < e.m; ++m) {
    for (int64_t n = 0; n < e.n; ++n) {
      int32_t sum = 0, got = 0;
      for (int64_t k = 0; k < e.k; ++k) sum += at(m * e.k + k) * at(e.w + k * e.n + n);
      std::memcpy(&got, &dram[static_cast<size_t>(e.c + (m * e.n + n) * 4)], 4);
      wrong += got != (e.relu ? std::max(sum, 0) : sum);
    }
  }
  EXPECT_EQ(wrong, 0);
  return run->cycles;
}

TEST(Examples, DoubleBufferingIsFasterThanOneThingAtATime) {
  const Example matmul = {"matmul.s", "edge_16", 256, 512, 16, 0x20000, 0x30000, false};
  Example serial_matmul = matmul;
  serial_matmul.file = "matmul_serial.s";
  const int64_t serial = CyclesOf(serial_matmul), overlapped = CyclesOf(matmul);
  EXPECT_LT(overlapped * 10, serial * 7) << overlapped << " of " << serial;
}

TEST(Examples, FlagsAreFasterThanFencesOnTheDavinciCore) {
  const Example matmul = {"davinci_matmul.s", "davinci_like", 128, 512, 64, 0x10000, 0x20000, true};
  Example serial_matmul = matmul;
  serial_matmul.file = "davinci_matmul_serial.s";
  const int64_t serial = CyclesOf(serial_matmul), overlapped = CyclesOf(matmul);
  EXPECT_LT(overlapped * 10, serial * 7) << overlapped << " of " << serial;
}

}  // namespace
}  // namespace strata::chips::npu
