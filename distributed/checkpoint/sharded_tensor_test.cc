#include "distributed/checkpoint/sharded_tensor.h"

#include <random>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;
using ::testing::HasSubstr;

ShardedTensor Good() { return {"wq", {16, 16}, {0, 8}, HostTensor::Zeros(chips::F32, {16, 8})}; }

TEST(ShardedTensorTest, CellsAreShownAsSlices) {
  EXPECT_EQ(BoxOf(Good()).ToString(), "[0:16, 8:16]");
  EXPECT_EQ(BoxOf(WholeTensor("step", HostTensor::Zeros(chips::I64, {}))).ToString(), "[]");
  EXPECT_EQ(Box({{}, {}}).elements(), 1);
}

TEST(ShardedTensorTest, TakesCellsInsideTheTensor) {
  EXPECT_OK(ValidateShardedTensor(Good()));
  EXPECT_OK(ValidateShardedTensor(WholeTensor("step", HostTensor::Zeros(chips::I64, {}))));
  EXPECT_OK(ValidateShardedTensor({"none", {4, 0}, {4, 0}, HostTensor::Zeros(chips::F32, {0, 0})}));
}

TEST(ShardedTensorTest, RefusesWhatIsNoCell) {
  struct Case {
    void (*spoil)(ShardedTensor&);
    const char* message;
  };
  const Case cases[] = {
      {[](ShardedTensor& t) { t.name.clear(); }, "has no name"},
      {[](ShardedTensor& t) { t.local = {}; }, "tensor 'wq': has no dtype"},
      {[](ShardedTensor& t) { t.offset = {0}; }, "tensor 'wq': offset has 1 and the cell 2 dims"},
      {[](ShardedTensor& t) { t.global_dims = {16}; }, "the global dims [16] are 1"},
      {[](ShardedTensor& t) {
         t.offset = {0, 9};
       },
       "dim 1: cell of 8 elements at 9 is not inside the 16"},
      {[](ShardedTensor& t) {
         t.offset = {-1, 0};
       },
       "dim 0: cell of 16 elements at -1"},
      {[](ShardedTensor& t) {
         t.global_dims = {16, -16};
       },
       "dim 1: cell of 8 elements at 8"},
      {[](ShardedTensor& t) {
         t.global_dims = {int64_t{1} << 40, int64_t{1} << 40};
       },
       "have too many elements"},
      {[](ShardedTensor& t) {
         t.local = HostTensor::Wrap(chips::F32, {16, 8}, nullptr, nullptr);
       },
       "has no storage"},
  };
  for (const Case& c : cases) {
    ShardedTensor tensor = Good();
    c.spoil(tensor);
    EXPECT_THAT(ValidateShardedTensor(tensor),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)));
  }
}

TEST(ValidateCoverTest, TakesAnyTiling) {
  EXPECT_OK(ValidateCover({{{0, 0}, {2, 4}}, {{2, 0}, {2, 1}}, {{2, 1}, {2, 3}}}, {4, 4}));
  EXPECT_OK(ValidateCover({Box{{}, {}}}, {}));
  EXPECT_OK(ValidateCover({}, {4, 0}));
  EXPECT_OK(ValidateCover({{{0}, {0}}, {{0}, {3}}, {{3}, {0}}}, {3}));
}

TEST(ValidateCoverTest, ShowsHolesAndOverlaps) {
  EXPECT_THAT(ValidateCover({{{0, 0}, {2, 4}}, {{2, 0}, {2, 3}}}, {4, 4}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no cell holds element [2, 3] of [4, 4]")));
  EXPECT_THAT(ValidateCover({{{0, 0}, {2, 4}}, {{1, 3}, {3, 1}}, {{2, 0}, {2, 3}}}, {4, 4}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("cells [0:2, 0:4] and [1:4, 3:4] overlap at element [1, 3]")));
  EXPECT_THAT(ValidateCover({}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no cell holds element []")));
  EXPECT_THAT(ValidateCover({Box{{}, {}}, Box{{}, {}}}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("overlap")));
}

// Against counting every element.
TEST(ValidateCoverTest, AgreesWithCounting) {
  std::mt19937_64 random(1);
  int good = 0;
  for (int round = 0; round < 2000; ++round) {
    const std::vector<int64_t> dims = {1 + static_cast<int64_t>(random() % 3),
                                       1 + static_cast<int64_t>(random() % 3)};
    std::vector<Box> boxes;
    std::vector<int> count(static_cast<size_t>(dims[0] * dims[1]));
    for (uint64_t n = random() % 4; n-- > 0;) {
      Box box;
      for (int64_t dim : dims) {
        box.offset.push_back(static_cast<int64_t>(random() % static_cast<uint64_t>(dim + 1)));
        box.dims.push_back(
            static_cast<int64_t>(random() % static_cast<uint64_t>(dim - box.offset.back() + 1)));
      }
      for (int64_t i = 0; i < box.dims[0]; ++i) {
        for (int64_t j = 0; j < box.dims[1]; ++j) {
          ++count[static_cast<size_t>((box.offset[0] + i) * dims[1] + box.offset[1] + j)];
        }
      }
      boxes.push_back(box);
    }
    bool once = true;
    for (int c : count) once &= c == 1;
    good += once;
    EXPECT_EQ(ValidateCover(boxes, dims).ok(), once);
  }
  EXPECT_GT(good, 20);
}

TEST(IntersectTest, GivesTheCommonBox) {
  EXPECT_EQ(Intersect({{0, 0}, {4, 4}}, {{2, 3}, {4, 4}}).ToString(), "[2:4, 3:4]");
  EXPECT_EQ(Intersect({{0, 0}, {4, 4}}, {{4, 0}, {4, 4}}).elements(), 0);
}

}  // namespace
}  // namespace strata::distributed
