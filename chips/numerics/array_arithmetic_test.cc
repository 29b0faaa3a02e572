#include "chips/numerics/array_arithmetic.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/numerics/format.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::HasSubstr;

// Rounded to f32 from a double, which holds a product and a sum of two f32 well enough: 53 >= 2 * 24 + 2 bits
// (Figueroa 1995, "When is double rounding innocuous?").
float Product(float x, float y) {
  return static_cast<float>(static_cast<double>(x) * static_cast<double>(y));
}
float Sum(float x, float y) {
  return static_cast<float>(static_cast<double>(x) + static_cast<double>(y));
}

// One element, as the header says it.
float Naive(const ArrayArithmetic& array, const std::vector<float>& a, const std::vector<float>& b,
            float c) {
  if (array.dataflow == ArrayDataflow::kOutputStationary) {
    for (size_t k = 0; k < a.size(); ++k) c = Sum(c, Product(a[k], b[k]));
    return c;
  }
  for (size_t begin = 0; begin < a.size(); begin += static_cast<size_t>(array.rows)) {
    float chunk = 0;
    for (size_t k = begin; k < a.size() && k < begin + static_cast<size_t>(array.rows); ++k) {
      chunk = Sum(chunk, Product(a[k], b[k]));
    }
    c = Sum(c, chunk);
  }
  return c;
}

// Values of the format, of magnitudes so far apart that the order of sums matters.
std::vector<float> Values(Format format, int64_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    const int exponent = static_cast<int>(random() % 9) - 4;
    values.push_back(static_cast<float>(
        RoundTo(format, std::ldexp(normal(random), exponent), {.overflow = Overflow::kSaturate})));
  }
  return values;
}

bool SameNumber(float x, float y) {
  return std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y) ||
         (std::isnan(x) && std::isnan(y));
}

void ExpectNaive(const ArrayArithmetic& array, const MatmulShape& s, const std::vector<float>& a,
                 const std::vector<float>& b, const std::vector<float>& c) {
  std::vector<float> d(static_cast<size_t>(s.m * s.n));
  ASSERT_OK(ArrayMatmul(array, s, a, b, c, absl::MakeSpan(d)));
  for (int64_t m = 0; m < s.m; ++m) {
    const std::vector<float> row(a.begin() + m * s.k, a.begin() + (m + 1) * s.k);
    for (int64_t n = 0; n < s.n; ++n) {
      std::vector<float> column;
      for (int64_t k = 0; k < s.k; ++k) column.push_back(b[static_cast<size_t>(k * s.n + n)]);
      const size_t at = static_cast<size_t>(m * s.n + n);
      ASSERT_PRED2(SameNumber, d[at], Naive(array, row, column, c.empty() ? 0 : c[at]))
          << m << ", " << n << " of " << s.m << " x " << s.n << " x " << s.k;
    }
  }
}

const ArrayArithmetic kArrays[] = {{ArrayDataflow::kWeightStationary, 1, 1},
                                   {ArrayDataflow::kWeightStationary, 3, 3},
                                   {ArrayDataflow::kWeightStationary, 16, 16},
                                   {ArrayDataflow::kWeightStationary, 256, 256},
                                   {ArrayDataflow::kOutputStationary, 16, 16}};

TEST(ArrayArithmetic, ProductsAreTheDefinitionsForEverySizeAndFormat) {
  for (const ArrayArithmetic& array : kArrays) {
    for (const Format format : {Format::kBf16, Format::kE4M3, Format::kE5M2}) {
      for (const int64_t m : {1, 7, 8, 19}) {
        for (const int64_t n : {1, 31, 32, 70}) {
          for (const int64_t k : {1, 15, 16, 17, 50}) {
            const uint64_t seed = static_cast<uint64_t>(m * 10000 + n * 100 + k);
            ExpectNaive(
                array, {m, n, k}, Values(format, m * k, seed), Values(format, k * n, seed + 1),
                seed % 2 == 0 ? Values(Format::kF32, m * n, seed + 2) : std::vector<float>());
          }
        }
      }
    }
  }
}

TEST(ArrayArithmetic, TheOrderIsTheMachines) {
  // 2^24 swallows each 1 that comes after it, but not a chunk of them.
  const std::vector<float> a = {0x1p24f, 1, 1, 1, 1, 1, 1, 1}, ones(8, 1.0f);
  std::vector<float> d(1);
  const auto sum = [&](const ArrayArithmetic& array) {
    EXPECT_OK(ArrayMatmul(array, {1, 1, 8}, a, ones, {}, absl::MakeSpan(d)));
    return d[0];
  };
  EXPECT_EQ(sum({ArrayDataflow::kOutputStationary, 4, 4}), 0x1p24f);
  EXPECT_EQ(sum({ArrayDataflow::kWeightStationary, 4, 4}), 0x1p24f + 4);
  EXPECT_EQ(sum({ArrayDataflow::kWeightStationary, 2, 2}), 0x1p24f + 6);
}

TEST(ArrayArithmetic, ProductsAreRoundedByThemselvesAndSubnormalsKept) {
  // 2^-150 is half of the least number and goes to 0; fused with the sum 2^-149 it would make that 2^-148.
  for (const ArrayArithmetic& array : kArrays) {
    ExpectNaive(array, {1, 1, 2}, {0x1p-75f, 0x1p-75f}, {0x1p-74f, 0x1p-75f}, {});
    ExpectNaive(array, {1, 1, 2}, {0x1p-70f, 0x1p-70f}, {0x1.02p-70f, 0x1p-78f}, {});
    ExpectNaive(array, {1, 1, 2}, {0x1p100f, 0x1p100f}, {0x1p100f, -0x1p100f}, {});
  }
}

TEST(ArrayArithmetic, InfinitiesAndZerosAreAsInIeee) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const ArrayArithmetic& array : kArrays) {
    ExpectNaive(array, {1, 1, 3}, {inf, 1, 2}, {1, 1, 1}, {});
    ExpectNaive(array, {1, 1, 3}, {inf, -inf, 2}, {1, 1, 1}, {});
    ExpectNaive(array, {1, 2, 2}, {inf, 1}, {0, 1, 1, 1}, {});
    ExpectNaive(array, {1, 1, 2}, {nan, 1}, {1, 1}, {});
    ExpectNaive(array, {1, 1, 2}, {-0.0f, 0}, {1, 1}, {});
    ExpectNaive(array, {1, 1, 1}, {0}, {-1}, {-0.0f});
  }
}

TEST(ArrayArithmetic, NothingToSumLeavesC) {
  for (const ArrayArithmetic& array : kArrays) {
    ExpectNaive(array, {2, 2, 0}, {}, {}, {1, 2, 3, 4});
    ExpectNaive(array, {2, 2, 0}, {}, {}, {});
    ExpectNaive(array, {0, 3, 2}, {}, std::vector<float>(6, 1.0f), {});
    ExpectNaive(array, {3, 0, 2}, std::vector<float>(6, 1.0f), {}, {});
  }
}

TEST(ArrayArithmetic, DMayBeCAndBlocksOfKChain) {
  const MatmulShape s{5, 9, 20};
  const std::vector<float> a = Values(Format::kBf16, s.m * s.k, 1);
  const std::vector<float> b = Values(Format::kBf16, s.k * s.n, 2);
  const ArrayArithmetic array{ArrayDataflow::kOutputStationary, 16, 16};
  std::vector<float> once(45), twice(45);
  ASSERT_OK(ArrayMatmul(array, s, a, b, {}, absl::MakeSpan(once)));
  ASSERT_OK(ArrayMatmul(array, s, a, b, once, absl::MakeSpan(once)));
  std::vector<float> aa, bb(b);
  for (int64_t m = 0; m < s.m; ++m) {
    for (int i = 0; i < 2; ++i) aa.insert(aa.end(), a.begin() + m * s.k, a.begin() + (m + 1) * s.k);
  }
  bb.insert(bb.end(), b.begin(), b.end());
  ASSERT_OK(ArrayMatmul(array, {5, 9, 40}, aa, bb, {}, absl::MakeSpan(twice)));
  EXPECT_EQ(once, twice);
}

TEST(ArrayArithmetic, BadSizesAreNamed) {
  std::vector<float> d(4);
  const std::vector<float> x(4, 1.0f);
  const ArrayArithmetic array{ArrayDataflow::kWeightStationary, 4, 4};
  const auto fault = [&](const ArrayArithmetic& arithmetic, const MatmulShape& shape,
                         const std::vector<float>& c, const char* text) {
    EXPECT_THAT(ArrayMatmul(arithmetic, shape, x, x, c, absl::MakeSpan(d)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text)));
  };
  fault(array, {2, 2, 3}, {}, "a: has 4 elements; must have 2 x 3");
  fault(array, {2, 3, 2}, {}, "b: has 4 elements; must have 2 x 3");
  fault(array, {2, 2, 2}, {1}, "c: has 1 elements; must have 2 x 2");
  fault(array, {-2, -2, -2}, {}, "no negative size");
  fault({ArrayDataflow::kWeightStationary, 0, 4}, {2, 2, 2}, {}, "rows: is 0");
}

// The row sum as a picture: lanes as columns, then halves.
float NaiveRowSum(const std::vector<float>& row, size_t lanes) {
  size_t width = 1;
  while (width < lanes && width < row.size()) width *= 2;
  width = std::min(width, lanes);
  std::vector<float> sums;
  for (size_t l = 0; l < width; ++l) {
    float sum = 0;
    for (size_t i = l; i < row.size(); i += width) sum = Sum(sum, row[i]);
    sums.push_back(sum);
  }
  while (sums.size() > 1) {
    const size_t half = (sums.size() + 1) / 2;
    std::vector<float> next(sums.begin(), sums.begin() + static_cast<long>(half));
    for (size_t l = half; l < sums.size(); ++l) next[l - half] = Sum(next[l - half], sums[l]);
    sums = next;
  }
  return sums.empty() ? 0 : sums[0];
}

TEST(ArrayArithmetic, RowSumsAreTheDefinitions) {
  for (const int lanes : {1, 2, 3, 16, 128, 2048}) {
    for (const int64_t n : {0, 1, 2, 3, 15, 16, 17, 33, 127, 128, 129, 1000, 5000}) {
      const std::vector<float> row = Values(Format::kF32, n, static_cast<uint64_t>(n));
      EXPECT_PRED2(SameNumber, ArrayRowSum(row, lanes),
                   NaiveRowSum(row, static_cast<size_t>(lanes)))
          << n << " over " << lanes;
    }
  }
  EXPECT_EQ(ArrayRowSum({0x1p24f, 1, 1, 1}, 1), 0x1p24f);
  EXPECT_EQ(ArrayRowSum({0x1p24f, 1, 1, 1}, 2), 0x1p24f + 2);
  EXPECT_PRED2(SameNumber, ArrayRowSum({-0.0f}, 4), 0.0f);
}

}  // namespace
}  // namespace strata::chips
