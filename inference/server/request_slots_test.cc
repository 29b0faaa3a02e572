#include "inference/server/request_slots.h"

#include <atomic>
#include <future>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "inference/server/keep_alive.h"

namespace strata::inference {
namespace {

TEST(RequestSlots, AreBoundedAndComeBack) {
  RequestSlots slots(2);
  std::shared_ptr<void> a = slots.Take(), b = slots.Take();
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(slots.Take(), nullptr);
  std::shared_ptr<void> copy = a;
  a.reset();
  EXPECT_EQ(slots.Take(), nullptr) << "a copy holds it";
  copy.reset();
  EXPECT_NE(slots.Take(), nullptr);
}

TEST(RequestSlots, WaitsUntilAllAreBack) {
  RequestSlots slots(4);
  slots.WaitUntilFree();
  std::vector<std::shared_ptr<void>> taken = {slots.Take(), slots.Take()};
  std::atomic<bool> free{false};
  auto waiting = std::async(std::launch::async, [&] {
    slots.WaitUntilFree();
    free = true;
  });
  taken.pop_back();
  EXPECT_FALSE(free);
  taken.pop_back();
  waiting.get();
  EXPECT_TRUE(free);
}

TEST(RequestSlots, MayOutliveTheirOwner) {
  auto slots = std::make_unique<RequestSlots>(1);
  std::shared_ptr<void> slot = slots->Take();
  slots.reset();
  slot.reset();
}

class Counted : public Pinged {
 public:
  void Ping(std::chrono::steady_clock::time_point, std::chrono::steady_clock::duration) override {
    if (++pings_ == 3) enough_.set_value();
  }
  std::atomic<int> pings_{0};
  std::promise<void> enough_;
};

TEST(KeepAlive, AsksStreamsThatLive) {
  KeepAlive keep_alive(std::chrono::milliseconds(4));
  auto stream = std::make_shared<Counted>();
  std::weak_ptr<Counted> weak = stream;
  keep_alive.Add(stream);
  stream->enough_.get_future().get();
  stream.reset();
  while (!weak.expired()) {
  }  // it holds no stream for longer than a round
}

TEST(KeepAlive, OfNoIntervalHasNoThread) {
  KeepAlive keep_alive(std::chrono::milliseconds(0));
  auto stream = std::make_shared<Counted>();
  keep_alive.Add(stream);
  EXPECT_EQ(stream.use_count(), 1);
}

}  // namespace
}  // namespace strata::inference
