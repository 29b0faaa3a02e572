#include "inference/load/load_report.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<RequestTiming> Timings() {
  StreamTimer a(0), b(0.25);
  for (double time : {0.25, 0.5, 1.0}) a.OnChunk(time);
  return {a.Finish(8, 4), b.Fail("HTTP 503: \"busy\"", 0.5)};
}

TEST(LoadReport, TableReadsAsVllmsDoes) {
  const auto timings = Timings();
  LoadSetting setting{.model = "m", .requests = 2, .rate = 4, .max_concurrency = 3};
  const std::string text =
      MeasuresTable(setting, Summarize(timings, 2, {.percentiles = {99, 99.9}}));
  for (const char* line : {"============ Serving Benchmark Result ============\n",
                           "Successful requests:                     1         \n",
                           "Failed requests:                         1         \n",
                           "Maximum request concurrency:             3         \n",
                           "Request rate configured (RPS):           4.00      \n",
                           "Benchmark duration (s):                  2.00      \n",
                           "Request throughput (req/s):              0.50      \n",
                           "Output token throughput (tok/s):         2.00      \n",
                           "Peak output token throughput (tok/s):    2.00      \n",
                           "Peak concurrent requests:                1         \n",
                           "Total token throughput (tok/s):          6.00      \n",
                           "---------------Time to First Token----------------\n",
                           "Mean TTFT (ms):                          250.00    \n",
                           "P99 TTFT (ms):                           250.00    \n",
                           "P99.9 TTFT (ms):                         250.00    \n",
                           "-----Time per Output Token (excl. 1st token)------\n",
                           "Mean TPOT (ms):                          250.00    \n",
                           "---------------Inter-token Latency----------------\n",
                           "Mean ITL (ms):                           375.00    \n",
                           "----------------End-to-end Latency----------------\n",
                           "==================================================\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("goodput")));
  setting.goodput.ttft = 1;
  EXPECT_THAT(MeasuresTable(setting, Summarize(timings, 2, {.goodput = setting.goodput})),
              HasSubstr("Request goodput (req/s):                 0.50"));
}

TEST(LoadReport, JsonHasVllmsFields) {
  const auto timings = Timings();
  LoadSetting setting{.model = "m", .requests = 2};
  const auto json = nlohmann::json::parse(MeasuresJson(
      setting, Summarize(timings, 2, {.percentiles = {50, 99.9}}), timings, /*detailed=*/false));
  EXPECT_EQ(json["num_prompts"], 2);
  EXPECT_EQ(json["request_rate"], "inf");
  EXPECT_TRUE(json["max_concurrency"].is_null());
  EXPECT_EQ(json["completed"], 1);
  EXPECT_EQ(json["failed"], 1);
  EXPECT_EQ(json["total_input_tokens"], 8);
  EXPECT_EQ(json["total_output_tokens"], 4);
  EXPECT_EQ(json["output_throughput"], 2.0);
  EXPECT_EQ(json["max_concurrent_requests"], 1);
  for (const char* metric : {"ttft", "tpot", "itl", "e2el"}) {
    for (const char* statistic : {"mean", "median", "std", "p50", "p99.9"}) {
      EXPECT_TRUE(json.contains(std::string(statistic) + "_" + metric + "_ms"))
          << statistic << metric;
    }
  }
  EXPECT_EQ(json["p50_itl_ms"], 375.0);
  EXPECT_FALSE(json.contains("request_goodput"));
  EXPECT_FALSE(json.contains("itls"));
}

TEST(LoadReport, DetailsAreOneEntryARequest) {
  const auto timings = Timings();
  LoadSetting setting{.rate = 2.5, .max_concurrency = 7, .goodput = {.ttft = 1}};
  const auto json = nlohmann::json::parse(MeasuresJson(
      setting, Summarize(timings, 2, {.goodput = setting.goodput}), timings, /*detailed=*/true));
  EXPECT_EQ(json["request_rate"], 2.5);
  EXPECT_EQ(json["max_concurrency"], 7);
  EXPECT_EQ(json["request_goodput"], 0.5);
  EXPECT_EQ(json["output_lens"], nlohmann::json({4, 0}));
  EXPECT_EQ(json["itls"][0], nlohmann::json({0.25, 0.5}));
  EXPECT_EQ(json["errors"][1], "HTTP 503: \"busy\"");
  EXPECT_EQ(json["start_times"], nlohmann::json({0, 0.25}));
}

}  // namespace
}  // namespace strata::inference
