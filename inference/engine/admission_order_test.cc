#include "inference/engine/admission_order.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "gtest/gtest.h"

namespace strata::inference {
namespace {

TEST(AdmissionOrder, OneUserIsServedInOrderOfArrival) {
  AdmissionOrder order;
  int64_t last = order.Enter("", 0);
  for (int i = 0; i < 1000; ++i) {
    const int64_t key = order.Enter("", 0);
    EXPECT_LT(last, key);
    if (i % 3 == 0) order.Admitted(last, 0);
    last = key;
  }
}

TEST(AdmissionOrder, ASmallerPriorityGoesFirst) {
  AdmissionOrder order;
  const int64_t low = order.Enter("", 1), high = order.Enter("", -1), middle = order.Enter("", 0);
  EXPECT_LT(high, middle);
  EXPECT_LT(middle, low);
}

TEST(AdmissionOrder, AFloodOfOneUserDoesNotHoldUpAnother) {
  AdmissionOrder order;
  std::vector<int64_t> flood;
  for (int i = 0; i < 100; ++i) flood.push_back(order.Enter("flood", 0));
  order.Admitted(flood[0], 0);
  order.Admitted(flood[1], 0);
  const int64_t other = order.Enter("other", 0);
  EXPECT_LE(std::count_if(flood.begin(), flood.end(), [&](int64_t key) { return key < other; }), 4);
}

TEST(AdmissionOrder, WhatAUserHadLongAgoIsForgotten) {
  AdmissionOrder order;
  for (int i = 0; i < 1000; ++i) order.Admitted(order.Enter("steady", 0), 0);
  const int64_t fresh = order.Enter("fresh", 0), steady = order.Enter("steady", 0);
  EXPECT_LT(steady - fresh, 2 * AdmissionOrder::kShare);
}

// A low priority against an endless stream of high ones, each from a new user.
TEST(AdmissionOrder, NobodyStarves) {
  AdmissionOrder order;
  const int64_t patient = order.Enter("patient", 3);
  int64_t served = 0;
  while (true) {
    const int64_t key = order.Enter("user " + std::to_string(served), 0);
    if (patient < key) break;
    order.Admitted(key, 0);
    ASSERT_LT(++served, 4 * AdmissionOrder::kLevel);
  }
  EXPECT_LT(order.users(), 5000);  // and the book of users stays small
}

}  // namespace
}  // namespace strata::inference
