#include "distributed/elastic/checksum.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ChecksumTest, EveryBitCounts) {
  std::string bytes(77, 'x');
  std::set<int64_t> seen = {Checksum(bytes.data(), bytes.size())};
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(seen.insert(Checksum(bytes.data(), bytes.size())).second) << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_TRUE(seen.insert(Checksum(bytes.data(), size)).second) << size;
  const std::string zeros(64, '\0');
  EXPECT_NE(Checksum(zeros.data(), 32), Checksum(zeros.data(), 64));
}

TEST(ChecksumTest, WordsMayNotChangePlaces) {
  std::string bytes;
  for (int i = 0; i < 64; ++i) bytes += std::string(8, static_cast<char>(i));
  const int64_t before = Checksum(bytes.data(), bytes.size());
  for (size_t word = 8; word < bytes.size(); word += 8) {
    std::string other = bytes;
    for (size_t i = 0; i < 8; ++i) std::swap(other[i], other[word + i]);
    EXPECT_NE(Checksum(other.data(), other.size()), before) << word;
  }
}

TEST(ChecksumTest, MajorityNames) {
  EXPECT_THAT(OddOnesOut({5, 5, 5}), IsEmpty());
  EXPECT_THAT(OddOnesOut({5, 7, 5}), ElementsAre(1));
  EXPECT_EQ(Culprit({5, 7, 5}), 1);
  EXPECT_THAT(OddOnesOut({1, 5, 5, 2, 5}), ElementsAre(0, 3));
  EXPECT_EQ(Culprit({1, 5, 5, 2, 5}), -1);
  EXPECT_THAT(OddOnesOut({5, 7}), ElementsAre(0, 1));  // who is right?
  EXPECT_EQ(Culprit({5, 7}), -1);
  EXPECT_EQ(Culprit({5, 5}), -1);
  EXPECT_THAT(OddOnesOut({5}), IsEmpty());
}

}  // namespace
}  // namespace strata::distributed
