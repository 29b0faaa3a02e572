// Emitted products against sums in double precision.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/codegen/isa.h"
#include "compiler/gemm/runner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::HasSubstr;

uint16_t RoundBf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float OfBf16(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// A matrix as the kernel sees it and as exact numbers.
struct Operand {
  Operand(int64_t count, chips::DType dtype, uint32_t seed) {
    for (int64_t i = 0; i < count; ++i) {
      seed = seed * 1664525u + 1013904223u;
      const float x = static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-31f;
      floats.push_back(x);
      halves.push_back(RoundBf16(x));
      exact.push_back(dtype == chips::BF16 ? OfBf16(halves.back()) : x);
    }
    data = dtype == chips::BF16 ? static_cast<const void*>(halves.data()) : floats.data();
  }
  std::vector<float> floats;
  std::vector<uint16_t> halves;
  std::vector<double> exact;
  const void* data;
};

constexpr float kGuard = 12345.0f;
constexpr int64_t kGuards = 32;

// C with guards on both sides; what the kernel leaves unwritten stays NaN.
struct Result {
  Result(int64_t count, chips::DType dtype) : dtype(dtype), count(count) {
    floats.assign(static_cast<size_t>(count + 2 * kGuards), kGuard);
    halves.assign(floats.size(), RoundBf16(kGuard));
    std::fill_n(floats.begin() + kGuards, count, std::nanf(""));
    std::fill_n(halves.begin() + kGuards, count, uint16_t{0x7fc0});
  }
  void* data() {
    return dtype == chips::BF16 ? static_cast<void*>(halves.data() + kGuards)
                                : floats.data() + kGuards;
  }
  double at(int64_t i) const {
    const size_t at = static_cast<size_t>(i + kGuards);
    return dtype == chips::BF16 ? OfBf16(halves[at]) : floats[at];
  }
  bool intact() const {
    for (int64_t i = 0; i < kGuards; ++i) {
      const size_t low = static_cast<size_t>(i), high = static_cast<size_t>(count + kGuards + i);
      if (floats[low] != kGuard || floats[high] != kGuard) return false;
      if (halves[low] != RoundBf16(kGuard) || halves[high] != RoundBf16(kGuard)) return false;
    }
    return true;
  }
  chips::DType dtype;
  int64_t count;
  std::vector<float> floats;
  std::vector<uint16_t> halves;
};

// Whatever the order of a sum of K products in f32, its error is at most gamma(K + 1) times the sum of their sizes
// (Higham, Accuracy and Stability of Numerical Algorithms, 3.1); a result in bf16 is rounded once more.
void ExpectProduct(const GemmProblem& p, const Operand& a, const Operand& b, const Result& c) {
  const double n = static_cast<double>(p.K + 1) * 0x1p-24, gamma = n / (1 - n);
  ASSERT_TRUE(c.intact()) << "written beyond C";
  for (int64_t m = 0; m < p.M; ++m) {
    for (int64_t n = 0; n < p.N; ++n) {
      double sum = 0, size = 0;
      for (int64_t k = 0; k < p.K; ++k) {
        const double x = a.exact[static_cast<size_t>(p.transpose_a ? k * p.M + m : m * p.K + k)];
        const double y = b.exact[static_cast<size_t>(p.transpose_b ? n * p.K + k : k * p.N + n)];
        sum += x * y;
        size += std::abs(x * y);
      }
      double tolerance = gamma * size;
      if (p.result == chips::BF16) tolerance += 0x1p-8 * (std::abs(sum) + tolerance);
      const double got = c.at(m * p.N + n);
      ASSERT_TRUE(std::abs(got - sum) <= tolerance)
          << "C[" << m << ", " << n << "] is " << got << ", not " << sum << " +- " << tolerance;
    }
  }
}

void RunAll(const std::vector<GemmChoice>& choices, const std::string& isa) {
  STRATA_ASSERT_OK_AND_ASSIGN(std::vector<GemmRunner> runners,
                              GemmRunner::Build(choices, isa, testing::TempDir()));
  for (size_t i = 0; i < choices.size(); ++i) {
    const GemmProblem& p = choices[i].problem;
    const Operand a(p.M * p.K, p.dtype, 1), b(p.K * p.N, p.dtype, 2);
    for (int threads : {1, 2}) {
      SCOPED_TRACE(testing::Message() << GemmName(p) << " " << GemmConfigText(choices[i].config)
                                      << " " << isa << ", threads " << threads);
      Result c(p.M * p.N, p.result);
      runners[i].Run(a.data, b.data, c.data(), threads);
      ExpectProduct(p, a, b, c);
      if (!choices[i].config.pack_b_first) continue;
      Result again(p.M * p.N, p.result);
      runners[i].RunPacked(a.data, again.data(), threads);
      ExpectProduct(p, a, b, again);
    }
  }
}

GemmProblem Layout(GemmProblem p, int layout) {
  p.transpose_a = layout == 2;
  p.transpose_b = layout == 1;
  return p;
}

// M, N, K, layout: remainders of tiles, of vectors, of blocks and of pairs; one row, one column, one term, none.
const std::vector<std::vector<int64_t>> kSizes = {
    {1, 65, 17, 0},  {65, 1, 2, 1},   {2, 15, 1, 2},    {14, 32, 0, 0},   {63, 100, 65, 1},
    {17, 96, 63, 2}, {28, 34, 15, 0}, {100, 17, 40, 1}, {33, 130, 100, 2}};

// Small figures, so that small sizes reach every loop.
const std::vector<GemmConfig> kConfigs = {
    {.rows = 14, .vectors = 2, .depth = 16, .panels = 2, .pack_b_first = false},
    {.rows = 8, .vectors = 3, .depth = 64, .panels = 1, .pack_b_first = true},
    {.rows = 6, .vectors = 4, .depth = 34, .panels = 3, .pack_b_first = false},
};

class GemmTest : public testing::TestWithParam<chips::DType> {};

TEST_P(GemmTest, IsTheProduct) {
  std::vector<GemmChoice> choices;
  for (size_t s = 0; s < kSizes.size(); ++s) {
    const GemmProblem p{
        .M = kSizes[s][0], .N = kSizes[s][1], .K = kSizes[s][2], .dtype = GetParam()};
    choices.push_back({Layout(p, static_cast<int>(kSizes[s][3])), kConfigs[(s + s / 3) % 3]});
  }
  RunAll(choices, HostIsa());
}

TEST_P(GemmTest, IsTheProductOnOtherInstructionSets) {
  int layout = 0;
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    const GemmProblem p{.M = 37, .N = 53, .K = 41, .dtype = GetParam()};
    if (HostRuns(isa))
      RunAll({{Layout(p, layout), {.rows = 4, .vectors = 1, .depth = 24, .panels = 2}}}, isa);
    ++layout;
  }
}

TEST(GemmTest, TransposesBoth) {
  RunAll({{{.M = 20, .N = 40, .K = 30, .transpose_a = true, .transpose_b = true}, kConfigs[0]}},
         HostIsa());
}

INSTANTIATE_TEST_SUITE_P(Types, GemmTest, testing::Values(chips::F32, chips::BF16));

TEST(GemmTest, RoundsABf16ResultOnce) {
  const GemmProblem p{.M = 19, .N = 50, .K = 70, .dtype = chips::BF16, .result = chips::BF16};
  GemmConfig config{.rows = 6, .vectors = 2, .depth = 70, .panels = 2};
  RunAll({{p, config}}, HostIsa());
  config.depth = 34;
  EXPECT_THAT(EmitGemm(p, config, HostIsa()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("would be rounded")));
}

TEST(GemmTest, NothingToDoIsNoWork) {
  for (const GemmProblem& p :
       {GemmProblem{.M = 0, .N = 5, .K = 5}, GemmProblem{.M = 5, .N = 0, .K = 5}}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const EmittedGemm gemm, EmitGemm(p, GemmConfig(), "avx512"));
    EXPECT_EQ(gemm.multiply.parallel_extent(), 0);
    EXPECT_EQ(gemm.pack_a.parallel_extent(), 0);
  }
}

TEST(GemmTest, RefusesWhatItCannotDo) {
  EXPECT_THAT(EmitGemm({.M = -1, .N = 1, .K = 1}, GemmConfig(), "avx512"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-1 x 1 x 1")));
  EXPECT_THAT(
      EmitGemm({.M = int64_t{1} << 40, .N = 1, .K = int64_t{1} << 40}, GemmConfig(), "avx512"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2^48")));
  EXPECT_THAT(EmitGemm({.M = 1, .N = 1, .K = 1, .dtype = chips::I32}, GemmConfig(), "avx512"),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("f32 or bf16")));
  EXPECT_THAT(EmitGemm({.M = 1, .N = 1, .K = 1}, {.rows = 17}, "avx512"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("rows of the tile: 17")));
  EXPECT_THAT(EmitGemm({.M = 1, .N = 1, .K = 1}, {.depth = 3}, "avx512"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("odd")));
  EXPECT_THAT(EmitGemm({.M = 1, .N = 1, .K = 1}, {.depth = 4096, .panels = 64}, "avx512"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bytes of a block")));
  EXPECT_THAT(EmitGemm({.M = 1, .N = 1, .K = 1}, GemmConfig(), "sse9"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("sse9")));
}

TEST(GemmTest, EqualProductsAreOneKernel) {
  const GemmProblem p{.M = 20, .N = 40, .K = 60};
  STRATA_ASSERT_OK_AND_ASSIGN(const EmittedGemm a, EmitGemm(p, GemmConfig(), "avx512"));
  STRATA_ASSERT_OK_AND_ASSIGN(const EmittedGemm b, EmitGemm(p, GemmConfig(), "avx512"));
  STRATA_ASSERT_OK_AND_ASSIGN(const EmittedGemm c, EmitGemm(p, {.rows = 8}, "avx512"));
  EXPECT_EQ(a.multiply.source(), b.multiply.source());
  EXPECT_NE(a.multiply.entry(), c.multiply.entry());
}

}  // namespace
}  // namespace strata::compiler
