#include "courses/lab/serving_page.h"

#include "courses/lab/well_formed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

inference::LoadRun MadeRun(int requests) {
  inference::LoadRun run;
  for (int i = 0; i < requests; ++i) {
    inference::StreamTimer timer(0.1 * i);
    for (int chunk = 1; chunk <= 5; ++chunk) timer.OnChunk(0.1 * i + 0.05 * chunk);
    run.timings.push_back(i % 7 == 6 ? timer.Fail("HTTP 503: <busy> & \"tired\"", 9)
                                     : timer.Finish(10 + i, 5));
  }
  run.duration = 3;
  return run;
}

TEST(ServingPage, IsWellFormedAndSaysTheFigures) {
  const inference::LoadRun run = MadeRun(20);
  inference::LoadSetting setting{.model = "a <model>", .requests = 20, .rate = 10};
  setting.goodput.ttft = 0.5;
  const auto measures = inference::Summarize(run.timings, run.duration,
                                             {.percentiles = {50, 99}, .goodput = setting.goodput});
  const Report page = ServingPage(setting, run, measures);
  const std::string html = page.Html();
  EXPECT_THAT(html, HasSubstr("a &lt;model&gt;"));
  EXPECT_THAT(html, HasSubstr("goodput"));
  EXPECT_THAT(html, HasSubstr("HTTP 503: &lt;busy&gt;"));
  EXPECT_THAT(html, HasSubstr("P99"));
  EXPECT_FALSE(page.passed()) << "failed requests";
  for (const std::string& plot :
       {CumulativePlot("t", {{"a", {3, 1, 2}}, {"b", {}}}), ConcurrencyPlot(run.timings),
        ThroughputPlot(run.timings), RequestTimelinePlot(run.timings, 4)}) {
    EXPECT_EQ(WellFormedError(plot), "");
  }
}

TEST(ServingPage, OfNothing) {
  const inference::LoadRun run = MadeRun(0);
  const Report page = ServingPage({}, run, inference::Summarize({}, 0, {}));
  EXPECT_TRUE(page.passed());
  EXPECT_THAT(page.Html(), Not(HasSubstr("Failures")));
  EXPECT_EQ(WellFormedError(ConcurrencyPlot({})), "");
  EXPECT_EQ(WellFormedError(ThroughputPlot({})), "");
  EXPECT_EQ(WellFormedError(RequestTimelinePlot({}, 8)), "");
}

TEST(CumulativePlot, ManyValuesGiveFewPoints) {
  std::vector<double> values(100000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 1e-3 * static_cast<double>(i % 977);
  EXPECT_LT(CumulativePlot("t", {{"a", values}}).size(), 60000u);
}

}  // namespace
}  // namespace strata::courses
