#include "compiler/kernels/cpu/simd.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

STRATA_KERNEL(ExpAll, (const float* x, float* y, int64_t n), (x, y, n)) {
  for (int64_t i = 0; i + 16 <= n; i += 16) Store(y + i, Exp(Load(x + i)));
}

STRATA_KERNEL(DotAndSum,
              (const float* x, const float* y, int64_t n, float* dot, float* sum, float* top),
              (x, y, n, dot, sum, top)) {
  *dot = Dot(x, y, n);
  *sum = Sum(Load(x));
  *top = MaxLane(Load(x));
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();

void ExpectExp(void (*exp)(const float*, float*, int64_t)) {
  std::vector<float> x;
  for (float v = -87.0f; v < 88.5f; v += 0.0371f) x.push_back(v);
  x.resize(x.size() / 16 * 16);
  std::vector<float> y(x.size());
  exp(x.data(), y.data(), static_cast<int64_t>(x.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    const double right = std::exp(static_cast<double>(x[i]));
    EXPECT_NEAR(y[i], right, 2 * std::numeric_limits<float>::epsilon() * right) << x[i];
  }
}

TEST(SimdTest, ExpIsWithinTwoUlpOnEveryInstructionSet) {
  ExpectExp(ExpAllGeneric);
  if (HostIsa() >= Isa::kAvx2) ExpectExp(ExpAllAvx2);
  if (HostIsa() >= Isa::kAvx512) ExpectExp(ExpAllAvx512);
  ExpectExp(ExpAll);
}

TEST(SimdTest, ExpAtTheEnds) {
  std::vector<float> x = {0.0f,  -0.0f, -kInfinity, kInfinity, std::nanf(""),
                          89.0f, 1e30f, -1e30f,     -110.0f,   88.7f};
  x.resize(16);
  std::vector<float> y(16);
  ExpAll(x.data(), y.data(), 16);
  EXPECT_EQ(y[0], 1.0f);
  EXPECT_EQ(y[1], 1.0f);
  EXPECT_EQ(y[2], 0.0f);
  EXPECT_EQ(y[3], kInfinity);
  EXPECT_TRUE(std::isnan(y[4]));
  EXPECT_EQ(y[5], kInfinity);
  EXPECT_EQ(y[6], kInfinity);
  EXPECT_EQ(y[7], 0.0f);
  EXPECT_EQ(y[8], 0.0f);
  EXPECT_TRUE(std::isfinite(y[9]));
}

STRATA_KERNEL(Exp2All, (const float* x, float* y, int64_t n), (x, y, n)) {
  for (int64_t i = 0; i + 16 <= n; i += 16) Store(y + i, Exp2Down<kWide>(Load(x + i)));
}

TEST(SimdTest, Exp2IsWithinTwoEpsilonAndExactAtZero) {
  std::vector<float> x;
  for (float v = -120.0f; v < 20.0f; v += 0.00371f) x.push_back(v);
  x.resize(x.size() / 16 * 16);
  std::vector<float> y(x.size());
  const auto expect = [&](void (*exp2)(const float*, float*, int64_t), bool wide) {
    exp2(x.data(), y.data(), static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); ++i) {
      // The narrow versions multiply by ln 2 first, which rounds: its error grows with x.
      const double right = std::exp2(static_cast<double>(x[i])),
                   allowed = 2 + (wide ? 0 : std::abs(x[i]));
      EXPECT_NEAR(y[i], right, allowed * std::numeric_limits<float>::epsilon() * right) << x[i];
    }
    std::vector<float> ends = {0.0f,   -0.0f,   -kInfinity, std::nanf(""),
                               -1e30f, -300.0f, 3.0f,       -1.0f};
    ends.resize(16);
    exp2(ends.data(), y.data(), 16);
    EXPECT_EQ(y[0], 1.0f);
    EXPECT_EQ(y[1], 1.0f);
    EXPECT_EQ(y[2], 0.0f);
    EXPECT_TRUE(std::isnan(y[3]));
    EXPECT_EQ(y[4], 0.0f);
    EXPECT_EQ(y[5], 0.0f);
  };
  expect(Exp2AllGeneric, false);
  if (HostIsa() >= Isa::kAvx2) expect(Exp2AllAvx2, false);
  if (HostIsa() >= Isa::kAvx512) expect(Exp2AllAvx512, true);
  expect(Exp2All, HostIsa() >= Isa::kAvx512);
}

STRATA_KERNEL(AnyAboveOf, (const float* x, float limit, bool* any), (x, limit, any)) {
  *any = AnyAbove<kWide>(Load(x), Splat(limit));
}

TEST(SimdTest, AnyAboveSeesEachLane) {
  const auto expect = [](void (*above)(const float*, float, bool*)) {
    for (int lane = 0; lane < 16; ++lane) {
      std::vector<float> x(16, 1.0f);
      bool any = true;
      above(x.data(), 1.0f, &any);
      EXPECT_FALSE(any);
      x[static_cast<size_t>(lane)] = std::nanf("");
      above(x.data(), 1.0f, &any);
      EXPECT_FALSE(any);
      x[static_cast<size_t>(lane)] = 1.5f;
      above(x.data(), 1.0f, &any);
      EXPECT_TRUE(any) << lane;
      above(x.data(), -kInfinity, &any);
      EXPECT_TRUE(any);
    }
  };
  expect(AnyAboveOfGeneric);
  if (HostIsa() >= Isa::kAvx2) expect(AnyAboveOfAvx2);
  if (HostIsa() >= Isa::kAvx512) expect(AnyAboveOfAvx512);
  expect(AnyAboveOf);
}

TEST(SimdTest, DotTakesEveryLength) {
  for (int64_t n : {0, 1, 15, 16, 17, 63, 64, 65, 200}) {
    std::vector<float> x(static_cast<size_t>(n) + 16), y(x.size());
    double right = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = static_cast<float>(i % 7) - 3.0f;
      y[i] = static_cast<float>(i % 5);
      if (i < static_cast<size_t>(n)) right += x[i] * y[i];
    }
    float dot = 0, sum = 0, top = 0;
    DotAndSum(x.data(), y.data(), n, &dot, &sum, &top);
    EXPECT_EQ(dot, right) << n;
    EXPECT_EQ(top, 3.0f);
  }
}

}  // namespace
}  // namespace strata::compiler
