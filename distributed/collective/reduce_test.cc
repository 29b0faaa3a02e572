// Each combination against arithmetic on one element, with remainders around the vectors' widths.
#include "distributed/collective/reduce.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "chips/numerics/float16.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using compiler::Reduction;

template <typename T>
T Expected(Reduction reduction, T a, T b) {
  if (reduction == Reduction::kMax) return a > b || a != a ? a : b;
  if (reduction == Reduction::kMin) return a < b || a != a ? a : b;
  return static_cast<T>(a + b);
}

template <typename T>
class ReduceTest : public testing::Test {};

template <typename T, chips::DType kType>
struct Typed {
  using Element = T;
  static constexpr chips::DType kDType = kType;
};

using Types = testing::Types<Typed<float, chips::F32>, Typed<double, chips::F64>,
                             Typed<int8_t, chips::I8>, Typed<uint8_t, chips::U8>,
                             Typed<int32_t, chips::I32>, Typed<int64_t, chips::I64>>;
TYPED_TEST_SUITE(ReduceTest, Types);

TYPED_TEST(ReduceTest, CombinesEveryElement) {
  using T = typename TypeParam::Element;
  for (Reduction reduction :
       {Reduction::kSum, Reduction::kMean, Reduction::kMax, Reduction::kMin}) {
    for (size_t count : {0, 1, 3, 15, 16, 17, 63, 64, 65, 129, 1000}) {
      std::vector<T> a(count), b(count), result(count + 1, T{42});
      for (size_t i = 0; i < count; ++i) {
        a[i] = static_cast<T>(static_cast<int64_t>(i * 37 % 101) - 50);
        b[i] = static_cast<T>(static_cast<int64_t>(i * 53 % 97) - 48);
      }
      Combine(reduction, TypeParam::kDType, a.data(), b.data(), result.data(),
              static_cast<int64_t>(count));
      for (size_t i = 0; i < count; ++i) EXPECT_EQ(result[i], Expected(reduction, a[i], b[i])) << i;
      EXPECT_EQ(result[count], T{42});
    }
  }
}

TYPED_TEST(ReduceTest, MeanDividesTowardsZero) {
  using T = typename TypeParam::Element;
  std::vector<T> data = {T{0}, T{1}, T{7}, T{9}, static_cast<T>(100)};
  FinishReduction(Reduction::kMean, TypeParam::kDType, data.data(), 5, 3);
  EXPECT_EQ(data[2], static_cast<T>(T{7} / T{3}));
  EXPECT_EQ(data[4], static_cast<T>(static_cast<T>(100) / T{3}));
  FinishReduction(Reduction::kSum, TypeParam::kDType, data.data(), 5, 3);
  EXPECT_EQ(data[2], static_cast<T>(T{7} / T{3}));
}

TEST(ReduceValuesTest, IntegersWrap) {
  const int8_t a = 100, b = 100;
  int8_t result = 0;
  Combine(Reduction::kSum, chips::I8, &a, &b, &result, 1);
  EXPECT_EQ(result, static_cast<int8_t>(200));
  const int64_t most = std::numeric_limits<int64_t>::max(), one = 1;
  int64_t wrapped = 0;
  Combine(Reduction::kSum, chips::I64, &most, &one, &wrapped, 1);
  EXPECT_EQ(wrapped, std::numeric_limits<int64_t>::min());
}

TEST(ReduceValuesTest, HalvesAreAddedInF32AndRoundedOnce) {
  for (int64_t count : {1, 511, 512, 513, 1500}) {
    std::vector<uint16_t> a, b;
    for (int64_t i = 0; i < count; ++i) {
      a.push_back(chips::FloatToBf16(0.37f * static_cast<float>(i % 89 + 1)));
      b.push_back(chips::FloatToBf16(-1.11f * static_cast<float>(i % 57)));
    }
    std::vector<uint16_t> sum(a.size());
    Combine(Reduction::kSum, chips::BF16, a.data(), b.data(), sum.data(), count);
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(sum[i], chips::FloatToBf16(chips::Bf16ToFloat(a[i]) + chips::Bf16ToFloat(b[i])));
    }
    Combine(Reduction::kMax, chips::BF16, a.data(), b.data(), a.data(), count);  // in place
    EXPECT_EQ(a[0], chips::FloatToBf16(0.37f));
  }
  const uint16_t large = chips::FloatToFp16(60000);
  uint16_t sum = 0;
  Combine(Reduction::kSum, chips::F16, &large, &large, &sum, 1);
  EXPECT_TRUE(std::isinf(chips::Fp16ToFloat(sum)));
}

TEST(ReduceValuesTest, NanWinsFromEitherSide) {
  const float nan = std::nanf("");
  const float a[] = {nan, 1, 3}, b[] = {1, nan, 2};
  for (Reduction reduction : {Reduction::kMax, Reduction::kMin}) {
    float result[3];
    Combine(reduction, chips::F32, a, b, result, 3);
    EXPECT_TRUE(std::isnan(result[0]));
    EXPECT_TRUE(std::isnan(result[1]));
    EXPECT_EQ(result[2], reduction == Reduction::kMax ? 3 : 2);
  }
}

TEST(ReduceValuesTest, KnowsWhatIsReduced) {
  for (chips::DType dtype : {chips::F32, chips::F64, chips::BF16, chips::F16, chips::I8, chips::U8,
                             chips::I32, chips::I64}) {
    EXPECT_TRUE(IsReduced(dtype));
  }
  EXPECT_FALSE(IsReduced(chips::BOOL));
  EXPECT_FALSE(IsReduced(chips::F8_E5M2));
}

}  // namespace
}  // namespace strata::distributed
