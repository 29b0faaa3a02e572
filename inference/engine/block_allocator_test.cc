#include "inference/engine/block_allocator.h"

#include <map>
#include <random>
#include <set>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;

TEST(BlockAllocator, PageZeroIsNeverGivenOut) {
  BlockAllocator pages(5, 16);
  std::set<PageId> seen;
  while (auto page = pages.Allocate()) seen.insert(*page);
  EXPECT_EQ(seen, (std::set<PageId>{1, 2, 3, 4}));
  EXPECT_EQ(pages.pages(), 4);
  EXPECT_EQ(pages.used_pages(), 4);
}

TEST(BlockAllocator, ASharedPageIsFreeAfterItsLastUser) {
  BlockAllocator pages(2, 1);
  const PageId page = *pages.Allocate();
  pages.Share(page);
  pages.Release(page);
  EXPECT_FALSE(pages.Allocate().has_value());
  EXPECT_THAT(pages.CheckEmpty(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("page 1 of the KV cache is leaked")));
  pages.Release(page);
  EXPECT_OK(pages.CheckEmpty());
  EXPECT_EQ(pages.Allocate(), page);
}

TEST(BlockAllocator, AKeptPageIsIdleUntilItIsDropped) {
  BlockAllocator pages(2, 1);
  const PageId page = *pages.Allocate();
  pages.Keep(page);
  pages.Release(page);
  EXPECT_EQ(pages.idle_pages(), 1);
  EXPECT_FALSE(pages.Allocate().has_value());
  EXPECT_OK(pages.CheckEmpty());
  pages.Share(page);  // a hit
  EXPECT_EQ(pages.idle_pages(), 0);
  pages.Release(page);
  pages.Drop(page);
  EXPECT_EQ(pages.free_pages(), 1);
}

TEST(BlockAllocator, BadSizesAreRefusedByName) {
  const auto code = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(BlockAllocator::Validate(4, 0), StatusIs(code, HasSubstr("page_size: 0")));
  EXPECT_THAT(BlockAllocator::Validate(4, 257), StatusIs(code, HasSubstr("page_size: 257")));
  EXPECT_THAT(BlockAllocator::Validate(1, 16), StatusIs(code, HasSubstr("pages: 1")));
  EXPECT_THAT(BlockAllocator::Validate(int64_t{1} << 40, 16), StatusIs(code, HasSubstr("32-bit")));
  EXPECT_OK(BlockAllocator::Validate(2, 256));
}

// Against the obvious model: a map from page to (users, kept).
TEST(BlockAllocator, RandomOperationsAgreeWithANaiveModel) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    const int64_t count = 2 + static_cast<int64_t>(random() % 20);
    BlockAllocator pages(count, 4);
    struct State {
      int users = 0;
      bool kept = false;
    };
    std::map<PageId, State> model;
    for (int step = 0; step < 2000; ++step) {
      const auto page = static_cast<PageId>(1 + random() % static_cast<uint64_t>(count - 1));
      State& state = model[page];
      switch (random() % 5) {
        case 0: {
          const auto given = pages.Allocate();
          if (given.has_value()) {
            ASSERT_EQ(model[*given].users, 0);
            ASSERT_FALSE(model[*given].kept);
            model[*given].users = 1;
          }
          break;
        }
        case 1:
          if (state.users > 0 || state.kept) pages.Share(page), ++state.users;
          break;
        case 2:
          if (state.users > 0) pages.Release(page), --state.users;
          break;
        case 3:
          if (state.users > 0 && !state.kept) pages.Keep(page), state.kept = true;
          break;
        default:
          if (state.kept) pages.Drop(page), state.kept = false;
      }
      int64_t used = 0, idle = 0;
      for (const auto& [id, s] : model) {
        ASSERT_EQ(pages.users(id), s.users);
        ASSERT_EQ(pages.kept(id), s.kept);
        used += s.users > 0;
        idle += s.users == 0 && s.kept;
      }
      ASSERT_EQ(pages.used_pages(), used);
      ASSERT_EQ(pages.idle_pages(), idle);
      ASSERT_EQ(pages.free_pages(), count - 1 - used - idle);
      ASSERT_EQ(pages.CheckEmpty().ok(), used == 0);
    }
  }
}

}  // namespace
}  // namespace strata::inference
