// Packing keeps every weight: UnpackRow() gives the bits that DecodeRow() gives.
#include "chips/numerics/packed_rows.h"

#include <bit>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace strata::chips {
namespace {

class PackedRowsTest : public ::testing::TestWithParam<WeightFormat> {};

// Any bytes: also scales that are infinities, NaN, or subnormal.
std::vector<uint8_t> RandomRows(const WeightFormat& format, int64_t N, int64_t K) {
  std::vector<uint8_t> rows(static_cast<size_t>(N * RowBytes(format, K)));
  uint32_t state = static_cast<uint32_t>(N * 7919 + K) + format.ggml_type;
  for (uint8_t& byte : rows) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return rows;
}

// A NaN is a NaN whatever its payload; signs of zeros count.
uint32_t Bits(float x) { return x == x ? std::bit_cast<uint32_t>(x) : 0x7fc00000u; }

void ExpectUnpacked(const WeightFormat& format, const std::vector<uint8_t>& rows,
                    const std::vector<uint8_t>& packed, int64_t N, int64_t K) {
  std::vector<float> want(static_cast<size_t>(K)), got(static_cast<size_t>(K));
  for (int64_t n = 0; n < N; ++n) {
    DecodeRow(format, rows.data() + n * RowBytes(format, K), K, want.data());
    UnpackRow(format, packed.data(), n, K, got.data());
    for (size_t k = 0; k < want.size(); ++k)
      ASSERT_EQ(Bits(got[k]), Bits(want[k])) << "row " << n << " of " << N << ", weight " << k;
  }
}

TEST_P(PackedRowsTest, UnpackedRowsAreTheDecodedOnes) {
  const WeightFormat& format = GetParam();
  for (int64_t N : {1, 15, 16, 17, 33}) {
    for (int64_t K : {1, 3, 32, 96, 256, 768}) {
      if (K % format.block != 0) continue;
      const std::vector<uint8_t> rows = RandomRows(format, N, K);
      std::vector<uint8_t> packed(static_cast<size_t>(PackedGroups(N) * GroupBytes(format, K)),
                                  0xff);
      PackRows(format, rows.data(), N, K, 0, PackedGroups(N), packed.data());
      ExpectUnpacked(format, rows, packed, N, K);
    }
  }
}

TEST_P(PackedRowsTest, PartsGiveTheSameBytes) {
  const WeightFormat& format = GetParam();
  const int64_t N = 70, K = 512, groups = PackedGroups(N), size = GroupBytes(format, K);
  const std::vector<uint8_t> rows = RandomRows(format, N, K);
  std::vector<uint8_t> whole(static_cast<size_t>(groups * size), 0xff);
  std::vector<uint8_t> parts(whole.size(), 0xaa);
  PackRows(format, rows.data(), N, K, 0, groups, whole.data());
  PackRows(format, rows.data(), N, K, 2, 3, parts.data() + 2 * size);
  PackRows(format, rows.data(), N, K, 0, 2, parts.data());
  EXPECT_EQ(parts, whole);
}

TEST_P(PackedRowsTest, GroupsAreWholeLinesAndLittleLargerThanTheirRows) {
  const WeightFormat& format = GetParam();
  const int64_t bytes = GroupBytes(format, 2048);
  EXPECT_EQ(bytes % 64, 0);
  const std::string name = format.name;
  if (name == "q5_0" || name == "q5_k") return;  // become bytes
  EXPECT_LE(static_cast<double>(bytes), 1.06 * 16 * static_cast<double>(RowBytes(format, 2048)));
}

TEST_P(PackedRowsTest, RowsThatAreNotThereAreZeros) {
  const WeightFormat& format = GetParam();
  const int64_t K = 256;
  const std::vector<uint8_t> rows = RandomRows(format, 1, K);
  std::vector<uint8_t> packed(static_cast<size_t>(GroupBytes(format, K)), 0xff);
  PackRows(format, rows.data(), 1, K, 0, 1, packed.data());
  std::vector<float> values(static_cast<size_t>(K));
  UnpackRow(format, packed.data(), 15, K, values.data());
  for (float value : values) EXPECT_EQ(value, 0.0f);
}

INSTANTIATE_TEST_SUITE_P(Formats, PackedRowsTest,
                         ::testing::ValuesIn(AllWeightFormats().begin(), AllWeightFormats().end()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace strata::chips
