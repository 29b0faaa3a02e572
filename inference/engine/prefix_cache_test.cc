#include "inference/engine/prefix_cache.h"

#include <map>
#include <random>
#include <string>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Tokens = std::vector<int32_t>;

std::vector<PageId> Take(BlockAllocator* pages, int64_t count) {
  std::vector<PageId> taken;
  for (int64_t i = 0; i < count; ++i) taken.push_back(*pages->Allocate());
  return taken;
}

void Release(BlockAllocator* pages, const std::vector<PageId>& list) {
  for (PageId page : list) pages->Release(page);
}

TEST(PrefixCache, TheLongestPrefixOfWholePagesIsFound) {
  BlockAllocator pages(16, 2);
  PrefixCache cache(&pages);
  std::vector<PageId> mine = Take(&pages, 3);
  cache.Insert(Tokens{1, 2, 3, 4, 5, 6, 7}, absl::MakeSpan(mine), "");
  EXPECT_EQ(cache.size(), 3);
  EXPECT_THAT(cache.Match(Tokens{1, 2, 3, 4, 9, 9}, ""), ElementsAre(mine[0], mine[1]));
  EXPECT_THAT(cache.Match(Tokens{1, 2, 3}, ""), ElementsAre(mine[0]));
  EXPECT_THAT(cache.Match(Tokens{1}, ""), IsEmpty());
  EXPECT_THAT(cache.Match(Tokens{}, ""), IsEmpty());
  EXPECT_THAT(cache.Match(Tokens{2, 1, 3, 4}, ""), IsEmpty());
  EXPECT_EQ(pages.users(mine[0]), 3);
  EXPECT_EQ(pages.users(mine[1]), 2);
  EXPECT_EQ(pages.users(mine[2]), 1);
}

TEST(PrefixCache, BranchesShareTheirTrunk) {
  BlockAllocator pages(16, 1);
  PrefixCache cache(&pages);
  std::vector<PageId> a = Take(&pages, 4), b = Take(&pages, 4);
  cache.Insert(Tokens{1, 2, 3, 4}, absl::MakeSpan(a), "");
  cache.Insert(Tokens{1, 2, 7, 8}, absl::MakeSpan(b), "");
  EXPECT_EQ(cache.size(), 6);
  EXPECT_THAT(cache.Match(Tokens{1, 2, 7, 8}, ""), ElementsAre(a[0], a[1], b[2], b[3]));
  EXPECT_THAT(cache.Match(Tokens{1, 2, 3, 4}, ""), ElementsAre(a[0], a[1], a[2], a[3]));
  EXPECT_EQ(b[0], a[0]);  // the second to compute a text takes over the pages of the first
  EXPECT_EQ(pages.users(a[0]), 4);
}

TEST(PrefixCache, AnotherSaltIsAnotherTree) {
  BlockAllocator pages(16, 1);
  PrefixCache cache(&pages);
  std::vector<PageId> mine = Take(&pages, 2);
  cache.Insert(Tokens{1, 2}, absl::MakeSpan(mine), "alice");
  EXPECT_EQ(cache.MatchLength(Tokens{1, 2}, "alice"), 2);
  EXPECT_EQ(cache.MatchLength(Tokens{1, 2}, ""), 0);
  EXPECT_EQ(cache.MatchLength(Tokens{1, 2}, "bob"), 0);
}

TEST(PrefixCache, TheLeafUsedLongestAgoIsEvictedFirstAndUsedPagesNever) {
  BlockAllocator pages(16, 1);
  PrefixCache cache(&pages);
  std::vector<PageId> old = Take(&pages, 2), young = Take(&pages, 2), busy = Take(&pages, 1);
  cache.Insert(Tokens{1, 2}, absl::MakeSpan(old), "");
  cache.Insert(Tokens{3, 4}, absl::MakeSpan(young), "");
  cache.Insert(Tokens{5}, absl::MakeSpan(busy), "");
  Release(&pages, old);
  Release(&pages, young);
  EXPECT_EQ(cache.Evict(1), 1);
  EXPECT_EQ(cache.MatchLength(Tokens{1, 2}, ""), 1);  // a leaf loses its end first
  Release(&pages, cache.Match(Tokens{1}, ""));        // a use makes it young
  EXPECT_EQ(cache.Evict(2), 2);
  EXPECT_EQ(cache.MatchLength(Tokens{1}, ""), 1);
  EXPECT_EQ(cache.MatchLength(Tokens{3}, ""), 0);
  EXPECT_EQ(cache.Evict(10), 1);
  EXPECT_EQ(cache.size(), 1);
  EXPECT_EQ(cache.MatchLength(Tokens{5}, ""), 1);
}

// Whoever makes up a salt for each request leaves nothing behind.
TEST(PrefixCache, ASaltWithoutPagesIsForgotten) {
  BlockAllocator pages(4, 2);
  PrefixCache cache(&pages);
  for (int i = 0; i < 100; ++i) {
    const std::string salt = std::to_string(i);
    EXPECT_THAT(cache.Match(Tokens{1, 2, 3, 4}, salt), IsEmpty());
    if (pages.free_pages() < 2) cache.Evict(2);
    std::vector<PageId> mine = Take(&pages, 2);
    cache.Insert(Tokens{1, 2, 3, 4}, absl::MakeSpan(mine), salt);
    EXPECT_EQ(cache.Match(Tokens{1, 2, 3, 4}, salt), mine);
    Release(&pages, mine);
    Release(&pages, mine);
    EXPECT_LE(cache.salts(), 2);
  }
  cache.Evict(4);
  EXPECT_EQ(cache.salts(), 0);
}

// Against a map from text to page: every prefix of every inserted text, less what was evicted.
TEST(PrefixCache, RandomOperationsAgreeWithANaiveModel) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    std::mt19937_64 random(seed);
    const auto page_size = static_cast<int64_t>(1 + random() % 3);
    BlockAllocator pages(40, page_size);
    auto cache = std::make_unique<PrefixCache>(&pages);
    std::map<Tokens, PageId> model;  // text of whole pages -> its last page
    std::vector<std::vector<PageId>> held;
    const auto known = [&](const Tokens& text) {
      std::vector<PageId> found;
      for (size_t n = page_size; n <= text.size(); n += page_size) {
        const auto it = model.find(Tokens(text.begin(), text.begin() + static_cast<long>(n)));
        if (it == model.end()) break;
        found.push_back(it->second);
      }
      return found;
    };
    for (int step = 0; step < 400; ++step) {
      Tokens text(random() % 9);
      for (int32_t& token : text) token = static_cast<int32_t>(random() % 2);
      ASSERT_EQ(cache->MatchLength(text, ""), static_cast<int64_t>(known(text).size()) * page_size);
      std::vector<PageId> mine;
      if (random() % 3 != 0) {  // else it does not look and computes all of it
        mine = cache->Match(text, "");
        ASSERT_EQ(mine, known(text));
      }
      if (random() % 3 == 0) {  // a sequence that computes the rest and makes it known
        const size_t whole = text.size() / static_cast<size_t>(page_size);
        while (mine.size() < whole) {
          auto page = pages.Allocate();
          if (!page.has_value() && cache->Evict(1) == 1) {
            page = pages.Allocate();
            for (auto it = model.begin();
                 it != model.end();)  // what was evicted is seen by its state
              it = pages.kept(it->second) ? std::next(it) : model.erase(it);
          }
          if (!page.has_value()) break;
          mine.push_back(*page);
        }
        cache->Insert(text, absl::MakeSpan(mine), "");
        for (size_t i = 0; i < mine.size(); ++i)
          model.emplace(Tokens(text.begin(), text.begin() + static_cast<long>((i + 1) * page_size)),
                        mine[i]);
      }
      held.push_back(mine);
      if (random() % 2 == 0) {
        std::swap(held[random() % held.size()], held.back());
        Release(&pages, held.back());
        held.pop_back();
      }
      if (random() % 10 == 0) {
        const int64_t before = cache->size();
        const int64_t idle = pages.idle_pages();
        const auto count = static_cast<int64_t>(random() % 4);
        const int64_t freed = cache->Evict(count);
        ASSERT_EQ(freed, std::min(count, idle));  // every idle page can be had
        ASSERT_EQ(cache->size(), before - freed);
        for (auto it = model.begin(); it != model.end();)
          it = pages.kept(it->second) ? std::next(it) : model.erase(it);
      }
      ASSERT_EQ(cache->size(), static_cast<int64_t>(model.size()));
    }
    for (const auto& list : held) Release(&pages, list);
    EXPECT_OK(pages.CheckEmpty());
    cache.reset();
    EXPECT_EQ(pages.free_pages(), pages.pages());
  }
}

}  // namespace
}  // namespace strata::inference
