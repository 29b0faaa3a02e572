#include "inference/load/load_generator.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/load/serving_measures.h"

namespace strata::inference {
namespace {

using ::testing::ElementsAre;

// Time goes on when someone sleeps, or is told to.
class FakeClock : public LoadClock {
 public:
  double Now() const override {
    std::lock_guard<std::mutex> lock(mutex_);
    return now_;
  }
  void SleepUntil(double time) override {
    std::lock_guard<std::mutex> lock(mutex_);
    sleeps_.push_back(time);
    now_ = std::max(now_, time);
  }
  std::vector<double> sleeps() const { return sleeps_; }

 private:
  mutable std::mutex mutex_;
  double now_ = 100;
  std::vector<double> sleeps_;
};

std::vector<LoadRequest> Requests(int count) {
  std::vector<LoadRequest> requests;
  for (int32_t i = 0; i < count; ++i) requests.push_back({.ids = {i}, .output_tokens = i});
  return requests;
}

// Answers each request after `waiters` are inside at once (or at once, with 1), and notes the most it saw.
class MeetingTarget : public LoadTarget {
 public:
  explicit MeetingTarget(int meeting) : meeting_(meeting) {}
  RequestTiming Send(const LoadRequest& request, const LoadClock& clock) override {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      most_ = std::max(most_, ++inside_);
      if (++arrived_ % meeting_ == 0) ++round_;
      changed_.notify_all();
      const int mine = (arrived_ - 1) / meeting_;
      changed_.wait(lock, [&] { return round_ > mine; });
      --inside_;
    }
    StreamTimer timer(clock.Now());
    timer.OnChunk(clock.Now());
    if (request.ids[0] % 5 == 3) return timer.Fail("no", clock.Now());
    return timer.Finish(request.ids[0] + 1, 1);
  }
  int most() const { return most_; }

 private:
  const int meeting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0, most_ = 0, arrived_ = 0, round_ = 0;
};

TEST(LoadGenerator, SendsAtTheTimesAndKeepsTheOrder) {
  FakeClock clock;
  MeetingTarget target(1);
  const auto requests = Requests(3);
  const LoadRun run = RunLoad(target, requests, {0.5, 0.5, 2.0}, {}, &clock);
  EXPECT_THAT(clock.sleeps(), ElementsAre(100.5, 100.5, 102));
  EXPECT_DOUBLE_EQ(run.duration, 2);
  ASSERT_EQ(run.timings.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(run.timings[i].success);
    EXPECT_EQ(run.timings[i].prompt_tokens, static_cast<int64_t>(i) + 1);
  }
}

// Nothing would come to an end if fewer than eight were sent together.
TEST(LoadGenerator, SendsWithoutWaitingForAnswers) {
  WallClock clock;
  MeetingTarget target(8);
  const auto requests = Requests(24);
  const LoadRun run = RunLoad(target, requests, std::vector<double>(24, 0.0), {}, &clock);
  EXPECT_GE(target.most(), 8);
  EXPECT_EQ(Summarize(run.timings, run.duration, {}).completed, 19);  // 3, 8, 13, 18, 23 fail
}

TEST(LoadGenerator, MaxConcurrencyHoldsAndIsReached) {
  WallClock clock;
  MeetingTarget target(3);
  const auto requests = Requests(30);
  LoadProgress last;
  int calls = 0;
  const LoadRun run = RunLoad(target, requests, std::vector<double>(30, 0.0),
                              {.max_concurrency = 3,
                               .on_progress =
                                   [&](const LoadProgress& progress) {
                                     EXPECT_EQ(progress.done, ++calls);
                                     last = progress;
                                   }},
                              &clock);
  EXPECT_EQ(target.most(), 3);
  EXPECT_EQ(calls, 30);
  EXPECT_EQ(last.sent, 30);
  EXPECT_EQ(last.failed, 6);
  EXPECT_EQ(last.output_tokens, 24);
  EXPECT_GT(last.seconds, 0);
  EXPECT_EQ(run.timings[3].error, "no");
}

TEST(LoadGenerator, NoRequests) {
  FakeClock clock;
  MeetingTarget target(1);
  const LoadRun run = RunLoad(target, {}, {}, {}, &clock);
  EXPECT_TRUE(run.timings.empty());
  EXPECT_EQ(run.duration, 0);
}

}  // namespace
}  // namespace strata::inference
