#include "distributed/checkpoint/save_plan.h"

#include <algorithm>
#include <map>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using checkpoint::Holding;
using graph::HostTensor;
using ::testing::HasSubstr;

ShardedTensor Cell(const std::string& name, std::vector<int64_t> dims, const Box& box,
                   chips::DType dtype = chips::F32) {
  return {name, std::move(dims), box.offset, HostTensor::Zeros(dtype, box.dims)};
}

absl::StatusOr<std::vector<PlannedTensor>> Plan(
    const std::vector<std::vector<ShardedTensor>>& ranks) {
  std::vector<Holding> holdings;
  for (const auto& state : ranks) {
    STRATA_ASSIGN_OR_RETURN(holdings.emplace_back(), MakeHolding(state));
  }
  return PlanSave(holdings);
}

TEST(PlanSaveTest, EveryCellHasOneWriterThatHoldsIt) {
  // dp = 2, tp = 2: rank = dp * 2 + tp.
  std::vector<std::vector<ShardedTensor>> ranks;
  for (int64_t r = 0; r < 4; ++r) {
    ranks.push_back({Cell("wq", {4, 8}, {{0, r % 2 * 4}, {4, 4}}), Cell("bias", {8}, {{0}, {8}}),
                     Cell("m", {8}, {{r * 2}, {2}})});
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan, Plan(ranks));
  ASSERT_EQ(plan.size(), 3u);
  EXPECT_EQ(plan[0].name, "bias");
  EXPECT_EQ(plan[0].cells.size(), 1u);
  ASSERT_EQ(plan[1].cells.size(), 4u);
  for (int r = 0; r < 4; ++r) EXPECT_EQ(plan[1].cells[static_cast<size_t>(r)].writer, r);
  ASSERT_EQ(plan[2].cells.size(), 2u);
  EXPECT_EQ(plan[2].cells[0].writer % 2, 0);
  EXPECT_EQ(plan[2].cells[1].writer % 2, 1);
}

TEST(PlanSaveTest, ReplicasAreWrittenEvenly) {
  std::vector<ShardedTensor> state = {Cell("big", {1000, 4096}, {{0, 0}, {1000, 4096}}),
                                      Cell("one", {1, 300000}, {{0, 0}, {1, 300000}})};
  for (int i = 0; i < 20; ++i) {
    const std::vector<int64_t> dims = {100 + i * 37, 64};
    state.push_back(Cell(absl::StrCat("w", i), dims, WholeBox(dims)));
  }
  const std::vector<std::vector<ShardedTensor>> ranks(7, state);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto plan, Plan(ranks));
  std::map<int, int64_t> load;
  int64_t total = 0;
  for (const PlannedTensor& tensor : plan) {
    std::vector<Box> boxes;
    for (const PlannedCell& cell : tensor.cells) {
      boxes.push_back(cell.box);
      load[cell.writer] += cell.box.elements() * 4;
      total += cell.box.elements() * 4;
    }
    EXPECT_OK(ValidateCover(boxes, tensor.dims));
  }
  ASSERT_EQ(load.size(), 7u);
  for (const auto& [rank, bytes] : load) {
    EXPECT_LE(bytes, total / 7 + (1 << 20)) << "rank " << rank;
    EXPECT_GE(bytes, total / 7 - (1 << 20)) << "rank " << rank;
  }
}

TEST(PlanSaveTest, KeepsEmptyTensorsAndScalars) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto plan,
      Plan({{Cell("none", {0, 3}, {{0, 0}, {0, 3}}), Cell("step", {}, {{}, {}}, chips::I64)}}));
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_TRUE(plan[0].cells.empty());
  EXPECT_EQ(plan[1].cells.size(), 1u);
}

TEST(PlanSaveTest, NamesTheRanksThatDoNotFit) {
  const auto error = [](const std::vector<std::vector<ShardedTensor>>& ranks, const char* message) {
    EXPECT_THAT(Plan(ranks), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  const ShardedTensor top = Cell("w", {4, 2}, {{0, 0}, {2, 2}});
  const ShardedTensor bottom = Cell("w", {4, 2}, {{2, 0}, {2, 2}});
  EXPECT_OK(Plan({{top}, {bottom}, {top, bottom}}));
  error({{top}, {}}, "tensor 'w' of all ranks: no cell holds element [2, 0] of [4, 2]");
  error({{top}, {Cell("w", {4, 2}, {{1, 0}, {3, 2}})}}, "cells [0:2, 0:2] and [1:4, 0:2] overlap");
  error({{top}, {Cell("w", {5, 2}, {{2, 0}, {2, 2}})}}, "rank 1 has f32[0:5, 0:2], rank 0 f32[0:4");
  error({{top}, {Cell("w", {4, 2}, {{2, 0}, {2, 2}}, chips::BF16)}}, "tensor 'w': rank 1 has bf16");
  error({{top, top}}, "tensor 'w': cell [0:2, 0:2] is there twice");
  error({{top, Cell("w", {4, 3}, {{0, 0}, {1, 1}})}}, "unlike dtypes or global dims");
}

}  // namespace
}  // namespace strata::distributed
