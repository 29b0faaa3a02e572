// The numbers that inputs' names ask for.
#include "compiler/tools/fuzz_inputs.h"

#include <cfloat>
#include <cmath>
#include <set>

#include "chips/numerics/packed_rows.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;
using graph::TensorType;

std::vector<double> Values(const std::string& name, const TensorType& type) {
  return InputFor(name, type, /*seed=*/5).ToDoubles();
}

TEST(FuzzInputsTest, NameTypeAndSeedAreAll) {
  const TensorType type = {chips::F32, {40}};
  EXPECT_EQ(Values("x1", type), Values("x1", type));
  EXPECT_NE(Values("x1", type), Values("x2", type));
  EXPECT_NE(Values("x1", type), InputFor("x1", type, 6).ToDoubles());
}

TEST(FuzzInputsTest, FloatsOfEachKind) {
  const TensorType type = {chips::F32, {2000}};
  const auto largest = [&](const char* name) {
    double most = 0;
    for (double x : Values(name, type)) most = std::max(most, std::fabs(x));
    return most;
  };
  EXPECT_GT(largest("x"), 1.9);
  EXPECT_LE(largest("x"), 2);
  EXPECT_GT(largest("wide3"), 35);
  EXPECT_LE(largest("wide3"), 40);
  EXPECT_LT(largest("small3"), 0.02);
  std::set<double> edge;
  int nan = 0;
  for (double x : Values("edge3", type)) std::isnan(x) ? ++nan : edge.insert(x).second;
  EXPECT_GT(nan, 0);
  EXPECT_EQ(edge.count(HUGE_VAL) + edge.count(-HUGE_VAL) + edge.count(1), 3u);
  EXPECT_EQ(edge.count(FLT_MAX), 0u);
  const std::vector<double> huge = Values("huge3", type);
  EXPECT_THAT(huge, testing::Contains(FLT_MAX));
}

TEST(FuzzInputsTest, IntegersOfARange) {
  EXPECT_EQ(IntegerName(-127, 9), "int_m127_9_");
  const std::vector<double> values = Values(IntegerName(-3, 4) + "7", {chips::I32, {500}});
  EXPECT_EQ(std::set<double>(values.begin(), values.end()),
            (std::set<double>{-3, -2, -1, 0, 1, 2, 3, 4}));
  EXPECT_THAT(Values("int_9_1_7", {chips::I32, {50}}), testing::Each(testing::Le(2)));
}

TEST(FuzzInputsTest, SlotsDifferOrAreZero) {
  std::set<double> seen;
  int zeros = 0;
  for (double slot : Values(SlotsName(20) + "1", {chips::I32, {25}})) {
    EXPECT_LT(slot, 20);
    if (slot == 0) {
      ++zeros;
    } else {
      EXPECT_TRUE(seen.insert(slot).second) << slot;
    }
  }
  EXPECT_GE(zeros, 6);
}

TEST(FuzzInputsTest, RowsOfEveryFormatAreTheNumbersThatWereDrawn) {
  for (const chips::WeightFormat& format : chips::AllWeightFormats()) {
    const int64_t K = format.block == 1 ? 40 : format.block, N = 20;
    const HostTensor rows = InputFor(RowsName(format.name, K, false) + "3",
                                     {chips::U8, {N, chips::RowBytes(format, K)}}, 5);
    const HostTensor packed =
        InputFor(RowsName(format.name, K, true) + "3",
                 {chips::U8, {chips::PackedGroups(N), chips::GroupBytes(format, K)}}, 5);
    std::vector<float> row(static_cast<size_t>(K));
    double most = 0;
    for (int64_t n = 0; n < 2 * N; ++n) {
      if (n < N) {
        chips::DecodeRow(format, rows.data<uint8_t>() + n * chips::RowBytes(format, K), K,
                         row.data());
      } else {
        chips::UnpackRow(format, packed.data<uint8_t>(), n - N, K, row.data());
      }
      for (float x : row) most = std::max<double>(most, std::fabs(x));
    }
    EXPECT_GT(most, 1.8) << format.name;
    EXPECT_LT(most, 2.5) << format.name;
  }
}

TEST(FuzzInputsTest, RowsOfAnotherLengthAreFinite) {
  const HostTensor bytes = InputFor(RowsName("q4_k", 256, true) + "3", {chips::U8, {3, 100}}, 5);
  EXPECT_THAT(bytes.ToDoubles(), testing::Each(testing::Le(0x3b)));
}

}  // namespace
}  // namespace strata::compiler
