#include "chips/numerics/philox.h"

#include <set>
#include <vector>

#include "chips/numerics/format.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using Words = std::array<uint32_t, 4>;

// Known answers of the authors' library Random123 (kat_vectors).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(Philox4x32({0, 0}, {0, 0, 0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomBits, AreWordsOfBlocksByIndex) {
  const RandomBits bits(0x299f31d0a4093822u, 0x0370734413198a2eu);
  const Words block = bits.Block(0x85a308d3243f6a88u);
  EXPECT_EQ(block, (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  for (uint64_t i = 0; i < 100; ++i) EXPECT_EQ(bits.At(i), bits.Block(i / 4)[i % 4]);
}

TEST(RandomBits, FillingIsTakingOneByOne) {
  const RandomBits bits(0x123456789abcdef0u, 0xfedcba9876543210u);
  // Also where the block's number runs over 32 bits.
  for (const uint64_t first : {uint64_t{0}, uint64_t{1}, uint64_t{4}, uint64_t{7}, uint64_t{64},
                               (uint64_t{1} << 34) - 130, (uint64_t{1} << 34) - 64}) {
    for (const size_t count : {0, 1, 3, 4, 63, 64, 65, 200, 300}) {
      std::vector<uint32_t> words(count + 1, 0xa5a5a5a5u);
      bits.Fill(first, absl::MakeSpan(words).subspan(0, count));
      for (size_t i = 0; i < count; ++i)
        ASSERT_EQ(words[i], bits.At(first + i)) << first << " " << i;
      EXPECT_EQ(words[count], 0xa5a5a5a5u);
    }
  }
}

TEST(RandomBits, SeedsAndStreamsDiffer) {
  std::set<uint32_t> words;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    for (uint64_t stream = 0; stream < 8; ++stream) {
      for (uint64_t i = 0; i < 8; ++i) words.insert(RandomBits(seed, stream).At(i));
    }
  }
  EXPECT_EQ(words.size(), 512u);
}

// Stochastic rounding is right on average: 4 sigma of a binomial distribution.
TEST(RandomBits, StochasticRoundingIsUnbiased) {
  const RandomBits bits(7);
  constexpr int kDraws = 40000;
  const double value = 1 + 0.3 / 128;  // 0.3 of the way between two bf16 numbers
  int up = 0;
  for (int i = 0; i < kDraws; ++i) {
    const uint32_t code =
        Encode(Format::kBf16, value,
               {.rounding = Rounding::kStochastic, .random = bits.At(static_cast<uint64_t>(i))});
    up += code == 0x3f81;
  }
  EXPECT_NEAR(up, 0.3 * kDraws, 4 * 92);
}

}  // namespace
}  // namespace strata::chips
