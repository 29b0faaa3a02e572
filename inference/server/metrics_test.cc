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
        if (name != "vllm:iteration_tokens_total") {  // vLLM's name of a histogram
          EXPECT_EQ(absl::EndsWith(name, "_total"), words[3] == "counter")
              << "counters, and only they, end in _total: " << line;
        }
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
  Lint(metrics.Text({}));
  metrics.RecordPrompt(3, 1);
  metrics.RecordFirstToken(0.02);
  metrics.RecordNextToken(0.01);
  metrics.RecordGeneratedToken();
  metrics.RecordFinished("stop", {3, 1, 2, 16, 0.1, 0.2, 0.3, 0.6});
  metrics.RecordRequest(1, 2);
  metrics.RecordHttp("GET", "/health", 200);
  EngineStats stats;
  stats.accepted_per_position = {2, 1};
  stats.kv_pages = 4;
  Lint(metrics.Text(stats));
  EXPECT_THAT(metrics.Text({}), HasSubstr(R"(model_name="a \"model\"\\\n")"));
}

TEST(ServerMetrics, CountsUnderTheNamesOfVllm) {
  ServerMetrics metrics("m");
  metrics.RecordPrompt(3, 0);
  metrics.RecordPrompt(4, 2);
  for (int i = 0; i < 5; ++i) metrics.RecordGeneratedToken();
  metrics.RecordFirstToken(0.03);
  metrics.RecordFinished("length", {7, 2, 5, 5, 0.5, 1, 2, 3.5});
  metrics.RecordFinished("abort", {7, 2, 5, 5, 0.5, 1, 2, 3.5});
  metrics.RecordFinished("error", {7, 2, 5, 5, 0.5, 1, 2, 3.5});
  metrics.RecordRequest(2, 5);
  EngineStats stats;
  stats.running = 2;
  stats.waiting = 1;
  const std::string text = metrics.Text(stats);
  for (const char* line : {
           "vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 2\n",
           "vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} 1\n",
           "vllm:prompt_tokens_total{engine=\"0\",model_name=\"m\"} 7\n",
           "vllm:prompt_tokens_cached_total{engine=\"0\",model_name=\"m\"} 2\n",
           "vllm:prompt_tokens_by_source_total{engine=\"0\",model_name=\"m\",source=\"local_"
           "compute\"} 5\n",
           "vllm:prompt_tokens_by_source_total{engine=\"0\",model_name=\"m\",source=\"local_cache_"
           "hit\"} 2\n",
           "vllm:corrupted_requests_total{engine=\"0\",model_name=\"m\"} 1\n",
           "vllm:request_prefill_kv_computed_tokens_sum{engine=\"0\",model_name=\"m\"} 5\n",
           "vllm:request_params_n_sum{engine=\"0\",model_name=\"m\"} 2\n",
           "vllm:request_max_num_generation_tokens_sum{engine=\"0\",model_name=\"m\"} 5\n",
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

TEST(ServerMetrics, TheEnginesCountsAreTakenOver) {
  ServerMetrics metrics("m");
  EngineStats stats;
  stats.page_size = 16;
  stats.kv_pages = 40;
  stats.kv_pages_used = 10;
  stats.prefix_queries = 100;
  stats.prefix_hits = 64;
  stats.preemptions = 3;
  stats.drafts = 5;
  stats.draft_tokens = 20;
  stats.accepted_tokens = 12;
  stats.accepted_per_position = {5, 4, 3};
  stats.steps = 2;
  stats.step_tokens = 40;
  stats.iteration_tokens[1] = 1;  // 2 .. 8
  stats.iteration_tokens[3] = 1;  // 17 .. 32
  metrics.Text(stats);
  stats.prefix_hits = 80;  // twice asked for, counted once
  stats.steps = 3;
  stats.step_tokens = 41;
  stats.iteration_tokens[0] = 1;
  const std::string text = metrics.Text(stats);
  for (const char* line : {
           "vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"m\"} 0.25\n",
           "vllm:cache_config_info{engine=\"0\",model_name=\"m\",block_size=\"16\",kv_bytes=\"0\","
           "num_gpu_blocks=\"40\"} 1\n",
           "vllm:prefix_cache_queries_total{engine=\"0\",model_name=\"m\"} 100\n",
           "vllm:prefix_cache_hits_total{engine=\"0\",model_name=\"m\"} 80\n",
           "vllm:num_preemptions_total{engine=\"0\",model_name=\"m\"} 3\n",
           "vllm:spec_decode_num_drafts_total{engine=\"0\",model_name=\"m\"} 5\n",
           "vllm:spec_decode_num_draft_tokens_total{engine=\"0\",model_name=\"m\"} 20\n",
           "vllm:spec_decode_num_accepted_tokens_total{engine=\"0\",model_name=\"m\"} 12\n",
           "vllm:spec_decode_num_accepted_tokens_per_pos_total{engine=\"0\",model_name=\"m\","
           "position=\"2\"} 3\n",
           "vllm:iteration_tokens_total_bucket{engine=\"0\",model_name=\"m\",le=\"1\"} 1\n",
           "vllm:iteration_tokens_total_bucket{engine=\"0\",model_name=\"m\",le=\"16\"} 2\n",
           "vllm:iteration_tokens_total_bucket{engine=\"0\",model_name=\"m\",le=\"+Inf\"} 3\n",
           "vllm:iteration_tokens_total_sum{engine=\"0\",model_name=\"m\"} 41\n",
           "vllm:iteration_tokens_total_count{engine=\"0\",model_name=\"m\"} 3\n",
           "vllm:engine_sleep_state{engine=\"0\",model_name=\"m\",sleep_state=\"awake\"} 1\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(ServerMetrics, TheProcessIsSeen) {
  ServerMetrics metrics("m");
  const std::string text = metrics.Text({});
  const auto value = [&](const std::string& name) {
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1.0 : std::stod(text.substr(at + name.size() + 2));
  };
  EXPECT_GT(value("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(value("process_virtual_memory_bytes"), value("process_resident_memory_bytes"));
  EXPECT_GE(value("process_open_fds"), 3);
  EXPECT_GE(value("process_threads"), 1);
  EXPECT_GE(value("process_cpu_seconds_total"), 0);
  EXPECT_GT(value("process_start_time_seconds"), 1.7e9);
}

}  // namespace
}  // namespace strata::inference
