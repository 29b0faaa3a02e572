#include "chips/npu/sim/gemm.h"

#include <random>

#include "chips/npu/sim/reference_simulator.h"
#include "chips/npu/sim/simulator.h"
#include "chips/npu/sim/test_support.h"
#include "chips/npu/sim/verifier.h"
#include "chips/numerics/float16.h"
#include "chips/numerics/format.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

using ::testing::HasSubstr;

struct Run {
  Machine machine;
  GemmProgram gemm;
  MemoryImage image;
  Simulation simulation;
};

const Region& RegionNamed(const Program& program, const std::string& name) {
  for (const Region& region : program.regions) {
    if (region.name == name) return region;
  }
  ADD_FAILURE() << name;
  return program.regions.front();
}

// Verifies and runs on random inputs; small bf16 and fp8 numbers of both signs.
Run RunGemm(const std::string& name, const GemmShape& shape) {
  Run run;
  run.machine = *FindMachine(name);
  const absl::StatusOr<GemmProgram> gemm = MakeGemm(run.machine, shape);
  EXPECT_OK(gemm.status());
  run.gemm = *gemm;
  const std::unique_ptr<Core> core = CoreOf(name);
  EXPECT_OK(Verify(*core, run.gemm.program));
  run.image = *NewImage(*core, run.gemm.program);
  std::mt19937_64 random(7);
  std::vector<uint8_t>& dram = run.image[kDram];
  for (size_t i = 0; i + 1 < dram.size(); i += 2) {
    const uint64_t bits = random();
    const uint64_t small = shape.type == BF16 ? (bits & 0x80ff) | 0x3f00 : bits & 0xbfbf;
    const uint16_t value = static_cast<uint16_t>(shape.type == I8 ? bits : small);
    std::memcpy(&dram[i], &value, 2);
  }
  SimulationOptions options;
  options.image = &run.image;
  const absl::StatusOr<Simulation> simulation = Simulate(*core, run.gemm.program, options);
  EXPECT_OK(simulation.status());
  run.simulation = *simulation;
  options.image = nullptr;
  const absl::StatusOr<Simulation> timing = Simulate(*core, run.gemm.program, options);
  EXPECT_OK(timing.status());
  EXPECT_EQ(timing->cycles, run.simulation.cycles);
  return run;
}

void ExpectInt8(const Run& run, const GemmShape& s) {
  const Program& program = run.gemm.program;
  const auto size = [](int64_t a, int64_t b) { return static_cast<size_t>(a * b); };
  const auto a = Get<int8_t>(run.image[kDram], RegionNamed(program, "A").address, size(s.m, s.k));
  const auto w = Get<int8_t>(run.image[kDram], RegionNamed(program, "W").address, size(s.k, s.n));
  const auto c = Get<int32_t>(run.image[kDram], RegionNamed(program, "C").address, size(s.m, s.n));
  for (int64_t i = 0; i < s.m; ++i) {
    for (int64_t j = 0; j < s.n; ++j) {
      int32_t sum = 0;
      for (int64_t k = 0; k < s.k; ++k) sum += a[size(i, s.k) + k] * w[size(k, s.n) + j];
      ASSERT_EQ(c[size(i, s.n) + j], sum) << i << ", " << j;
    }
  }
}

float NumberAt(const uint8_t* at, DType type) {
  if (type == F8_E4M3) return static_cast<float>(Decode(Format::kE4M3, *at));
  if (type == F8_E5M2) return static_cast<float>(Decode(Format::kE5M2, *at));
  uint16_t bits;
  std::memcpy(&bits, at, 2);
  return Bf16ToFloat(bits);
}

// The order of sums that chips/npu/ISA.md defines.
void ExpectFloats(const Run& run, const GemmShape& s) {
  const Program& program = run.gemm.program;
  const auto size = [](int64_t a, int64_t b) { return static_cast<size_t>(a * b); };
  const uint8_t* a = &run.image[kDram][RegionNamed(program, "A").address];
  const uint8_t* w = &run.image[kDram][RegionNamed(program, "W").address];
  const auto c = Get<float>(run.image[kDram], RegionNamed(program, "C").address, size(s.m, s.n));
  const bool stationary = run.machine.array().dataflow() == WEIGHT_STATIONARY;
  const int64_t tile = run.gemm.tiles.k, bytes = s.type == BF16 ? 2 : 1;
  for (int64_t i = 0; i < s.m; ++i) {
    for (int64_t j = 0; j < s.n; ++j) {
      float sum = 0;
      for (int64_t begin = 0; begin < s.k; begin += tile) {
        float part = stationary ? 0 : sum;
        for (int64_t k = begin; k < std::min(begin + tile, s.k); ++k) {
          part += NumberAt(a + (i * s.k + k) * bytes, s.type) *
                  NumberAt(w + (k * s.n + j) * bytes, s.type);
        }
        sum = stationary && begin > 0 ? sum + part : part;
      }
      ASSERT_EQ(c[size(i, s.n) + j], sum) << i << ", " << j;
    }
  }
}

TEST(Gemm, Int8EqualsTheNaiveProduct) {
  const GemmShape shapes[] = {{1, 1, 1, I8, true},     {16, 16, 16, I8, true},
                              {33, 50, 35, I8, true},  {33, 50, 35, I8, false},
                              {600, 40, 20, I8, true}, {5, 2100, 3, I8, true}};
  for (const GemmShape& shape : shapes) {
    for (const char* machine : {"edge_16", "edge_16_os", "tpu_v1_like"}) {
      SCOPED_TRACE(absl::StrCat(machine, " ", shape.m, " ", shape.k, " ", shape.n));
      ExpectInt8(RunGemm(machine, shape), shape);
    }
  }
  const GemmShape wide = {70, 300, 600, I8, true};
  ExpectInt8(RunGemm("tpu_v4_like", wide), wide);
}

TEST(Gemm, Bf16EqualsTheNaiveProductInTheSameOrder) {
  const GemmShape shapes[] = {{1, 1, 1, BF16, true},
                              {33, 50, 35, BF16, true},
                              {20, 700, 17, BF16, false},
                              {4, 9000, 3, BF16, true}};
  for (const GemmShape& shape : shapes) {
    for (const char* machine : {"edge_16", "edge_16_os"}) {
      SCOPED_TRACE(absl::StrCat(machine, " ", shape.m, " ", shape.k, " ", shape.n));
      ExpectFloats(RunGemm(machine, shape), shape);
    }
  }
  const GemmShape wide = {40, 300, 530, BF16, true};
  ExpectFloats(RunGemm("tpu_v4_like", wide), wide);
}

TEST(Gemm, Fp8EqualsTheNaiveProductInTheSameOrder) {
  for (const DType type : {F8_E4M3, F8_E5M2}) {
    for (const GemmShape& shape :
         {GemmShape{1, 1, 1, type, true}, GemmShape{33, 50, 35, type, true},
          GemmShape{4, 700, 17, type, false}}) {
      for (const char* machine : {"edge_16", "edge_16_os"}) {
        SCOPED_TRACE(absl::StrCat(machine, " ", shape.m, " ", shape.k, " ", shape.n));
        ExpectFloats(RunGemm(machine, shape), shape);
      }
    }
  }
  EXPECT_THAT(MakeGemm(*FindMachine("tpu_v4_like"), {1, 1, 1, F8_E4M3, true}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not multiply F8_E4M3")));
}

TEST(Gemm, TwoPlacesAreFasterThanOne) {
  for (const char* machine : {"edge_16", "edge_16_os", "tpu_v1_like", "tpu_v4_like"}) {
    const std::unique_ptr<Core> core = CoreOf(machine);
    GemmShape shape = {512, 1024, 1024, I8, true};
    STRATA_ASSERT_OK_AND_ASSIGN(const GemmProgram two, MakeGemm(*FindMachine(machine), shape));
    shape.double_buffered = false;
    STRATA_ASSERT_OK_AND_ASSIGN(const GemmProgram one, MakeGemm(*FindMachine(machine), shape));
    STRATA_ASSERT_OK_AND_ASSIGN(const Simulation fast, Simulate(*core, two.program, {}));
    STRATA_ASSERT_OK_AND_ASSIGN(const Simulation slow, Simulate(*core, one.program, {}));
    EXPECT_LT(fast.cycles * 10, slow.cycles * 9)
        << machine << ": " << fast.cycles << " of " << slow.cycles;
    EXPECT_EQ(Macs(*core, fast), shape.m * shape.k * shape.n);
    EXPECT_EQ(fast.memories[kDram].written_bytes, shape.m * shape.n * 4);
  }
}

TEST(Gemm, CyclesEqualThoseCountedOneByOne) {
  for (const char* machine : {"edge_16", "edge_16_os", "tpu_v1_like"}) {
    for (const bool two : {false, true}) {
      STRATA_ASSERT_OK_AND_ASSIGN(const GemmProgram gemm,
                                  MakeGemm(*FindMachine(machine), {300, 90, 70, I8, two}));
      const std::unique_ptr<Core> core = CoreOf(machine);
      STRATA_ASSERT_OK_AND_ASSIGN(const Simulation fast, Simulate(*core, gemm.program, {}));
      STRATA_ASSERT_OK_AND_ASSIGN(const ReferenceRun slow, ReferenceSimulate(*core, gemm.program));
      EXPECT_EQ(fast.cycles, slow.cycles) << machine;
    }
  }
}

TEST(Gemm, RefusesBadShapes) {
  const Machine edge = *FindMachine("edge_16");
  constexpr auto kCode = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(MakeGemm(edge, {0, 1, 1}), StatusIs(kCode, HasSubstr("shape 0 x 1 x 1")));
  EXPECT_THAT(MakeGemm(edge, {1, 1, 1, F32}), StatusIs(kCode, HasSubstr("does not multiply F32")));
  EXPECT_THAT(MakeGemm(edge, {1, 1 << 25, 1}), StatusIs(kCode, HasSubstr("cut the product")));
  EXPECT_THAT(MakeGemm(edge, {1 << 30, 4096, 1}), StatusIs(kCode, HasSubstr("cut the product")));
  EXPECT_THAT(MakeGemm(*FindMachine("tpu_v1_like"), {1, 1, 1, BF16}),
              StatusIs(kCode, HasSubstr("does not multiply BF16")));
}

}  // namespace
}  // namespace strata::chips::npu
