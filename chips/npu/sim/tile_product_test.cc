#include "chips/npu/sim/tile_product.h"

#include <cmath>
#include <cstring>
#include <random>

#include "chips/numerics/float16.h"
#include "chips/numerics/format.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

struct Case {
  int64_t m, k, n;
};

constexpr Case kCases[] = {{1, 1, 1},    {3, 5, 7}, {2, 16, 16}, {4, 33, 17},
                           {1, 2500, 3}, {2, 0, 4}, {0, 3, 3},   {5, 1024, 1}};

std::vector<uint8_t> RandomBytes(int64_t count, std::mt19937_64& random) {
  std::vector<uint8_t> bytes(static_cast<size_t>(count));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// bf16 numbers between 2^-8 and 2^8 of both signs, so that sums round often.
std::vector<uint8_t> RandomBf16(int64_t bytes, std::mt19937_64& random) {
  std::vector<uint8_t> out(static_cast<size_t>(bytes));
  for (size_t i = 0; i + 1 < out.size(); i += 2) {
    const uint16_t bits = static_cast<uint16_t>((random() & 0x807f) | ((119 + random() % 16) << 7));
    std::memcpy(&out[i], &bits, 2);
  }
  return out;
}

int32_t IntAt(const uint8_t* at) {
  int32_t value;
  std::memcpy(&value, at, 4);
  return value;
}

float FloatAt(const uint8_t* at) {
  float value;
  std::memcpy(&value, at, 4);
  return value;
}

float Bf16At(const uint8_t* at) {
  uint16_t bits;
  std::memcpy(&bits, at, 2);
  return Bf16ToFloat(bits);
}

TEST(TileProduct, Int8IsExact) {
  std::mt19937_64 random(1);
  TileProduct product;
  for (const Case& c : kCases) {
    for (const TileSum sum : {TileSum::kWrite, TileSum::kAddAtEnd, TileSum::kStartFromC}) {
      const int64_t a_stride = c.k + 3, w_stride = c.n + 1, c_stride = 4 * c.n + 8;
      std::vector<uint8_t> a = RandomBytes(c.m * a_stride, random);
      std::vector<uint8_t> w = RandomBytes(c.k * w_stride, random);
      if (c.k == 1024) {  // the largest sum that is exact in f32
        a.assign(a.size(), 0x80);
        w.assign(w.size(), 0x80);
      }
      const std::vector<uint8_t> before = RandomBytes(c.m * c_stride, random);
      std::vector<uint8_t> after = before;
      product.Run(TileType::kI8, sum,
                  {a.data(), w.data(), after.data(), c.m, c.k, c.n, a_stride, w_stride, c_stride});
      for (int64_t i = 0; i < c.m; ++i) {
        for (int64_t j = 0; j < c.n; ++j) {
          uint32_t expected = sum == TileSum::kWrite
                                  ? 0
                                  : static_cast<uint32_t>(IntAt(&before[i * c_stride + 4 * j]));
          for (int64_t k = 0; k < c.k; ++k) {
            expected += static_cast<uint32_t>(static_cast<int8_t>(a[i * a_stride + k]) *
                                              static_cast<int8_t>(w[k * w_stride + j]));
          }
          ASSERT_EQ(IntAt(&after[i * c_stride + 4 * j]), static_cast<int32_t>(expected));
        }
        for (int64_t j = 4 * c.n; j < c_stride; ++j) {
          ASSERT_EQ(after[i * c_stride + j], before[i * c_stride + j]) << "beyond the row";
        }
      }
    }
  }
}

TEST(TileProduct, Bf16SumsInOrderOfK) {
  std::mt19937_64 random(2);
  TileProduct product;
  for (const Case& c : kCases) {
    for (const TileSum sum : {TileSum::kWrite, TileSum::kAddAtEnd, TileSum::kStartFromC}) {
      const std::vector<uint8_t> a = RandomBf16(c.m * c.k * 2, random);
      const std::vector<uint8_t> w = RandomBf16(c.k * c.n * 2, random);
      std::vector<float> out(static_cast<size_t>(c.m * c.n), 0.3f);
      product.Run(TileType::kBf16, sum,
                  {a.data(), w.data(), reinterpret_cast<uint8_t*>(out.data()), c.m, c.k, c.n,
                   c.k * 2, c.n * 2, c.n * 4});
      for (int64_t i = 0; i < c.m; ++i) {
        for (int64_t j = 0; j < c.n; ++j) {
          float expected = sum == TileSum::kStartFromC ? 0.3f : 0.0f;
          for (int64_t k = 0; k < c.k; ++k) {
            expected += Bf16At(&a[(i * c.k + k) * 2]) * Bf16At(&w[(k * c.n + j) * 2]);
          }
          if (sum == TileSum::kAddAtEnd) expected = 0.3f + expected;
          ASSERT_EQ(FloatAt(reinterpret_cast<const uint8_t*>(&out[i * c.n + j])), expected);
        }
      }
    }
  }
}

// Every code with every code: a product of two codes is exact in f32.
TEST(TileProduct, Fp8ProductsAreExact) {
  TileProduct product;
  const std::pair<TileType, Format> types[] = {{TileType::kE4m3, Format::kE4M3},
                                               {TileType::kE5m2, Format::kE5M2}};
  std::vector<uint8_t> codes(256);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint8_t>(i);
  for (const auto& [type, format] : types) {
    std::vector<float> c(256 * 256);
    product.Run(type, TileSum::kWrite,
                {codes.data(), codes.data(), reinterpret_cast<uint8_t*>(c.data()), 256, 1, 256, 1,
                 256, 1024});
    for (uint32_t i = 0; i < 256; ++i) {
      for (uint32_t j = 0; j < 256; ++j) {
        const double exact = Decode(format, i) * Decode(format, j);
        const float got = c[i * 256 + j];
        ASSERT_TRUE(got == exact || (std::isnan(got) && std::isnan(exact))) << i << " x " << j;
      }
    }
  }
}

}  // namespace
}  // namespace strata::chips::npu
