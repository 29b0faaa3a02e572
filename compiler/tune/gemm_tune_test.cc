// The search over real kernels: that it is correct, resumes, and that the compiler finds what it found. No time is
// compared with another.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/codegen/isa.h"
#include "compiler/tune/gemm_measure.h"
#include "compiler/tune/gemm_space.h"
#include "compiler/tune/gemm_tuning.h"
#include "compiler/tune/tuner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler::tune {
namespace {

using ::testing::HasSubstr;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

std::unique_ptr<GemmMeasure> Make(const GemmProblem& problem, int threads) {
  auto measure = GemmMeasure::Create(problem, HostIsa(), threads, ::testing::TempDir());
  EXPECT_OK(measure.status());
  return *std::move(measure);
}

TEST(GemmSpaceTest, EveryValidPointIsAConfig) {
  for (const GemmProblem& problem :
       {GemmProblem{.M = 256, .N = 3072, .K = 768}, GemmProblem{.M = 1, .N = 1, .K = 1},
        GemmProblem{.M = 7, .N = 33, .K = 100000, .dtype = chips::BF16},
        GemmProblem{.M = 64, .N = 64, .K = 999, .dtype = chips::BF16, .result = chips::BF16}}) {
    const SearchSpace space = GemmSpace(problem, "avx512");
    int valid = 0;
    for (int64_t i = 0; i < space.size(); ++i) {
      const Config config = space.At(i);
      if (!space.IsValid(config)) continue;
      ++valid;
      const GemmConfig c = GemmConfigOf(space.SettingOf(config));
      ASSERT_OK(CheckGemmConfig(c));
      ASSERT_LE((c.rows + 1) * c.vectors, 32);
      if (problem.result == chips::BF16) {
        ASSERT_GE(c.depth, problem.K);
      }
    }
    EXPECT_GT(valid, 0) << GemmName(problem);
  }
}

TEST(GemmSpaceTest, AnyConfigHasANearestOne) {
  const SearchSpace space = GemmSpace({.M = 256, .N = 3072, .K = 768}, "avx512");
  const GemmConfig config{.rows = 14, .vectors = 2, .depth = 768, .panels = 4};
  const Config same = *NearestInSpace(space, config);
  EXPECT_EQ(GemmConfigOf(space.SettingOf(same)), config);
  GemmConfig odd = config;
  odd.depth = 700;
  const Config nearest = *NearestInSpace(space, odd);
  EXPECT_EQ(GemmConfigOf(space.SettingOf(nearest)), config);
}

TEST(GemmFeaturesTest, AreAsManyForEveryPoint) {
  const GemmProblem problem{.M = 30, .N = 100, .K = 50};
  const SearchSpace space = GemmSpace(problem, "avx512");
  const Features features(&space, GemmFeatures(problem, HostIsa(), 2));
  const size_t count = features.Of(space.At(0)).size();
  for (int64_t i = 0; i < space.size(); i += 97) {
    const std::vector<double> row = features.Of(space.At(i));
    EXPECT_EQ(row.size(), count);
    for (double feature : row) EXPECT_TRUE(std::isfinite(feature));
  }
}

TEST(GemmTuneTest, TunesResumesAndIsFoundByTheCompiler) {
  const GemmProblem problem{.M = 61, .N = 130, .K = 96, .transpose_b = true};
  auto measure = Make(problem, 2);
  const TuningKey key = GemmTuningKey(problem, HostIsa(), 2);
  EXPECT_THAT(key.task, HasSubstr("gemm f32_nt_61x130x96 "));
  EXPECT_THAT(key.libraries, HasSubstr("; gemm kernels "));
  TuningLog log = TuningLog::InMemory();
  EXPECT_FALSE(TunedGemmConfig(log, problem, HostIsa(), 2).has_value());
  TuneOptions options;
  options.max_trials = 6;
  options.batch = 6;
  options.budget_seconds = 1000;
  options.rounds = 1;
  options.extra_features = GemmFeatures(problem, HostIsa(), 2);
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult result,
                              Tune(measure->space(), key, options, measure.get(), &log));
  for (const Trial& trial : result.trials) EXPECT_EQ(trial.failure, "");
  const auto tuned = TunedGemmConfig(log, problem, HostIsa(), 2);
  ASSERT_TRUE(tuned.has_value());
  EXPECT_EQ(tuned->config, GemmConfigOf(measure->space().SettingOf(result.best.config)));
  EXPECT_EQ(tuned->seconds, result.best.cost);
  EXPECT_GT(result.rival, 0);
  EXPECT_EQ(tuned->library_seconds, result.rival);
  ASSERT_TRUE(tuned->epilogue_config.has_value());
  EXPECT_EQ(*tuned->epilogue_config,
            GemmConfigOf(measure->space().SettingOf(result.best_with_epilogue.config)));
  EXPECT_GT(result.best_with_epilogue.epilogue_cost, 0);
  // Neither another number of threads nor another product.
  EXPECT_FALSE(TunedGemmConfig(log, problem, HostIsa(), 1).has_value());
  EXPECT_FALSE(TunedGemmConfig(log, {.M = 61, .N = 130, .K = 96}, HostIsa(), 2).has_value());
}

// Large enough that only a part of its columns is timed: in either way of packing, remainders at all ends.
TEST(GemmMeasureTest, TimesPartsOfALargeProduct) {
  for (const bool bf16 : {false, true}) {
    const GemmProblem problem{
        .M = 129, .N = 8200, .K = 501, .dtype = bf16 ? chips::BF16 : chips::F32};
    auto measure = Make(problem, 1);
    std::vector<Config> configs;
    for (const char* text : {"ROWS=12 VECTORS=2 DEPTH=252 PANELS=4 PACK_B=0",
                             "ROWS=8 VECTORS=3 DEPTH=502 PANELS=2 PACK_B=1"}) {
      STRATA_ASSERT_OK_AND_ASSIGN(const Config config, measure->space().Parse(text));
      configs.push_back(config);
    }
    for (const bool last_round : {false, true}) {
      MeasureContext context;
      context.last_round = last_round;
      for (const auto& cost : measure->Run(configs, context)) {
        ASSERT_OK(cost.status());
        EXPECT_GT(*cost, 0);
      }
    }
  }
}

// h = a b + bias and y = gelu(h), in one kernel or two, in both ways of packing.
TEST(FollowedGemmTest, ComputesBothResults) {
  for (const bool bf16 : {false, true}) {
    const GemmProblem p{
        .M = 19, .N = 37, .K = 24, .transpose_b = true, .dtype = bf16 ? chips::BF16 : chips::F32};
    const std::vector<GemmConfig> configs = {
        {.rows = 4, .vectors = 2, .depth = 24, .panels = 1},
        {.rows = 5, .vectors = 1, .depth = 24, .panels = 2, .pack_b_first = true},
        {.rows = 4, .vectors = 2, .depth = 8, .panels = 1}};  // parts of sums: two kernels
    STRATA_ASSERT_OK_AND_ASSIGN(auto products,
                                FollowedGemm::Build(p, configs, HostIsa(), ::testing::TempDir()));
    std::vector<double> a, b;
    for (int i = 0; i < p.M * p.K; ++i) a.push_back((i * 29 % 33 - 16) / 16.0);
    for (int i = 0; i < p.N * p.K; ++i) b.push_back((i * 23 % 31 - 15) / 16.0);
    for (const auto& product : products) {
      EXPECT_GT(product->Run(graph::HostTensor::FromDoubles(p.dtype, {p.M, p.K}, a),
                             graph::HostTensor::FromDoubles(p.dtype, {p.N, p.K}, b), 2),
                0);
      const std::vector<double> h = product->h().ToDoubles(), y = product->y().ToDoubles(),
                                bias = product->bias().ToDoubles();
      for (int64_t i = 0; i < p.M * p.N; ++i) {
        double sum = bias[static_cast<size_t>(i % p.N)];
        for (int64_t k = 0; k < p.K; ++k)
          sum +=
              a[static_cast<size_t>(i / p.N * p.K + k)] * b[static_cast<size_t>(i % p.N * p.K + k)];
        const double tanh = std::tanh(0.7978845608 * (sum + 0.044715 * sum * sum * sum));
        ASSERT_NEAR(h[static_cast<size_t>(i)], sum, 1e-4);
        ASSERT_NEAR(y[static_cast<size_t>(i)], 0.5 * sum * (1 + tanh), 1e-4);
      }
    }
    EXPECT_FALSE(products[2]->fused());
  }
}

TEST(GemmMeasureTest, WhatCannotBeTimedIsAnError) {
  const auto status = [](const GemmProblem& problem, const std::string& isa, int threads) {
    return GemmMeasure::Create(problem, isa, threads, ::testing::TempDir()).status();
  };
  const GemmProblem problem{.M = 4, .N = 4, .K = 4};
  EXPECT_THAT(status({.M = 4, .N = 0, .K = 4}, HostIsa(), 1),
              StatusIs(kInvalid, HasSubstr("is empty")));
  EXPECT_THAT(status({.M = -1, .N = 4, .K = 4}, HostIsa(), 1),
              StatusIs(kInvalid, HasSubstr("sizes must be")));
  EXPECT_THAT(status(problem, HostIsa(), 0), StatusIs(kInvalid, HasSubstr("threads: is 0")));
  EXPECT_THAT(status(problem, "z80", 1), StatusIs(kInvalid, HasSubstr("z80")));
}

}  // namespace
}  // namespace strata::compiler::tune
