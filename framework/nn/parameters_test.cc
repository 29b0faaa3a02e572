#include "framework/nn/parameters.h"

#include <cmath>

#include "base/status_matchers.h"

namespace strata::framework {
namespace {

using graph::HostTensor;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ParameterSpec Normal(const std::string& name, std::vector<int64_t> dims,
                     graph::DType dtype = chips::F32) {
  return {name, std::move(dims), dtype, Init::Normal(0.02)};
}

TEST(InitParameterTest, ZerosAndOnes) {
  EXPECT_THAT(InitParameter({"b", {2, 3}, chips::BF16, Init::Zeros()}, 1).ToDoubles(), Each(0.0));
  const HostTensor ones = InitParameter({"g", {5}, chips::F16, Init::Ones()}, 1);
  EXPECT_EQ(ones.TypeString(), "f16[5]");
  EXPECT_THAT(ones.ToDoubles(), Each(1.0));
  EXPECT_EQ(InitParameter({"e", {0, 4}, chips::F32, Init::Ones()}, 1).elements(), 0);
}

// Mean, deviation, skewness and kurtosis of 200,000 samples, each within five standard errors.
TEST(InitParameterTest, NormalHasTheMomentsOfANormal) {
  constexpr double kDeviation = 0.02;
  const std::vector<double> x = InitParameter(Normal("w", {400, 500}), 7).ToDoubles();
  const double n = static_cast<double>(x.size());
  double mean = 0, m2 = 0, m3 = 0, m4 = 0;
  for (double v : x) mean += v / n;
  for (double v : x) {
    const double d = (v - mean) / kDeviation;
    m2 += d * d / n;
    m3 += d * d * d / n;
    m4 += d * d * d * d / n;
  }
  EXPECT_NEAR(mean, 0, 5 * kDeviation / std::sqrt(n));
  EXPECT_NEAR(m2, 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(m3, 0, 5 * std::sqrt(15 / n));
  EXPECT_NEAR(m4, 3, 5 * std::sqrt(96 / n));
}

// Neighbours, and the two normals of one Box-Muller pair, are not correlated.
TEST(InitParameterTest, NeighboursAreIndependent) {
  const std::vector<double> x = InitParameter(Normal("w", {200000}), 7).ToDoubles();
  for (size_t lag : {1, 2, 3, 500}) {
    double sum = 0;
    for (size_t i = 0; i + lag < x.size(); ++i) sum += x[i] * x[i + lag] / (0.02 * 0.02);
    EXPECT_NEAR(sum / static_cast<double>(x.size()), 0,
                5 / std::sqrt(static_cast<double>(x.size())))
        << "lag " << lag;
  }
}

TEST(InitParameterTest, DependsOnSeedNameAndIndexOnly) {
  const std::vector<double> w = InitParameter(Normal("w", {70000}), 1).ToDoubles();
  EXPECT_EQ(InitParameter(Normal("w", {70000}), 1).ToDoubles(), w);
  EXPECT_NE(InitParameter(Normal("w", {70000}), 2).ToDoubles(), w);
  EXPECT_NE(InitParameter(Normal("v", {70000}), 1).ToDoubles(), w);
  // A shorter array starts with the same numbers, odd lengths too.
  for (int64_t n : {1, 2, 7, 65535, 65536, 65537}) {
    EXPECT_EQ(InitParameter(Normal("w", {n}), 1).ToDoubles(),
              std::vector<double>(w.begin(), w.begin() + n));
  }
}

TEST(InitParameterTest, NarrowTypesAreRoundedFromF32) {
  const HostTensor wide = InitParameter(Normal("w", {3, 5}), 1);
  EXPECT_EQ(InitParameter(Normal("w", {3, 5}, chips::BF16), 1).ToDoubles(),
            wide.Cast(chips::BF16).ToDoubles());
  const std::vector<double> f64 = InitParameter(Normal("w", {3, 5}, chips::F64), 1).ToDoubles();
  EXPECT_EQ(HostTensor::FromDoubles(chips::F32, {3, 5}, f64).ToDoubles(), wide.ToDoubles());
}

// The numbers are part of what "the same seed" means: checkpoints and published runs rest on them.
TEST(InitParameterTest, GoldenValues) {
  const std::vector<double> w = InitParameter(Normal("w", {4}, chips::F64), 1).ToDoubles();
  const std::vector<double> expected = {-0.007499853173703348, 0.006266242393464659,
                                        0.030708046317765633, -0.0024944341510309757};
  EXPECT_THAT(w, testing::Pointwise(testing::DoubleNear(1e-15), expected));
}

TEST(ParameterSetTest, RecordsInOrderAndMakesInputs) {
  graph::Builder b("test");
  ParameterSet parameters(b, chips::F32);
  Tensor w = parameters.Create("w", {2, 3}, Init::Normal(1));
  Tensor g = parameters.Create("g", {3}, Init::Ones());
  EXPECT_EQ(w.type().ToString(), "f32[2, 3]");
  EXPECT_THAT(parameters.ids(), ElementsAre(w.id(), g.id()));
  EXPECT_EQ(parameters.specs()[1].name, "g");
  EXPECT_EQ(parameters.elements(), 9);
  ASSERT_EQ(b.graph().inputs_size(), 2);
  EXPECT_EQ(b.graph().inputs(0).kind(), graph::PARAMETER);
}

TEST(ParameterSetTest, ANameTwiceIsOneTiedParameter) {
  graph::Builder b("test");
  ParameterSet parameters(b, chips::F32);
  Tensor w = parameters.Create("wte.weight", {5, 3}, Init::Normal(1));
  EXPECT_EQ(parameters.Create("wte.weight", {5, 3}, Init::Normal(1)).id(), w.id());
  EXPECT_EQ(parameters.specs().size(), 1u);
  EXPECT_FALSE(parameters.Create("wte.weight", {3, 5}, Init::Normal(1)).valid());
  EXPECT_THAT(b.status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                   HasSubstr("'wte.weight' is [5, 3] and is asked for again")));
}

}  // namespace
}  // namespace strata::framework
