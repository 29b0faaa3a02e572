#include "chips/npu/sim/tile_product_as.h"

#include <cstring>
#include <random>
#include <vector>

#include "base/status_matchers.h"
#include "chips/numerics/format.h"
#include "chips/numerics/matmul_as.h"
#include "gtest/gtest.h"

namespace strata::chips::npu {
namespace {

// Codes of finite numbers around one, and what they stand for.
struct Operand {
  std::vector<uint8_t> bytes;
  std::vector<float> values;
};

Operand RandomOperand(Format format, int64_t count, std::mt19937* random) {
  Operand operand;
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t code = Encode(format, normal(*random));
    operand.bytes.push_back(static_cast<uint8_t>(code));
    if (format == Format::kBf16) operand.bytes.push_back(static_cast<uint8_t>(code >> 8));
    operand.values.push_back(static_cast<float>(Decode(format, code)));
  }
  return operand;
}

// A product in two instructions of k each, the second adding to the first, is the chip's one chain.
void ExpectChain(Generation generation, TileType type, Format format, TileSum more, int64_t m,
                 int64_t k, int64_t n) {
  std::mt19937 random(static_cast<uint32_t>(m + 7 * k + 31 * n));
  const int64_t element = format == Format::kBf16 ? 2 : 1;
  const Operand a = RandomOperand(format, m * 2 * k, &random);
  const Operand w = RandomOperand(format, 2 * k * n, &random);
  const auto rule = FindDotRule(generation, format);
  ASSERT_OK(rule.status());
  std::vector<float> want(static_cast<size_t>(m * n));
  ASSERT_OK(MatmulAs(*rule, {m, n, 2 * k}, a.values, w.values, {}, absl::MakeSpan(want)));

  std::vector<float> got(want.size(), 1e30f);  // kWrite does not read it
  TileProductAs product(generation);
  Tile tile{a.bytes.data(),
            w.bytes.data(),
            reinterpret_cast<uint8_t*>(got.data()),
            m,
            k,
            n,
            2 * k * element,
            n * element,
            4 * n};
  product.Run(type, TileSum::kWrite, tile);
  tile.a += k * element;
  tile.w += k * n * element;
  product.Run(type, more, tile);
  EXPECT_EQ(std::memcmp(got.data(), want.data(), 4 * want.size()), 0) << m << "x" << k << "x" << n;
}

TEST(TileProductAs, AddsUpAsTheChipDoes) {
  for (const TileSum more : {TileSum::kAddAtEnd, TileSum::kStartFromC}) {
    ExpectChain(Generation::kHopper, TileType::kBf16, Format::kBf16, more, 1, 16, 1);
    ExpectChain(Generation::kHopper, TileType::kBf16, Format::kBf16, more, 5, 32, 17);
    ExpectChain(Generation::kAmpere, TileType::kBf16, Format::kBf16, more, 3, 64, 16);
    ExpectChain(Generation::kHopper, TileType::kE4m3, Format::kE4M3, more, 4, 32, 19);
    ExpectChain(Generation::kBlackwell, TileType::kE5m2, Format::kE5M2, more, 2, 32, 8);
  }
}

TEST(TileProductAs, KnowsWhichTypesAChipMultiplies) {
  EXPECT_TRUE(TileProductAs::Has(Generation::kHopper, TileType::kE4m3));
  EXPECT_FALSE(TileProductAs::Has(Generation::kAmpere, TileType::kE4m3));
  EXPECT_FALSE(TileProductAs::Has(Generation::kVolta, TileType::kBf16));
  EXPECT_FALSE(TileProductAs::Has(Generation::kHopper, TileType::kI8));
}

}  // namespace
}  // namespace strata::chips::npu
