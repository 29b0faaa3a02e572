#include "courses/lab/serving_page.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

using inference::Distribution;
using inference::RequestTiming;
using inference::ServingMeasures;

constexpr size_t kCurvePoints = 400;  // of a cumulative curve

std::string Milliseconds(double seconds) { return absl::StrFormat("%.1f ms", seconds * 1e3); }

// Quantiles instead of all values, where there are many.
Series CumulativeSeries(const NamedValues& set) {
  Series series{.name = set.name};
  std::vector<double> sorted = set.values;
  std::sort(sorted.begin(), sorted.end());
  const size_t step = std::max<size_t>(1, sorted.size() / kCurvePoints);
  const auto add = [&](size_t i) {
    series.x.push_back(sorted[i]);
    series.y.push_back(static_cast<double>(i + 1) / static_cast<double>(sorted.size()));
  };
  for (size_t i = 0; i < sorted.size(); i += step) add(i);
  if (!sorted.empty()) add(sorted.size() - 1);
  return series;
}

double FirstStart(const std::vector<RequestTiming>& timings) {
  double first = INFINITY;
  for (const RequestTiming& timing : timings) {
    if (timing.success) first = std::min(first, timing.start);
  }
  return first;
}

Table DistributionTable(const ServingMeasures& m) {
  Table table{.caption = "Milliseconds; definitions are those of vllm bench serve."};
  table.columns = {{.header = "measure"},
                   {.header = "mean", .numeric = true},
                   {.header = "deviation", .numeric = true},
                   {.header = "median", .numeric = true}};
  for (const auto& [percent, value] : m.ttft.percentiles) {
    if (percent == 50) continue;  // the median
    table.columns.push_back(
        {.header = absl::StrCat("P", inference::PercentName(percent)), .numeric = true});
  }
  const auto cell = [](double seconds) { return Cell(absl::StrFormat("%.2f", seconds * 1e3)); };
  const auto add = [&](const char* name, const Distribution& d) {
    std::vector<Cell> row = {name, cell(d.mean), cell(d.deviation), cell(d.median)};
    for (const auto& [percent, value] : d.percentiles)
      if (percent != 50) row.push_back(cell(value));
    table.rows.push_back(std::move(row));
  };
  add("TTFT: to the first token", m.ttft);
  add("TPOT: a token after the first", m.tpot);
  add("ITL: between chunks", m.itl);
  add("E2EL: to the last token", m.e2el);
  return table;
}

std::string Limit(const char* name, const std::optional<double>& seconds) {
  return seconds ? absl::StrCat(" ", name, " ≤ ", Milliseconds(*seconds)) : "";
}

void AddCards(const inference::LoadSetting& setting, const ServingMeasures& m, Report* report) {
  report->AddCard({"requests", absl::StrCat(m.completed),
                   absl::StrCat(m.failed, " failed, in ", SiNumber(m.duration, "s")),
                   m.failed == 0 ? Check::kNone : Check::kFail});
  report->AddCard({"requests a second", absl::StrFormat("%.2f", m.request_throughput),
                   std::isfinite(setting.rate) ? absl::StrFormat("%.2f asked for", setting.rate)
                                               : "all sent at once"});
  if (setting.goodput.any()) {
    report->AddCard(
        {"goodput", absl::StrFormat("%.2f req/s", m.request_goodput),
         absl::StrCat("with", Limit("TTFT", setting.goodput.ttft),
                      Limit("TPOT", setting.goodput.tpot), Limit("E2EL", setting.goodput.e2el))});
  }
  report->AddCard({"output tokens a second", absl::StrFormat("%.1f", m.output_throughput),
                   absl::StrFormat("%.0f in the fullest second", m.max_output_tokens_per_s)});
  report->AddCard({"median TTFT", Milliseconds(m.ttft.median), "sent to first token"});
  report->AddCard({"median TPOT", Milliseconds(m.tpot.median), "a token after the first"});
}

void AddFailures(const std::vector<RequestTiming>& timings, Report* report) {
  std::map<std::string, int> errors;
  for (const RequestTiming& timing : timings) {
    if (!timing.success) ++errors[timing.error];
  }
  if (errors.empty()) return;
  report->AddSection("Failures");
  Table table;
  table.columns = {{.header = "requests", .numeric = true}, {.header = "why"}};
  for (const auto& [error, count] : errors)
    table.rows.push_back({Cell(static_cast<double>(count)), Cell(error)});
  report->AddTable(table);
}

std::string LengthPlot(const std::vector<RequestTiming>& timings) {
  Series series{.name = "requests"};
  for (const RequestTiming& timing : timings) {
    if (!timing.success) continue;
    series.x.push_back(static_cast<double>(timing.prompt_tokens));
    series.y.push_back(timing.ttft);
  }
  return ScatterPlot({.title = "Time to first token by length of the prompt",
                      .x = {.label = "prompt tokens"},
                      .y = {.label = "TTFT", .unit = "s"}},
                     {series});
}

}  // namespace

std::string CumulativePlot(const std::string& title, const std::vector<NamedValues>& sets,
                           bool log) {
  std::vector<Series> series;
  for (const NamedValues& set : sets) series.push_back(CumulativeSeries(set));
  return LinePlot({.title = title,
                   .x = {.label = "time", .unit = "s", .log = log},
                   .y = {.label = "share at or below"}},
                  series);
}

std::string ConcurrencyPlot(const std::vector<RequestTiming>& timings) {
  Series series{.name = "requests"};
  double last = 0;
  for (const auto& [time, count] : inference::Concurrency(timings)) {
    series.x.push_back(time);  // a step: the old count up to here
    series.y.push_back(last);
    series.x.push_back(time);
    series.y.push_back(last = static_cast<double>(count));
  }
  return LinePlot({.title = "Requests under way",
                   .x = {.label = "time", .unit = "s"},
                   .y = {.label = "requests"}},
                  {series});
}

std::string ThroughputPlot(const std::vector<RequestTiming>& timings) {
  Series series{.name = "chunks", .markers = true};
  const std::vector<int64_t> seconds = inference::ChunksPerSecond(timings);
  for (size_t i = 0; i < seconds.size(); ++i) {
    series.x.push_back(static_cast<double>(i));
    series.y.push_back(static_cast<double>(seconds[i]));
  }
  return LinePlot({.title = "Streamed chunks in each second",
                   .x = {.label = "time", .unit = "s"},
                   .y = {.label = "chunks/s"}},
                  {series});
}

std::string RequestTimelinePlot(const std::vector<RequestTiming>& timings, size_t most) {
  const double first = FirstStart(timings);
  std::vector<TimelineSpan> spans;
  size_t shown = 0;
  for (size_t i = 0; i < timings.size() && shown < most; ++i) {
    const RequestTiming& timing = timings[i];
    if (!timing.success) continue;
    ++shown;
    const std::string lane = absl::StrCat("request ", i);
    const double start = timing.start - first;
    spans.push_back({lane, "to the first token", "wait and prefill", start, timing.ttft,
                     absl::StrCat(timing.prompt_tokens, " prompt tokens")});
    spans.push_back({lane, "the rest", "decode", start + timing.ttft, timing.latency - timing.ttft,
                     absl::StrCat(timing.output_tokens, " tokens")});
  }
  return TimelinePlot({.title = "Requests", .x = {.label = "time", .unit = "s"}}, spans);
}

Report ServingPage(const inference::LoadSetting& setting, const inference::LoadRun& run,
                   const ServingMeasures& m) {
  Report report("Serving benchmark", absl::StrCat(setting.model, ", backend ", setting.backend,
                                                  ", ", setting.requests, " requests"));
  AddCards(setting, m, &report);
  report.AddSection("Latencies");
  report.AddTable(DistributionTable(m));
  report.AddFigure(CumulativePlot("Times of requests", {{"TTFT", inference::Ttfts(run.timings)},
                                                        {"E2EL", inference::E2els(run.timings)}}),
                   "How many requests had their first and their last token by a time.");
  report.AddFigure(CumulativePlot("Times of tokens", {{"ITL", inference::Itls(run.timings)},
                                                      {"TPOT", inference::Tpots(run.timings)}}),
                   "Gaps between chunks of all requests, and the mean of each request.");
  report.AddFigure(LengthPlot(run.timings));
  report.AddSection("Over time");
  report.AddFigure(ConcurrencyPlot(run.timings));
  report.AddFigure(ThroughputPlot(run.timings));
  report.AddFigure(RequestTimelinePlot(run.timings, 48), "The first 48 requests that succeeded.");
  AddFailures(run.timings, &report);
  report.AddSection("As text");
  report.AddCode(inference::MeasuresTable(setting, m));
  return report;
}

}  // namespace strata::courses
