#include "inference/engine/kv_cache.h"

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using ::testing::ElementsAre;
using Tokens = std::vector<int32_t>;

TEST(KvCache, PagesAreReservedAsPositionsNeedThem) {
  KvCache kv(8, 4, /*prefixes=*/false);
  PageList list;
  std::optional<PageCopy> copy;
  ASSERT_TRUE(kv.Reserve(0, 5, &list, &copy));
  EXPECT_EQ(list.size(), 2u);
  EXPECT_FALSE(copy.has_value());
  EXPECT_EQ(kv.Slot(list, 5), list[1] * 4 + 1);
  ASSERT_TRUE(kv.Reserve(5, 3, &list, &copy));
  EXPECT_EQ(list.size(), 2u);
  EXPECT_FALSE(kv.Reserve(8, 100, &list, &copy));  // and nothing is changed
  EXPECT_EQ(list.size(), 2u);
  EXPECT_EQ(kv.available(), 5);
  kv.Release(&list);
  EXPECT_OK(kv.pages().CheckEmpty());
}

TEST(KvCache, AForkIsCopiedWhenItIsWritten) {
  KvCache kv(8, 4, false);
  PageList first, second;
  std::optional<PageCopy> copy;
  ASSERT_TRUE(kv.Reserve(0, 6, &first, &copy));
  second = kv.Fork(first, 6);
  EXPECT_EQ(second, first);
  EXPECT_EQ(kv.OwnPages(first), 0);
  EXPECT_TRUE(kv.SharedTail(first, 6));
  ASSERT_TRUE(kv.Reserve(6, 1, &second, &copy));
  ASSERT_TRUE(copy.has_value());
  EXPECT_EQ(copy->from, first[1]);
  EXPECT_EQ(copy->to, second[1]);
  EXPECT_EQ(second[0], first[0]);
  ASSERT_TRUE(kv.Reserve(6, 1, &first, &copy));
  EXPECT_FALSE(copy.has_value()) << "the last user writes in place";
  kv.Release(&first);
  kv.Release(&second);
  EXPECT_OK(kv.pages().CheckEmpty());
}

TEST(KvCache, IdlePrefixesGiveWay) {
  KvCache kv(5, 2, true);
  PageList list, again;
  std::optional<PageCopy> copy;
  const Tokens text = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(kv.Match(text, "", &list), 0);
  ASSERT_TRUE(kv.Reserve(0, 6, &list, &copy));
  EXPECT_FALSE(kv.Remember(text, 6, "", &list));
  kv.Release(&list);
  EXPECT_EQ(kv.pages().idle_pages(), 3);
  EXPECT_EQ(kv.Match(text, "", &again), 5) << "the last token is computed for its logits";
  EXPECT_TRUE(kv.SharedTail(again, 5)) << "and into a page of its own";
  ASSERT_TRUE(kv.Reserve(5, 1, &again, &copy));
  EXPECT_TRUE(copy.has_value());
  kv.Release(&again);
  ASSERT_TRUE(kv.Reserve(0, 8, &list, &copy));  // all four pages
  EXPECT_EQ(kv.pages().idle_pages(), 0);
  kv.Release(&list);
}

TEST(KvCache, TwoWhoComputeTheSameEndUpOnTheSamePages) {
  KvCache kv(9, 2, true);
  PageList a, b;
  std::optional<PageCopy> copy;
  const Tokens text = {1, 2, 3, 4};
  ASSERT_TRUE(kv.Reserve(0, 4, &a, &copy));
  ASSERT_TRUE(kv.Reserve(0, 4, &b, &copy));
  EXPECT_FALSE(kv.Remember(text, 4, "", &a));
  EXPECT_TRUE(kv.Remember(text, 4, "", &b));
  EXPECT_EQ(a, b);
  EXPECT_EQ(kv.pages().used_pages(), 2);
  kv.Release(&a);
  kv.Release(&b);
  kv.Clear();
  EXPECT_EQ(kv.pages().free_pages(), 8);
}

}  // namespace
}  // namespace strata::inference
