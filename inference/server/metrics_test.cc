#include "inference/server/metrics.h"

#include <cctype>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;

// The rules of the exposition format (version 0.0.4), and of promtool's lint, that these metrics could break.
void Lint(const std::string& text) {
  ASSERT_TRUE(absl::EndsWith(text, "\n"));
  std::map<std::string, std::string> types;
  std::set<std::string> helped, samples;
  std::string current;
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
    if (words[0] == "#") {
      ASSERT_GE(words.size(), 4u) << line;
      const std::string& name = words[2];
      if (words[1] == "HELP") {
        EXPECT_TRUE(helped.insert(name).second) << "two helps: " << line;
        current = name;
      } else {
        EXPECT_EQ(words[1], "TYPE");
        EXPECT_EQ(name, current) << "TYPE without HELP: " << line;
        types[name] = words[3];
        EXPECT_EQ(absl::EndsWith(name, "_total"), words[3] == "counter")
            << "counters, and only they, end in _total: " << line;
      }
      continue;
    }
    const std::string name = line.substr(0, line.find_first_of("{ "));
    for (char c : name)
      EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':') << line;
    EXPECT_TRUE(absl::StartsWith(name, current)) << "sample outside its family: " << line;
    if (types[current] == "histogram") {
      const std::string suffix = name.substr(current.size());
      EXPECT_TRUE(suffix == "_bucket" || suffix == "_sum" || suffix == "_count") << line;
    } else {
      EXPECT_EQ(name, current) << line;
    }
    const size_t space = line.rfind(' ');
    EXPECT_TRUE(samples.insert(line.substr(0, space)).second) << "twice: " << line;
    size_t used = 0;
    (void)std::stod(line.substr(space + 1), &used);
    EXPECT_EQ(used, line.size() - space - 1) << line;
  }
}

TEST(ServerMetrics, FormatHoldsEmptyAndFilled) {
  ServerMetrics metrics("a \"model\"\\\n");
  Lint(metrics.Text(0, 0));
  metrics.RecordPrompt(3);
  metrics.RecordFirstToken(0.02);
  metrics.RecordNextToken(0.01);
  metrics.RecordGeneratedToken();
  metrics.RecordFinished("stop", {3, 2, 16, 0.1, 0.2, 0.3, 0.6});
  metrics.RecordHttp("GET", "/health", 200);
  Lint(metrics.Text(1, 2));
  EXPECT_THAT(metrics.Text(0, 0), HasSubstr(R"(model_name="a \"model\"\\\n")"));
}

TEST(ServerMetrics, CountsUnderTheNamesOfVllm) {
  ServerMetrics metrics("m");
  metrics.RecordPrompt(3);
  metrics.RecordPrompt(4);
  for (int i = 0; i < 5; ++i) metrics.RecordGeneratedToken();
  metrics.RecordFirstToken(0.03);
  metrics.RecordFinished("length", {7, 5, 5, 0.5, 1, 2, 3.5});
  metrics.RecordFinished("abort", {7, 5, 5, 0.5, 1, 2, 3.5});
  const std::string text = metrics.Text(2, 1);
  for (const char* line : {
           "vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 2\n",
           "vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} 1\n",
           "vllm:prompt_tokens_total{engine=\"0\",model_name=\"m\"} 7\n",
           "vllm:generation_tokens_total{engine=\"0\",model_name=\"m\"} 5\n",
           "vllm:request_success_total{engine=\"0\",model_name=\"m\",finished_reason=\"length\"} "
           "1\n",
           "vllm:request_success_total{engine=\"0\",model_name=\"m\",finished_reason=\"abort\"} "
           "1\n",
           "vllm:request_success_total{engine=\"0\",model_name=\"m\",finished_reason=\"stop\"} 0\n",
           "vllm:time_to_first_token_seconds_bucket{engine=\"0\",model_name=\"m\",le=\"0.02\"} 0\n",
           "vllm:time_to_first_token_seconds_bucket{engine=\"0\",model_name=\"m\",le=\"0.04\"} 1\n",
           "vllm:time_to_first_token_seconds_bucket{engine=\"0\",model_name=\"m\",le=\"2560\"} 1\n",
           "vllm:e2e_request_latency_seconds_bucket{engine=\"0\",model_name=\"m\",le=\"2.5\"} 0\n",
           "vllm:e2e_request_latency_seconds_bucket{engine=\"0\",model_name=\"m\",le=\"5\"} 1\n",
           "vllm:e2e_request_latency_seconds_count{engine=\"0\",model_name=\"m\"} 1\n",
           "vllm:request_time_per_output_token_seconds_bucket{engine=\"0\",model_name=\"m\",le=\"0."
           "5\"} 1\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace strata::inference
