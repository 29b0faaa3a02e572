#include "inference/load/load_report.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kWidth = 50;

std::string Centred(const std::string& title, char fill) {
  const size_t left = (kWidth - title.size()) / 2;
  return absl::StrCat(std::string(left, fill), title,
                      std::string(kWidth - title.size() - left, fill), "\n");
}

std::string Line(const std::string& name, double value) {
  return absl::StrFormat("%-40s %-10.2f\n", name, value);
}
std::string Line(const std::string& name, int64_t value) {
  return absl::StrFormat("%-40s %-10d\n", name, value);
}

std::string Section(const std::string& title, const std::string& name, const Distribution& d) {
  std::string text = Centred(title, '-');
  absl::StrAppend(&text, Line(absl::StrCat("Mean ", name, " (ms):"), d.mean * 1e3),
                  Line(absl::StrCat("Median ", name, " (ms):"), d.median * 1e3));
  for (const auto& [percent, value] : d.percentiles) {
    absl::StrAppend(
        &text, Line(absl::StrCat("P", PercentName(percent), " ", name, " (ms):"), value * 1e3));
  }
  return text;
}

void AddDistribution(const std::string& name, const Distribution& d, Json* json) {
  (*json)[absl::StrCat("mean_", name, "_ms")] = d.mean * 1e3;
  (*json)[absl::StrCat("median_", name, "_ms")] = d.median * 1e3;
  (*json)[absl::StrCat("std_", name, "_ms")] = d.deviation * 1e3;
  for (const auto& [percent, value] : d.percentiles)
    (*json)[absl::StrCat("p", PercentName(percent), "_", name, "_ms")] = value * 1e3;
}

void AddDetails(absl::Span<const RequestTiming> timings, Json* json) {
  for (const char* name : {"input_lens", "output_lens", "start_times", "ttfts", "itls", "errors"}) {
    (*json)[name] = Json::array();
  }
  for (const RequestTiming& timing : timings) {
    (*json)["input_lens"].push_back(timing.prompt_tokens);
    (*json)["output_lens"].push_back(timing.output_tokens);
    (*json)["start_times"].push_back(timing.start);
    (*json)["ttfts"].push_back(timing.ttft);
    (*json)["itls"].push_back(timing.gaps);
    (*json)["errors"].push_back(timing.error);
  }
}

}  // namespace

std::string PercentName(double percent) { return absl::StrFormat("%g", percent); }

std::string MeasuresTable(const LoadSetting& setting, const ServingMeasures& m) {
  std::string text = Centred(" Serving Benchmark Result ", '=');
  absl::StrAppend(&text, Line("Successful requests:", m.completed),
                  Line("Failed requests:", m.failed));
  if (setting.max_concurrency > 0)
    absl::StrAppend(&text, Line("Maximum request concurrency:", setting.max_concurrency));
  if (std::isfinite(setting.rate))
    absl::StrAppend(&text, Line("Request rate configured (RPS):", setting.rate));
  absl::StrAppend(&text, Line("Benchmark duration (s):", m.duration),
                  Line("Total input tokens:", m.total_input),
                  Line("Total generated tokens:", m.total_output),
                  Line("Request throughput (req/s):", m.request_throughput));
  if (setting.goodput.any())
    absl::StrAppend(&text, Line("Request goodput (req/s):", m.request_goodput));
  absl::StrAppend(&text, Line("Output token throughput (tok/s):", m.output_throughput),
                  Line("Peak output token throughput (tok/s):", m.max_output_tokens_per_s),
                  Line("Peak concurrent requests:", m.max_concurrent_requests),
                  Line("Total token throughput (tok/s):", m.total_token_throughput),
                  Section("Time to First Token", "TTFT", m.ttft),
                  Section("Time per Output Token (excl. 1st token)", "TPOT", m.tpot),
                  Section("Inter-token Latency", "ITL", m.itl),
                  Section("End-to-end Latency", "E2EL", m.e2el), std::string(kWidth, '='), "\n");
  return text;
}

std::string MeasuresJson(const LoadSetting& setting, const ServingMeasures& m,
                         absl::Span<const RequestTiming> timings, bool detailed) {
  Json json = {
      {"backend", setting.backend},
      {"model_id", setting.model},
      {"num_prompts", setting.requests},
      {"request_rate", std::isfinite(setting.rate) ? Json(setting.rate) : Json("inf")},
      {"burstiness", setting.burstiness},
      {"max_concurrency", setting.max_concurrency > 0 ? Json(setting.max_concurrency) : Json()},
      {"duration", m.duration},
      {"completed", m.completed},
      {"failed", m.failed},
      {"total_input_tokens", m.total_input},
      {"total_output_tokens", m.total_output},
      {"request_throughput", m.request_throughput}};
  if (setting.goodput.any()) json["request_goodput"] = m.request_goodput;
  json["output_throughput"] = m.output_throughput;
  json["total_token_throughput"] = m.total_token_throughput;
  json["max_output_tokens_per_s"] = m.max_output_tokens_per_s;
  json["max_concurrent_requests"] = m.max_concurrent_requests;
  AddDistribution("ttft", m.ttft, &json);
  AddDistribution("tpot", m.tpot, &json);
  AddDistribution("itl", m.itl, &json);
  AddDistribution("e2el", m.e2el, &json);
  if (detailed) AddDetails(timings, &json);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace strata::inference
