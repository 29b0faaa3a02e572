// The formulas of cycle_model.h and honest.h against machines that are stepped cycle by cycle.
#include "chips/npu/systolic/pe_grid.h"

#include <algorithm>
#include <functional>
#include <random>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "chips/npu/systolic/honest.h"
#include "chips/npu/systolic/overlapped_grid.h"
#include "gtest/gtest.h"

namespace strata::chips::systolic {
namespace {

using ::testing::HasSubstr;

constexpr Dataflow kDataflows[] = {Dataflow::kWeightStationary, Dataflow::kOutputStationary,
                                   Dataflow::kInputStationary};

IntMatrix Random(int64_t rows, int64_t columns, std::mt19937* random) {
  IntMatrix matrix(rows, columns);
  for (int64_t& value : matrix.values) value = static_cast<int64_t>((*random)() % 255) - 127;
  return matrix;
}

IntMatrix Product(const IntMatrix& a, const IntMatrix& b) {
  IntMatrix c(a.rows, b.columns);
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t j = 0; j < b.columns; ++j) {
      for (int64_t k = 0; k < a.columns; ++k) c.At(i, j) += a.At(i, k) * b.At(k, j);
    }
  }
  return c;
}

std::string Name(const Gemm& gemm, const ArrayShape& array, Dataflow dataflow) {
  return absl::StrCat(gemm.m, "x", gemm.n, "x", gemm.k, " on ", array.rows, "x", array.columns, " ",
                      DataflowName(dataflow));
}

// Products of one and several folds, with remainders, on arrays of one row, one column and one PE.
void ForEachCase(const std::function<void(const Gemm&, const ArrayShape&, Dataflow)>& run) {
  constexpr int64_t kSizes[] = {1, 2, 3, 5, 8, 13};
  constexpr ArrayShape kArrays[] = {{1, 1}, {1, 4}, {4, 1}, {2, 2}, {3, 4}, {4, 3}, {7, 2}};
  for (const ArrayShape& array : kArrays) {
    for (const int64_t m : kSizes) {
      for (const int64_t n : kSizes) {
        for (const int64_t k : kSizes) {
          for (const Dataflow dataflow : kDataflows) run({m, n, k}, array, dataflow);
        }
      }
    }
  }
}

TEST(PeGrid, SerialFoldsTakeScaleSimsCyclesAndGiveTheProduct) {
  std::mt19937 random(1);
  ForEachCase([&](const Gemm& gemm, const ArrayShape& array, Dataflow dataflow) {
    SCOPED_TRACE(Name(gemm, array, dataflow));
    const IntMatrix a = Random(gemm.m, gemm.k, &random), b = Random(gemm.k, gemm.n, &random);
    STRATA_ASSERT_OK_AND_ASSIGN(const GridRun run, RunSerial(a, b, array, dataflow));
    EXPECT_EQ(run.product.values, Product(a, b).values);
    EXPECT_EQ(run.cycles, RunLayer(gemm, array, dataflow).cycles);
  });
}

TEST(PeGrid, OverlappedFoldsTakeHonestCyclesAndGiveTheProduct) {
  std::mt19937 random(2);
  ForEachCase([&](const Gemm& gemm, const ArrayShape& array, Dataflow dataflow) {
    SCOPED_TRACE(Name(gemm, array, dataflow));
    const IntMatrix a = Random(gemm.m, gemm.k, &random), b = Random(gemm.k, gemm.n, &random);
    const HonestReport honest = HonestCycles(gemm, array, dataflow);
    STRATA_ASSERT_OK_AND_ASSIGN(const GridRun run,
                                RunOverlapped(a, b, array, dataflow, honest.interval));
    EXPECT_EQ(run.product.values, Product(a, b).values);
    EXPECT_EQ(run.cycles, honest.cycles - honest.added_vector_stage);
  });
}

// One cycle less between folds, and a sum finds its register taken.
TEST(PeGrid, HonestIntervalIsTheLeastOfOutputStationary) {
  std::mt19937 random(3);
  const ArrayShape array{5, 3};
  for (int64_t k = 1; k < array.rows; ++k) {
    const IntMatrix a = Random(11, k, &random), b = Random(k, 7, &random);
    const HonestReport honest = HonestCycles({11, 7, k}, array, Dataflow::kOutputStationary);
    EXPECT_EQ(honest.interval, array.rows);
    EXPECT_THAT(RunOverlapped(a, b, array, Dataflow::kOutputStationary, honest.interval - 1),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("finds its register taken")));
  }
}

TEST(PeGrid, HonestSavingsAddUp) {
  ForEachCase([](const Gemm& gemm, const ArrayShape& array, Dataflow dataflow) {
    const HonestReport honest = HonestCycles(gemm, array, dataflow);
    ASSERT_EQ(honest.scale_sim_cycles, RunLayer(gemm, array, dataflow).cycles);
    ASSERT_EQ(honest.cycles, honest.scale_sim_cycles - honest.Saved() + honest.Added());
    ASSERT_GE(honest.saved_double_buffered, 0);
    ASSERT_GE(honest.saved_drain_overlapped, 0);
    ASSERT_GE(honest.saved_folds_overlapped, 0);
    ASSERT_GE(honest.interval, std::max<int64_t>(array.rows, 1));
  });
}

TEST(PeGrid, RefusesWhatDoesNotFit) {
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  const IntMatrix a(2, 3), b(4, 5), empty(0, 2);
  EXPECT_THAT(RunSerial(a, b, {2, 2}, Dataflow::kWeightStationary),
              StatusIs(kInvalid, HasSubstr("A has 3 columns and B 4 rows")));
  EXPECT_THAT(RunSerial(empty, a, {2, 2}, Dataflow::kInputStationary),
              StatusIs(kInvalid, HasSubstr("empty")));
  EXPECT_THAT(RunSerial(a, IntMatrix(3, 1), {0, 2}, Dataflow::kInputStationary),
              StatusIs(kInvalid, HasSubstr("empty")));
  EXPECT_THAT(RunOverlapped(a, IntMatrix(3, 1), {2, 2}, Dataflow::kOutputStationary, 2),
              StatusIs(kInvalid, HasSubstr("interval: 2 is below K = 3")));
}

}  // namespace
}  // namespace strata::chips::systolic
