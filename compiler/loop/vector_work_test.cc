// Instructions counted by hand against CountVectorWork.
#include "compiler/loop/vector_work.h"

#include "base/status_matchers.h"
#include "compiler/codegen/test_graphs.h"
#include "compiler/loop/lower.h"
#include "gtest/gtest.h"

namespace strata::compiler::loop {
namespace {

absl::StatusOr<VectorWork> WorkOf(const graph::Graph& region) {
  STRATA_ASSIGN_OR_RETURN(Computation computation, Lower(region));
  STRATA_ASSIGN_OR_RETURN(const Nest nest, Schedule(std::move(computation)));
  return CountVectorWork(nest);
}

// Three walks over 64 vectors: load, max; load, subtract, exp, keep, add; reload, multiply, store.
TEST(VectorWorkTest, RowsWithARowBuffer) {
  STRATA_ASSERT_OK_AND_ASSIGN(const VectorWork work, WorkOf(testing_graphs::Softmax(5, 1024)));
  EXPECT_EQ(work.loads, 5 * 64 * 3);
  EXPECT_EQ(work.stores, 5 * 64 * 2);
  EXPECT_EQ(work.arithmetic, 5 * 64 * (1 + 1 + OpCost("exp") + 1 + 1));
}

// 100 columns are seven vectors, the last one a part.
TEST(VectorWorkTest, PartVectorsCountWhole) {
  STRATA_ASSERT_OK_AND_ASSIGN(const VectorWork work,
                              WorkOf(testing_graphs::BiasGelu(3, 100, true)));
  EXPECT_EQ(work.loads, 3 * 7 * 2);
  EXPECT_EQ(work.stores, 3 * 7);
  // add; square, multiply, add, multiply, sigmoid; multiply
  EXPECT_EQ(work.arithmetic, 3 * 7 * (6 + OpCost("sigmoid")));
}

// Each row loads x and dx, stores dy and adds to two sums; the sums are stored once.
TEST(VectorWorkTest, ColumnsWalkEveryRow) {
  STRATA_ASSERT_OK_AND_ASSIGN(const VectorWork work, WorkOf(testing_graphs::ColumnSums(40, 64)));
  EXPECT_EQ(work.loads, 40 * 4 * 2);
  EXPECT_EQ(work.stores, 40 * 4 + 2 * 4);
  EXPECT_EQ(work.arithmetic, 40 * 4 * (4 + 2));
}

TEST(VectorWorkTest, NothingToDo) {
  STRATA_ASSERT_OK_AND_ASSIGN(const VectorWork work, WorkOf(testing_graphs::Softmax(0, 5)));
  EXPECT_EQ(work.loads + work.stores + work.arithmetic, 0);
}

}  // namespace
}  // namespace strata::compiler::loop
