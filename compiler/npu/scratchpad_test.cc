#include "compiler/npu/scratchpad.h"

#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

chips::npu::MemorySpec Memory() {
  chips::npu::MemorySpec memory;
  memory.bytes = 1024;
  memory.banks = 8;
  memory.alignment = 16;
  return memory;
}

TEST(Scratchpad, TwoPlacesHaveBanksOfTheirOwn) {
  Scratchpad l1(Memory());
  const Places a = l1.Allocate(40, 2, true);
  EXPECT_EQ(a.address(0), 0);
  EXPECT_EQ(a.address(1), 128);
  const Places b = l1.Allocate(130, 2, true);
  EXPECT_EQ(b.address(0), 256);
  EXPECT_EQ(b.address(1), 512);
  EXPECT_EQ(l1.left(), 256);
  EXPECT_TRUE(l1.fits());
}

TEST(Scratchpad, ManySmallPlacesShareBanks) {
  Scratchpad l1(Memory());
  l1.Allocate(10, 1, false);
  const Places rows = l1.Allocate(20, 5, true);
  EXPECT_EQ(rows.address(0), 128);
  EXPECT_EQ(rows.address(4), 128 + 4 * 32);
}

TEST(Scratchpad, WithoutBanksOnlyTheAlignmentCounts) {
  Scratchpad l1(Memory());
  EXPECT_EQ(l1.Allocate(10, 2, false).pitch, 16);
  EXPECT_EQ(l1.Allocate(500, 1, false).begin, 32);
  EXPECT_TRUE(l1.fits());
  l1.Allocate(500, 1, false);
  EXPECT_FALSE(l1.fits());
  EXPECT_LT(l1.left(), 0);
}

}  // namespace
}  // namespace strata::compiler
