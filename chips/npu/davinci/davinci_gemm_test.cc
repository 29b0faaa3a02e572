#include "chips/npu/davinci/davinci_gemm.h"

#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "chips/npu/davinci/test_support.h"
#include "chips/npu/sim/reference_simulator.h"
#include "chips/numerics/float16.h"
#include "gtest/gtest.h"

namespace strata::chips::npu::davinci {
namespace {

using ::testing::HasSubstr;

// Buffers so small that every loop of the generator turns.
Machine Tiny() {
  Machine machine = *FindMachine("davinci_like");
  DavinciParts* parts = machine.mutable_davinci();
  machine.mutable_l1()->mutable_capacity_bytes()->set_value(16384);
  parts->mutable_l0a()->mutable_capacity_bytes()->set_value(2048);
  parts->mutable_l0b()->mutable_capacity_bytes()->set_value(2048);
  parts->mutable_l0c()->mutable_capacity_bytes()->set_value(4096);
  parts->mutable_ub()->mutable_capacity_bytes()->set_value(8192);
  return machine;
}

struct Ran {
  Program program;
  std::map<std::string, int64_t> at;  // addresses of regions
  std::vector<uint8_t> in, out;       // GM before and after
  Simulation run;
};

Ran RunGemm(const Machine& machine, const DavinciGemmShape& shape) {
  Ran ran;
  const absl::StatusOr<Program> program = MakeDavinciGemm(machine, shape);
  EXPECT_OK(program.status());
  ran.program = *program;
  for (const Region& region : ran.program.regions) {
    ran.at[region.name] = static_cast<int64_t>(region.address);
  }
  const std::unique_ptr<Core> core = *NewDavinciCore(machine);
  EXPECT_OK(Verify(*core, ran.program));
  MemoryImage image = *NewImage(*core, ran.program);
  ran.in = RandomBytes(image[kGm].size(), static_cast<uint64_t>(shape.m + shape.n));
  const int64_t halves = ran.at.count("bias") > 0 ? ran.at["bias"] : ran.at["C"];
  for (int64_t i = 1; shape.type == F16 && i < halves; i += 2)
    ran.in[static_cast<size_t>(i)] &= 0xbf;
  for (int64_t i = 0; shape.type == F16 && shape.bias && i < shape.n; ++i) {
    const float bias = static_cast<float>(i) / 8 - 3;
    std::memcpy(&ran.in[static_cast<size_t>(ran.at["bias"] + 4 * i)], &bias, 4);
  }
  for (int64_t i = 0; ran.at.count("scale") > 0 && i < shape.n; ++i) {
    const int32_t multiplier = static_cast<int32_t>(1000 + 37 * i);
    const int32_t shift = static_cast<int32_t>(20 + i % 3);
    std::memcpy(&ran.in[static_cast<size_t>(ran.at["scale"] + 4 * i)], &multiplier, 4);
    std::memcpy(&ran.in[static_cast<size_t>(ran.at["scale"] + 4 * (shape.n + i))], &shift, 4);
  }
  image[kGm] = ran.in;
  SimulationOptions options;
  options.image = &image;
  const absl::StatusOr<Simulation> run = Simulate(*core, ran.program, options);
  EXPECT_OK(run.status());
  ran.run = *run;
  ran.out = image[kGm];
  return ran;
}

int32_t Int8Sum(const Ran& r, const DavinciGemmShape& s, int64_t i, int64_t j) {
  int32_t sum = 0;
  for (int64_t k = 0; k < s.k; ++k) {
    sum +=
        At<int8_t>(r.in, r.at.at("A") + i * s.k + k) * At<int8_t>(r.in, r.at.at("B") + k * s.n + j);
  }
  return sum;
}

float HalfSum(const Ran& r, const DavinciGemmShape& s, int64_t i, int64_t j) {
  float sum = 0;
  for (int64_t k = 0; k < s.k; ++k) {
    sum = std::fma(Fp16ToFloat(At<uint16_t>(r.in, r.at.at("A") + 2 * (i * s.k + k))),
                   Fp16ToFloat(At<uint16_t>(r.in, r.at.at("B") + 2 * (k * s.n + j))), sum);
  }
  return sum;
}

bool IsRight(const Ran& r, const DavinciGemmShape& s, int64_t i, int64_t j) {
  const int64_t at = i * s.n + j, c = r.at.at("C");
  if (s.type == F16) {
    float want = HalfSum(r, s, i, j);
    if (s.bias) want += At<float>(r.in, r.at.at("bias") + 4 * j);
    if (s.relu) want = want > 0 ? want : 0;
    return s.narrow ? At<uint16_t>(r.out, c + 2 * at) == FloatToFp16(want)
                    : At<float>(r.out, c + 4 * at) == want;
  }
  uint32_t sum = static_cast<uint32_t>(Int8Sum(r, s, i, j));
  if (s.bias) sum += At<uint32_t>(r.in, r.at.at("bias") + 4 * j);
  int32_t want = static_cast<int32_t>(sum);
  if (s.relu) want = std::max(want, 0);
  if (!s.narrow) return At<int32_t>(r.out, c + 4 * at) == want;
  const int64_t multiplier = At<int32_t>(r.in, r.at.at("scale") + 4 * j);
  const int64_t shift = At<int32_t>(r.in, r.at.at("scale") + 4 * (s.n + j));
  const double scaled = std::floor(
      (static_cast<double>(want * multiplier) + std::ldexp(1.0, static_cast<int>(shift) - 1)) /
      std::ldexp(1.0, static_cast<int>(shift)));
  return At<int8_t>(r.out, c + at) == std::min(std::max(scaled, -128.0), 127.0);
}

void Check(const Machine& machine, DavinciGemmShape shape) {
  for (const bool both : {false, true}) {
    shape.double_buffered = both;
    SCOPED_TRACE(absl::StrCat(shape.m, " x ", shape.k, " x ", shape.n, " ", DType_Name(shape.type),
                              " double ", both, " bias ", shape.bias, " narrow ", shape.narrow));
    const Ran ran = RunGemm(machine, shape);
    int wrong = 0;
    for (int64_t i = 0; i < shape.m * shape.n; ++i) {
      wrong += !IsRight(ran, shape, i / shape.n, i % shape.n);
    }
    EXPECT_EQ(wrong, 0);
  }
}

TEST(DavinciGemm, EqualsThePlainProductAndEpilogue) {
  for (const DType type : {I8, F16}) {
    for (int epilogue = 0; epilogue < 8; ++epilogue) {
      DavinciGemmShape shape = {50, 100, 70, type};
      shape.bias = epilogue & 1;
      shape.relu = epilogue & 2;
      shape.narrow = epilogue & 4;
      Check(Tiny(), shape);
    }
    DavinciGemmShape one = {1, 1, 1, type};
    one.bias = one.narrow = true;
    Check(Tiny(), one);
    Check(Tiny(), {33, 65, 17, type});
    Check(Tiny(), {16, 150, 130, type});
    Check(*FindMachine("davinci_like"), {130, 200, 150, type});
  }
}

TEST(DavinciGemm, CyclesEqualTheCycleByCycleRun) {
  const Machine machine = Tiny();
  const std::unique_ptr<Core> core = *NewDavinciCore(machine);
  DavinciGemmShape shape = {40, 80, 50, I8};
  shape.bias = shape.narrow = true;
  STRATA_ASSERT_OK_AND_ASSIGN(const Program program, MakeDavinciGemm(machine, shape));
  STRATA_ASSERT_OK_AND_ASSIGN(const Simulation run, Simulate(*core, program, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const ReferenceRun slow, ReferenceSimulate(*core, program));
  EXPECT_EQ(run.cycles, slow.cycles);
}

// Single-buffered, units take turns.
TEST(DavinciGemm, DoubleBufferingOverlaps) {
  const Machine machine = *FindMachine("davinci_like");
  const std::unique_ptr<Core> core = *NewDavinciCore(machine);
  int64_t cycles[2];
  for (const bool both : {false, true}) {
    DavinciGemmShape shape = {512, 512, 512, I8};
    shape.narrow = true;
    shape.double_buffered = both;
    STRATA_ASSERT_OK_AND_ASSIGN(const Program program, MakeDavinciGemm(machine, shape));
    STRATA_ASSERT_OK_AND_ASSIGN(const Simulation run, Simulate(*core, program, {}));
    cycles[both] = run.cycles;
    EXPECT_EQ(run.units[kM].busy, 512 * 512 * 512 / 8192);
  }
  EXPECT_LT(cycles[1] * 10, cycles[0] * 7) << cycles[1] << " of " << cycles[0];
}

TEST(DavinciGemm, RefusesWhatDoesNotFit) {
  const Machine machine = *FindMachine("davinci_like");
  EXPECT_THAT(MakeDavinciGemm(machine, {0, 1, 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give sizes of at least 1")));
  EXPECT_THAT(MakeDavinciGemm(machine, {1, 1, 1, BF16}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not multiply BF16")));
  EXPECT_THAT(MakeDavinciGemm(machine, {1, 60000, 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no tile of k 60000 fits")));
  EXPECT_THAT(MakeDavinciGemm(machine, {1, 70000, 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cut the product")));
  EXPECT_THAT(MakeDavinciGemm(*FindMachine("edge_16"), {1, 1, 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is no DaVinci core")));
}

}  // namespace
}  // namespace strata::chips::npu::davinci
