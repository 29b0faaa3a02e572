#include "compiler/gemm/cost.h"

#include <algorithm>

#include "base/status_matchers.h"
#include "compiler/gemm/emit.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

constexpr GemmMachine kAvx512{.registers = 32, .lanes = 16};
constexpr GemmMachine kAvx2{.registers = 16, .lanes = 8};

// Every 11th, which meets all tiles, depths and blocks.
TEST(GemmCostTest, CandidatesCanBeEmitted) {
  for (const GemmMachine& machine : {kAvx512, kAvx2, GemmMachine{.registers = 16, .lanes = 4}}) {
    for (const GemmProblem& p :
         {GemmProblem{.M = 512, .N = 512, .K = 512}, GemmProblem{.M = 1, .N = 1, .K = 0},
          GemmProblem{.M = 3, .N = 50257, .K = 7, .transpose_b = true},
          GemmProblem{.M = 64, .N = 64, .K = 5000, .dtype = chips::BF16}}) {
      const std::vector<GemmConfig> candidates = GemmCandidates(p, machine);
      ASSERT_FALSE(candidates.empty());
      EXPECT_EQ(candidates.front(), DefaultGemmConfig(p, machine));
      for (size_t i = 0; i < candidates.size(); i += 11)
        EXPECT_OK(EmitGemm(p, candidates[i], "avx512")) << GemmConfigText(candidates[i]);
    }
  }
}

TEST(GemmCostTest, ABf16ResultIsSummedInOneGo) {
  const GemmProblem p{.M = 64, .N = 64, .K = 5000, .dtype = chips::BF16, .result = chips::BF16};
  const std::vector<GemmConfig> candidates = GemmCandidates(p, kAvx512);
  for (size_t i = 0; i < candidates.size(); i += 5) EXPECT_OK(EmitGemm(p, candidates[i], "avx512"));
}

TEST(GemmCostTest, TilesFitTheRegisters) {
  const GemmProblem p{.M = 1024, .N = 1024, .K = 1024};
  for (const GemmMachine& machine : {kAvx512, kAvx2}) {
    const GemmConfig config = DefaultGemmConfig(p, machine);
    const int64_t needed = (config.rows * config.vectors + config.vectors + 1) * kGemmLanes;
    EXPECT_LE(needed, machine.registers * machine.lanes) << GemmConfigText(config);
    GemmConfig large = config;
    large.rows = 16;
    large.vectors = 6;
    EXPECT_GT(GemmCost(p, large, machine), GemmCost(p, config, machine));
  }
}

TEST(GemmCostTest, ArithmeticIsMostOfALargeProduct) {
  const GemmProblem p{.M = 2048, .N = 2048, .K = 2048};
  const double fused = p.flops() / 2 / 16;  // multiply-adds of a vector
  const double cost = GemmCost(p, DefaultGemmConfig(p, kAvx512), kAvx512);
  EXPECT_GT(cost, fused);
  EXPECT_LT(cost, 1.1 * fused);
}

TEST(GemmCostTest, ABlockOfBStaysInTheSecondLevelCache) {
  const GemmProblem p{.M = 2048, .N = 2048, .K = 2048};
  for (int64_t bytes : {1 << 18, 1 << 20, 1 << 22}) {
    const GemmConfig config = DefaultGemmConfig(p, {.l2_bytes = bytes});
    EXPECT_LE(config.depth * config.panels * config.columns() * 4, bytes * 5 / 8)
        << GemmConfigText(config);
  }
}

// Of AdamW: three matrices in, three out.
double UpdateBytes(const GemmProblem& p) { return 24.0 * static_cast<double>(p.M * p.N); }

TEST(GemmCostTest, RowsAreSharedWhereMemoryCounts) {
  const GemmProblem p{.M = 3072, .N = 768, .K = 256, .transpose_a = true, .dtype = chips::BF16};
  const GemmConfig whole = *WholeSumConfig(p, kAvx512);
  const GemmConfig shared = WithRowsShared(p, whole, UpdateBytes(p), kAvx512);
  EXPECT_TRUE(shared.by_rows);
  EXPECT_EQ(shared.panels * shared.columns(), 768);
  EXPECT_OK(CheckGemmConfig(shared));
  EXPECT_EQ(WithRowsShared(p, whole, 0, kAvx512), whole);
  // Few rows, a long sum, a B that does not stay close, matrices that do.
  for (const GemmProblem& other :
       {GemmProblem{.M = 256, .N = 3072, .K = 256, .dtype = chips::BF16},
        GemmProblem{.M = 6144, .N = 128, .K = 4096, .dtype = chips::BF16},
        GemmProblem{.M = 3072, .N = 6144, .K = 256, .dtype = chips::BF16},
        GemmProblem{.M = 512, .N = 128, .K = 64, .dtype = chips::BF16}}) {
    const GemmConfig config = *WholeSumConfig(other, kAvx512);
    EXPECT_EQ(WithRowsShared(other, config, UpdateBytes(other), kAvx512), config)
        << GemmName(other);
  }
}

}  // namespace
}  // namespace strata::compiler
