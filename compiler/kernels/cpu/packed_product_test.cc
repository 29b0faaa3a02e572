// The promise of packed products: a row's bits depend on nothing but the row and the weights. And the fast kernels give the
// bits of the plain ones (but for bf16, whose instruction adds in its own way).
#include "compiler/kernels/cpu/packed_product.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using chips::WeightFormat;

std::vector<float> Random(int64_t count, uint32_t seed) {
  std::vector<float> values(static_cast<size_t>(count));
  uint32_t state = seed * 2654435761u + 12345u;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return values;
}

// NaNs are one, whatever their payload.
std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (float v : values) bits.push_back(v == v ? std::bit_cast<uint32_t>(v) : 0x7fc00000u);
  return bits;
}

struct Weights {
  Weights(const WeightFormat& format, int64_t N, int64_t K) : format(format), N(N), K(K) {
    const std::vector<float> values = Random(N * K, 3);
    rows.resize(static_cast<size_t>(N * chips::RowBytes(format, K)));
    for (int64_t n = 0; n < N; ++n) {
      chips::EncodeRow(format, values.data() + n * K, K,
                       rows.data() + n * chips::RowBytes(format, K));
    }
    packed.resize(static_cast<size_t>(chips::PackedGroups(N) * chips::GroupBytes(format, K)));
    chips::PackRows(format, rows.data(), N, K, 0, chips::PackedGroups(N), packed.data());
  }

  // y = x wᵀ of the rows [first, first + M) of x.
  std::vector<float> Times(const std::vector<float>& x, int64_t first, int64_t M, int threads,
                           bool rows16 = true, const PackedKernel* kernel = nullptr) const {
    std::vector<float> y(static_cast<size_t>(M * N), std::numeric_limits<float>::quiet_NaN());
    std::vector<const float*> from;
    std::vector<float*> to;
    for (int64_t m = 0; m < M; ++m) {
      from.push_back(x.data() + (first + m) * K);
      to.push_back(y.data() + m * N);
    }
    const PackedProduct product(format, rows16, K, threads, kernel);
    product.Run({{rows16 ? packed.data() : rows.data(), N, 0, M, to.data()}}, from);
    return y;
  }

  const WeightFormat& format;
  const int64_t N, K;
  std::vector<uint8_t> rows, packed;
};

std::vector<int64_t> SizesOf(const WeightFormat& format) {
  if (format.block == 1) return {1, 7, 64, 333};
  return format.block == 32 ? std::vector<int64_t>{32, 96, 320} : std::vector<int64_t>{256, 768};
}

class PackedProductTest : public ::testing::TestWithParam<WeightFormat> {};

TEST_P(PackedProductTest, FastKernelsGiveThePlainOnesBits) {
  const bool exact = GetParam().activations != chips::Activations::kBf16;
  for (int64_t N : {1, 15, 17, 100}) {
    for (int64_t K : SizesOf(GetParam())) {
      const Weights w(GetParam(), N, K);
      for (int64_t M : {1, 2, 3, 7, 8, 12, 13, 16, 33}) {
        const std::vector<float> x = Random(M * K, 5);
        const std::vector<float> fast = w.Times(x, 0, M, 2);
        const std::vector<float> plain = w.Times(x, 0, M, 2, true, &PlainPackedKernel());
        if (exact) {
          ASSERT_EQ(Bits(fast), Bits(plain)) << M << " x " << K << " x " << N;
        }
        // At most K roundings of sums of at most K products below 1.
        const float tolerance = 1e-7f * static_cast<float>(K) * static_cast<float>(K + 8);
        for (size_t i = 0; i < fast.size(); ++i) ASSERT_NEAR(fast[i], plain[i], tolerance);
      }
    }
  }
}

TEST_P(PackedProductTest, ARowsBitsAreItsOwn) {
  const int64_t N = 100, K = SizesOf(GetParam()).back(), M = 33;
  const Weights w(GetParam(), N, K);
  const std::vector<float> x = Random(M * K, 7);
  const std::vector<uint32_t> all = Bits(w.Times(x, 0, M, 1));
  for (int threads : {1, 2, 3, 4}) {
    EXPECT_EQ(Bits(w.Times(x, 0, M, threads)), all) << threads << " threads";
    EXPECT_EQ(Bits(w.Times(x, 0, M, threads, /*rows16=*/false)), all) << threads << " threads";
  }
  for (int64_t count = 1; count <= 13; ++count) {
    for (int64_t first : {int64_t{0}, int64_t{5}, M - count}) {
      const std::vector<uint32_t> part = Bits(w.Times(x, first, count, 2));
      const auto begin = all.begin() + first * N;
      ASSERT_EQ(part, std::vector<uint32_t>(begin, begin + count * N)) << count << " at " << first;
    }
  }
}

TEST_P(PackedProductTest, WhatIsNotFiniteStaysInItsRow) {
  const int64_t N = 17, K = SizesOf(GetParam()).back(), M = 5;
  const Weights w(GetParam(), N, K);
  const std::vector<float> x = Random(M * K, 9);
  const std::vector<float> clean = w.Times(x, 0, M, 2);
  std::vector<float> spoilt = x;
  spoilt[static_cast<size_t>(1 * K + K / 2)] = std::numeric_limits<float>::quiet_NaN();
  spoilt[static_cast<size_t>(3 * K)] = std::numeric_limits<float>::infinity();
  const std::vector<float> y = w.Times(spoilt, 0, M, 2);
  for (int64_t i = 0; i < M * N; ++i) {
    const float value = y[static_cast<size_t>(i)];
    if (i / N == 1) {
      EXPECT_TRUE(std::isnan(value));
    } else if (i / N == 3) {
      EXPECT_FALSE(std::isfinite(value));
    } else {
      EXPECT_EQ(value, clean[static_cast<size_t>(i)]);
    }
  }
}

TEST_P(PackedProductTest, RowsTakeTheirOwnWeights) {
  const int64_t N = 20, K = SizesOf(GetParam()).back(), M = 30;
  const Weights a(GetParam(), N, K);
  Weights b = a;
  std::swap_ranges(b.rows.begin(), b.rows.begin() + chips::RowBytes(GetParam(), K),
                   b.rows.begin() + 5 * chips::RowBytes(GetParam(), K));
  chips::PackRows(b.format, b.rows.data(), N, K, 0, chips::PackedGroups(N), b.packed.data());
  const std::vector<float> x = Random(M * K, 11);
  std::vector<float> y(static_cast<size_t>(M * N));
  std::vector<const float*> from;
  std::vector<float*> to;
  for (int64_t m = 0; m < M; ++m) {
    from.push_back(x.data() + m * K);
    to.push_back(y.data() + m * N);
  }
  const PackedProduct product(GetParam(), true, K, 3);
  product.Run({{a.packed.data(), N, 0, 13, to.data()},
               {b.packed.data(), N, 13, 0, to.data()},
               {b.packed.data(), N, 13, 17, to.data()}},
              from);
  std::vector<float> want = a.Times(x, 0, 13, 1);
  const std::vector<float> rest = b.Times(x, 13, 17, 1);
  want.insert(want.end(), rest.begin(), rest.end());
  EXPECT_EQ(Bits(y), Bits(want));
}

TEST_P(PackedProductTest, SeveralMatricesForTheSameRows) {
  const int64_t K = SizesOf(GetParam()).back(), M = 14;
  const Weights a(GetParam(), 40, K), b(GetParam(), 3, K), c(GetParam(), 17, K);
  const std::vector<float> x = Random(M * K, 13);
  std::vector<const float*> from;
  std::vector<std::vector<float>> y;
  std::vector<std::vector<float*>> to(3);
  for (const Weights* w : {&a, &b, &c}) y.emplace_back(static_cast<size_t>(M * w->N));
  for (int64_t m = 0; m < M; ++m) {
    from.push_back(x.data() + m * K);
    to[0].push_back(y[0].data() + m * a.N);
    to[1].push_back(y[1].data() + m * b.N);
    to[2].push_back(y[2].data() + m * c.N);
  }
  const PackedProduct product(GetParam(), true, K, 3);
  product.Run({{a.packed.data(), a.N, 0, M, to[0].data()},
               {b.packed.data(), b.N, 0, M, to[1].data()},
               {c.packed.data(), c.N, 0, M, to[2].data()}},
              from);
  EXPECT_EQ(Bits(y[0]), Bits(a.Times(x, 0, M, 1)));
  EXPECT_EQ(Bits(y[1]), Bits(b.Times(x, 0, M, 1)));
  EXPECT_EQ(Bits(y[2]), Bits(c.Times(x, 0, M, 1)));
}

INSTANTIATE_TEST_SUITE_P(Formats, PackedProductTest,
                         ::testing::ValuesIn(chips::AllWeightFormats().begin(),
                                             chips::AllWeightFormats().end()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace strata::compiler
