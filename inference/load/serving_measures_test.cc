// All measures against values worked out by hand.
#include "inference/load/serving_measures.h"

#include <cmath>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// Sent at `start`; chunks at the given times of the same clock.
RequestTiming Scripted(double start, const std::vector<double>& chunks, int64_t prompt,
                       int64_t output) {
  StreamTimer timer(start);
  for (double time : chunks) timer.OnChunk(time);
  return timer.Finish(prompt, output);
}

// Three requests that answer, one that does not:
//   A  sent 10.0, chunks 10.5 10.6 10.8 11.0        4 tokens: TTFT 0.5  TPOT 0.5/3  E2EL 1.0
//   B  sent 10.2, chunks 11.2 11.25 11.5 12.2       6 tokens: TTFT 1.0  TPOT 0.2    E2EL 2.0
//   C  sent 11.0, chunk 11.25                       1 token:  TTFT 0.25 no TPOT     E2EL 0.25
std::vector<RequestTiming> Script() {
  StreamTimer failed(10.0);
  failed.OnChunk(10.25);
  return {Scripted(10.0, {10.5, 10.6, 10.8, 11.0}, 7, 4), failed.Fail("HTTP 500", 13.0),
          Scripted(10.2, {11.2, 11.25, 11.5, 12.2}, 100, 6), Scripted(11.0, {11.25}, 3, 1)};
}

TEST(StreamTimer, TakesTheTimesOfChunks) {
  const RequestTiming a = Script()[0];
  EXPECT_TRUE(a.success);
  EXPECT_DOUBLE_EQ(a.start, 10);
  EXPECT_DOUBLE_EQ(a.ttft, 0.5);
  EXPECT_DOUBLE_EQ(a.latency, 1);
  EXPECT_THAT(a.gaps,
              ElementsAre(DoubleNear(0.1, 1e-12), DoubleNear(0.2, 1e-12), DoubleNear(0.2, 1e-12)));
  const RequestTiming failed = Script()[1];
  EXPECT_FALSE(failed.success);
  EXPECT_EQ(failed.error, "HTTP 500");
  EXPECT_DOUBLE_EQ(failed.latency, 3);
  const RequestTiming silent = StreamTimer(1).Finish(3, 0);
  EXPECT_FALSE(silent.success);
  EXPECT_EQ(silent.error, "no token came");
  EXPECT_EQ(Scripted(0, {1, 2, 3}, 0, 0).output_tokens, 3) << "without usage, one a chunk";
}

TEST(ServingMeasures, HandComputed) {
  const auto timings = Script();
  const ServingMeasures m =
      Summarize(timings, 4, {.percentiles = {50, 90, 100}, .goodput = {.ttft = 0.5, .e2el = 1.5}});
  EXPECT_EQ(m.completed, 3);
  EXPECT_EQ(m.failed, 1);
  EXPECT_EQ(m.total_input, 110);
  EXPECT_EQ(m.total_output, 11);
  EXPECT_DOUBLE_EQ(m.request_throughput, 0.75);
  EXPECT_DOUBLE_EQ(m.request_goodput, 0.5);  // A and C
  EXPECT_DOUBLE_EQ(m.output_throughput, 2.75);
  EXPECT_DOUBLE_EQ(m.total_token_throughput, 30.25);

  EXPECT_NEAR(m.ttft.mean, 1.75 / 3, 1e-12);
  EXPECT_NEAR(m.ttft.median, 0.5, 1e-12);
  // Deviations from 7/12: -1/12, 5/12, -4/12.
  EXPECT_NEAR(m.ttft.deviation, std::sqrt((1.0 + 25 + 16) / 144 / 3), 1e-12);
  EXPECT_THAT(m.ttft.percentiles,
              ElementsAre(Pair(50, DoubleNear(0.5, 1e-12)), Pair(90, DoubleNear(0.9, 1e-12)),
                          Pair(100, DoubleNear(1.0, 1e-12))));
  EXPECT_NEAR(m.tpot.mean, (0.5 / 3 + 0.2) / 2, 1e-12);
  EXPECT_NEAR(m.tpot.median, (0.5 / 3 + 0.2) / 2, 1e-12);
  // Pool: .1 .2 .2 (A) .05 .25 .7 (B).
  EXPECT_NEAR(m.itl.mean, 1.5 / 6, 1e-12);
  EXPECT_NEAR(m.itl.median, 0.2, 1e-12);
  EXPECT_NEAR(m.itl.percentiles[1].second, 0.475, 1e-12);  // halfway from .25 to .7
  EXPECT_NEAR(m.e2el.mean, 3.25 / 3, 1e-12);
  EXPECT_NEAR(m.e2el.median, 1, 1e-12);
}

TEST(ServingMeasures, PeaksAreOfSecondsAndOfTheSweep) {
  const auto timings = Script();
  // Since 10.0: A's .5 .6 .8 | 1.0; B's 1.2 1.25 1.5 | 2.2; C's 1.25.
  EXPECT_THAT(ChunksPerSecond(timings), ElementsAre(3, 5, 1));
  const ServingMeasures m = Summarize(timings, 4, {});
  EXPECT_DOUBLE_EQ(m.max_output_tokens_per_s, 5);
  // A leaves at 1.0, where C comes: never three at once.
  EXPECT_EQ(m.max_concurrent_requests, 2);
  const auto steps = Concurrency(timings);
  ASSERT_EQ(steps.size(), 6u);
  EXPECT_EQ(steps[0].second, 1);
  EXPECT_EQ(steps[1].second, 2);
  EXPECT_EQ(steps[2].second, 1);
  EXPECT_EQ(steps[3].second, 2);
  EXPECT_EQ(steps[5].second, 0);
}

TEST(ServingMeasures, EachLimitCountsAndOneTokenHasNoTpot) {
  const auto timings = Script();
  const auto goodput = [&](const GoodputLimits& limits) {
    return Summarize(timings, 1, {.goodput = limits}).request_goodput;
  };
  EXPECT_EQ(goodput({}), 0);  // no limits, no goodput: as vLLM has it
  EXPECT_EQ(goodput({.ttft = 0.25}), 1);
  EXPECT_EQ(goodput({.ttft = 1.0}), 3);
  EXPECT_EQ(goodput({.tpot = 0.17}), 2);  // A and C
  EXPECT_EQ(goodput({.tpot = 0.1}), 1);   // C
  EXPECT_EQ(goodput({.e2el = 0.2}), 0);
  EXPECT_EQ(goodput({.ttft = 0.6, .tpot = 0.25, .e2el = 0.5}), 1);
}

TEST(ServingMeasures, OfNothingAllIsZero) {
  const ServingMeasures m = Summarize({}, 0, {.percentiles = {99}});
  EXPECT_EQ(m.completed, 0);
  EXPECT_EQ(m.request_throughput, 0);
  EXPECT_EQ(m.max_concurrent_requests, 0);
  EXPECT_THAT(m.ttft.percentiles, ElementsAre(Pair(99, 0.0)));
  EXPECT_THAT(ChunksPerSecond({}), IsEmpty());
  EXPECT_EQ(Percentile({}, 50), 0);
}

TEST(ServingMeasures, PercentilesInterpolate) {
  EXPECT_DOUBLE_EQ(Percentile({3, 1, 2, 4}, 0), 1);
  EXPECT_DOUBLE_EQ(Percentile({3, 1, 2, 4}, 100), 4);
  EXPECT_DOUBLE_EQ(Percentile({3, 1, 2, 4}, 50), 2.5);
  EXPECT_DOUBLE_EQ(Percentile({3, 1, 2, 4}, 99), 3.97);
  EXPECT_DOUBLE_EQ(Percentile({8}, 37), 8);
}

TEST(Goodput, IsReadAsVllmWritesIt) {
  STRATA_ASSERT_OK_AND_ASSIGN(const GoodputLimits limits, ParseGoodput({"ttft:500", "e2el:2e3"}));
  EXPECT_DOUBLE_EQ(*limits.ttft, 0.5);
  EXPECT_FALSE(limits.tpot.has_value());
  EXPECT_DOUBLE_EQ(*limits.e2el, 2);
  EXPECT_THAT(ParseGoodput({"itl:5"}), StatusIs(absl::StatusCode::kInvalidArgument,
                                                HasSubstr("\"itl\" is none of ttft, tpot, e2el")));
  EXPECT_THAT(ParseGoodput({"ttft"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"ttft\" is not NAME:")));
  EXPECT_THAT(ParseGoodput({"ttft:-1"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"ttft:-1\"")));
  EXPECT_THAT(ParseGoodput({"ttft:1", "ttft:2"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ttft is given twice")));
}

}  // namespace
}  // namespace strata::inference
