#include "distributed/checkpoint/box_copy.h"

#include <random>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

Box RandomBox(const std::vector<int64_t>& dims, std::mt19937_64& random) {
  Box box;
  for (int64_t dim : dims) {
    box.offset.push_back(static_cast<int64_t>(random() % static_cast<uint64_t>(dim)));
    box.dims.push_back(
        1 + static_cast<int64_t>(random() % static_cast<uint64_t>(dim - box.offset.back())));
    if (random() % 3 == 0) box.offset.back() = 0, box.dims.back() = dim;
  }
  return box;
}

// The places of a box in row-major order, as indices into the global tensor.
std::vector<int64_t> Places(const Box& box, const std::vector<int64_t>& dims) {
  std::vector<int64_t> places = {0};
  for (size_t d = 0; d < dims.size(); ++d) {
    std::vector<int64_t> next;
    for (int64_t place : places) {
      for (int64_t i = 0; i < box.dims[d]; ++i) next.push_back(place * dims[d] + box.offset[d] + i);
    }
    places = next;
  }
  return places;
}

// Every element knows its place in the global tensor.
TEST(CopyBoxTest, PutsEveryElementInItsPlace) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 500; ++round) {
    std::vector<int64_t> dims;
    for (uint64_t rank = random() % 5; rank-- > 0;)
      dims.push_back(1 + static_cast<int64_t>(random() % 5));
    const Box from = RandomBox(dims, random), to = RandomBox(dims, random);
    const Box common = Intersect(from, to);
    const std::vector<int64_t> source = Places(from, dims), want = Places(to, dims);
    std::vector<int64_t> target(want.size(), -1);
    CopyBox(common, from, source.data(), to, target.data(), sizeof(int64_t));
    int64_t copied = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      if (target[i] == -1) continue;
      EXPECT_EQ(target[i], want[i]);
      ++copied;
    }
    EXPECT_EQ(copied, common.elements());
  }
}

TEST(ForEachRunTest, RunsAreAsLongAsTheyCanBe) {
  std::vector<int64_t> counts;
  const auto count = [&](const Box& common, const Box& from, const Box& to) {
    counts.clear();
    EXPECT_OK(ForEachRun(common, from, to, [&](const BoxRun& run) {
      counts.push_back(run.count);
      return absl::OkStatus();
    }));
    return counts;
  };
  const Box whole = {{0, 0, 0}, {4, 3, 2}}, rows = {{1, 0, 0}, {2, 3, 2}};
  const Box columns = {{0, 0, 1}, {4, 3, 1}}, middle = {{0, 1, 0}, {4, 2, 2}};
  EXPECT_EQ(count(whole, whole, whole), std::vector<int64_t>({24}));
  EXPECT_EQ(count(rows, whole, rows), std::vector<int64_t>({12}));
  EXPECT_EQ(count(middle, whole, middle), std::vector<int64_t>(4, 4));
  EXPECT_EQ(count(columns, whole, columns), std::vector<int64_t>(12, 1));
  EXPECT_EQ(count({{}, {}}, {{}, {}}, {{}, {}}), std::vector<int64_t>({1}));
  EXPECT_EQ(count({{0}, {0}}, {{0}, {3}}, {{0}, {3}}), std::vector<int64_t>());
}

TEST(ForEachRunTest, StopsAtAnError) {
  int calls = 0;
  EXPECT_THAT(ForEachRun({{0, 0}, {3, 1}}, {{0, 0}, {3, 2}}, {{0, 0}, {3, 1}},
                         [&](const BoxRun&) {
                           return ++calls == 2 ? absl::AbortedError("enough") : absl::OkStatus();
                         }),
              StatusIs(absl::StatusCode::kAborted, "enough"));
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace strata::distributed
