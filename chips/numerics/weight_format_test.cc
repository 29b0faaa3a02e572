#include "chips/numerics/weight_format.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/numerics/format.h"

namespace strata::chips {

void PrintTo(const WeightFormat& format, std::ostream* out) { *out << format.name; }

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The definitions a second time: a block as a string of bits, each field by the place of its first bit, and values in
// fp64, in which all products are exact.
class Bits {
 public:
  explicit Bits(const std::vector<uint8_t>& bytes) : bytes_(bytes) {}

  int At(int64_t first, int count) const {
    int value = 0;
    for (int b = count - 1; b >= 0; --b) {
      const int64_t at = first + b;
      value = 2 * value + (bytes_[at / 8] >> (at % 8) & 1);
    }
    return value;
  }
  double Fp16At(int64_t byte) const { return Decode(Format::kF16, At(8 * byte, 16)); }
  int SignedByte(int64_t byte) const {
    const int value = At(8 * byte, 8);
    return value < 128 ? value : value - 256;
  }
  // The nibble of weight i of 32, which stand from byte `first` on.
  int Nibble(int64_t first, int64_t i) const { return At(8 * (first + i % 16) + 4 * (i / 16), 4); }

  int KScale(int64_t j) const {
    return j < 4 ? At(32 + 8 * j, 6) : At(32 + 8 * (j + 4), 4) + 16 * At(32 + 8 * (j - 4) + 6, 2);
  }
  int KMin(int64_t j) const {
    return j < 4 ? At(32 + 8 * (j + 4), 6)
                 : At(32 + 8 * (j + 4) + 4, 4) + 16 * At(32 + 8 * j + 6, 2);
  }
  double K(int64_t i, int code) const {
    return Fp16At(0) * KScale(i / 32) * code - Fp16At(2) * KMin(i / 32);
  }

 private:
  const std::vector<uint8_t>& bytes_;
};

double DefinedValue(const std::string& format, const std::vector<uint8_t>& block, int64_t i) {
  const Bits bits(block);
  const auto k_nibble = [&](int64_t first) {
    return bits.At(8 * (first + i / 64 * 32 + i % 32) + 4 * (i / 32 % 2), 4);
  };
  if (format == "f32") return std::bit_cast<float>((bits.At(16, 16) << 16) | bits.At(0, 16));
  if (format == "f16") return bits.Fp16At(0);
  if (format == "bf16") return Decode(Format::kBf16, bits.At(0, 16));
  if (format == "q8_0") return bits.Fp16At(0) * bits.SignedByte(2 + i);
  if (format == "q4_0") return bits.Fp16At(0) * (bits.Nibble(2, i) - 8);
  if (format == "q4_1") return bits.Fp16At(0) * bits.Nibble(4, i) + bits.Fp16At(2);
  if (format == "q5_0") {
    return bits.Fp16At(0) * (bits.Nibble(6, i) + 16 * bits.At(16 + i, 1) - 16);
  }
  if (format == "q4_k") return bits.K(i, k_nibble(16));
  if (format == "q5_k")
    return bits.K(i, k_nibble(48) + 16 * bits.At(128 + 8 * (i % 32) + i / 32, 1));
  if (format == "q6_k") {
    const int low = bits.At(8 * (i / 128 * 64 + i % 64) + 4 * (i % 128 / 64), 4);
    const int high = bits.At(8 * (128 + i / 128 * 32 + i % 32) + 2 * (i % 128 / 32), 2);
    return bits.Fp16At(208) * bits.SignedByte(192 + i / 16) * (low + 16 * high - 32);
  }
  if (format == "iq4_nl") return bits.Fp16At(0) * kIq4NlValues[bits.Nibble(2, i)];
  EXPECT_EQ(format, "mxfp4");
  const double value =
      Decode(Format::kE2M1, bits.Nibble(1, i)) * Decode(Format::kE8M0, bits.At(0, 8));
  return value == 0 ? 0.0 : value;  // ggml has no -0 here
}

class WeightFormatTest : public ::testing::TestWithParam<WeightFormat> {};

INSTANTIATE_TEST_SUITE_P(All, WeightFormatTest, ::testing::ValuesIn(AllWeightFormats()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(WeightFormatTest, DecodesRandomBlocksAsDefinedBitForBit) {
  const WeightFormat& format = GetParam();
  std::mt19937_64 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<uint8_t> block(format.bytes);
    for (uint8_t& byte : block) byte = static_cast<uint8_t>(random());
    std::vector<float> values(format.block);
    format.decode(block.data(), values.data());
    for (int64_t i = 0; i < format.block; ++i) {
      const float want = static_cast<float>(DefinedValue(format.name, block, i));
      if (std::isnan(want)) {
        ASSERT_TRUE(std::isnan(values[i])) << "weight " << i << " is " << values[i];
        continue;
      }
      ASSERT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(want))
          << "weight " << i << ": " << values[i] << ", defined " << want;
    }
  }
}

std::vector<float> NormalValues(int64_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0.01f, 0.03f);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

std::vector<float> RoundTrip(const WeightFormat& format, const std::vector<float>& x) {
  std::vector<uint8_t> row(RowBytes(format, x.size()));
  EncodeRow(format, x.data(), x.size(), row.data());
  std::vector<float> y(x.size());
  DecodeRow(format, row.data(), y.size(), y.data());
  return y;
}

double RelativeError(const std::vector<float>& x, const std::vector<float>& y) {
  double error = 0;
  double norm = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    error += (double{x[i]} - y[i]) * (double{x[i]} - y[i]);
    norm += double{x[i]} * x[i];
  }
  return std::sqrt(error / norm);
}

TEST_P(WeightFormatTest, EncodesNormalValuesWithSmallError) {
  // For values of a normal distribution, a little above what is measured.
  const std::map<std::string, double> bound = {
      {"f32", 0},      {"f16", 0.00022}, {"bf16", 0.0017},  {"q8_0", 0.0055},
      {"q4_0", 0.081}, {"q4_1", 0.068},  {"q5_0", 0.041},   {"q4_k", 0.069},
      {"q5_k", 0.035}, {"q6_k", 0.018},  {"iq4_nl", 0.075}, {"mxfp4", 0.113}};
  const std::vector<float> x = NormalValues(65536, 2);
  const double error = RelativeError(x, RoundTrip(GetParam(), x));
  RecordProperty("relative_error", std::to_string(error));
  EXPECT_LE(error, bound.at(GetParam().name));
}

// What a format holds exactly comes back: codes and scales that reach both ends.
TEST_P(WeightFormatTest, EncodingDecodedValuesLosesLittle) {
  const WeightFormat& format = GetParam();
  const std::vector<float> once = RoundTrip(format, NormalValues(4096, 3));
  EXPECT_LE(RelativeError(once, RoundTrip(format, once)), 0.04);
}

TEST_P(WeightFormatTest, ZerosStayZeros) {
  const std::vector<float> zeros(512);
  for (float y : RoundTrip(GetParam(), zeros)) ASSERT_EQ(y, 0.0f);
}

TEST_P(WeightFormatTest, ConstantsAreKept) {
  for (float value : {1.0f, -1.0f, 0.0071f, -300.0f}) {
    const std::vector<float> x(256, value);
    for (float y : RoundTrip(GetParam(), x)) {
      // mxfp4 has few values a power of two: it may be off by a sixth.
      ASSERT_NEAR(y, value,
                  std::abs(value) * (GetParam().name == std::string("mxfp4") ? 0.17 : 0.01));
    }
  }
}

TEST_P(WeightFormatTest, BlocksWithoutAFiniteValueAreNaN) {
  const WeightFormat& format = GetParam();
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                    -std::numeric_limits<float>::infinity()}) {
    std::vector<float> x = NormalValues(512, 4);
    x[3] = bad;
    const std::vector<float> y = RoundTrip(format, x);
    for (int64_t i = 0; i < 512; ++i) {
      const bool in_block = i / format.block == 3 / format.block;
      ASSERT_EQ(std::isfinite(y[i]), !in_block) << i;
    }
  }
}

TEST_P(WeightFormatTest, HugeAndTinyValuesStayFinite) {
  for (float size : {3e38f, 1e30f, 1e9f, 1e-9f, 1e-40f}) {
    std::vector<float> x = NormalValues(512, 5);
    for (float& value : x) value = std::clamp(value * 10, -1.0f, 1.0f) * size;
    if (GetParam().name == std::string("f16") && size > 60000) continue;  // overflows to infinity
    for (float y : RoundTrip(GetParam(), x)) ASSERT_TRUE(std::isfinite(y)) << size;
  }
}

TEST_P(WeightFormatTest, RowsAreTheirBlocks) {
  const WeightFormat& format = GetParam();
  const std::vector<float> x = NormalValues(3 * format.block, 6);
  std::vector<uint8_t> row(RowBytes(format, x.size()));
  EncodeRow(format, x.data(), x.size(), row.data());
  std::vector<uint8_t> blocks(row.size());
  for (int b = 0; b < 3; ++b) format.encode(&x[b * format.block], &blocks[b * format.bytes]);
  EXPECT_EQ(row, blocks);
  EncodeRow(format, x.data(), 0, row.data());  // an empty row writes nothing
  EXPECT_EQ(row, blocks);
}

TEST(WeightFormats, BytesAndTypesAreGguf) {
  struct Expected {
    const char* name;
    uint32_t type;
    int64_t block, bytes;
  };
  for (const Expected& e : std::initializer_list<Expected>{{"f32", 0, 1, 4},
                                                           {"f16", 1, 1, 2},
                                                           {"bf16", 30, 1, 2},
                                                           {"q8_0", 8, 32, 34},
                                                           {"q4_0", 2, 32, 18},
                                                           {"q4_1", 3, 32, 20},
                                                           {"q5_0", 6, 32, 22},
                                                           {"q4_k", 12, 256, 144},
                                                           {"q5_k", 13, 256, 176},
                                                           {"q6_k", 14, 256, 210},
                                                           {"iq4_nl", 20, 32, 18},
                                                           {"mxfp4", 39, 32, 17}}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const WeightFormat* format, FindWeightFormat(e.name));
    EXPECT_EQ(format->ggml_type, e.type) << e.name;
    EXPECT_EQ(format->block, e.block) << e.name;
    EXPECT_EQ(format->bytes, e.bytes) << e.name;
    EXPECT_EQ(FindGgmlType(e.type), format);
    EXPECT_EQ(RowBytes(*format, 512), 512 / e.block * e.bytes);
  }
  EXPECT_EQ(AllWeightFormats().size(), 12u);
}

TEST(WeightFormats, UnknownOnesAreRefused) {
  EXPECT_THAT(FindWeightFormat("q3_k"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("\"q3_k\""), HasSubstr("q8_0, q4_0, q4_1"))));
  EXPECT_EQ(FindGgmlType(4), nullptr);
  EXPECT_EQ(FindGgmlType(0xffffffffu), nullptr);
}

}  // namespace
}  // namespace strata::chips
