// //courses/llm/serving_ladder: seven engines, each with one idea more, under the same load.
//
//   bazel run -c opt //courses/llm/serving_ladder -- --output=serving_ladder.html
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "courses/lab/claims.h"
#include "courses/lab/lab_main.h"
#include "courses/lab/report.h"
#include "courses/lab/serving_page.h"
#include "courses/lab/svg_plot.h"
#include "courses/llm/serving_ladder/ladder.h"

namespace strata::courses {
namespace {

void AddWork(const std::vector<Rung>& rungs, Report& report) {
  Table table;
  table.columns = {{"rung"},         {"computed", true}, {"steps", true},
                   {"a step", true}, {"cached", true},   {"guessed", true},
                   {"TTFT", true},   {"TPOT", true},     {"tokens/s", true}};
  for (const Rung& rung : rungs) {
    const auto count = [](int64_t n) { return Cell(absl::StrFormat("%d", n)); };
    table.rows.push_back({rung.name, count(rung.work.step_tokens), count(rung.work.steps),
                          Cell(absl::StrFormat("%.1f", static_cast<double>(rung.work.step_tokens) /
                                                           static_cast<double>(rung.work.steps))),
                          count(rung.work.prefix_hits), count(rung.work.accepted_tokens),
                          Cell(rung.measures.ttft.median, "s"),
                          Cell(rung.measures.tpot.median, "s"),
                          Cell(absl::StrFormat("%.0f", rung.measures.output_throughput))});
  }
  table.caption =
      "Tokens computed, steps, tokens a step, tokens found in the prefix cache and tokens rightly "
      "guessed are counted; medians of TTFT and TPOT and the tokens generated a second, the three "
      "columns at the right, are of this machine and what else it did. A step of this small model "
      "takes less than a millisecond, so two things that are not the idea's show in them. The plan "
      "of a step is made when a step of its size first comes, which takes up to 0.2 s: two other "
      "loads run before, unmeasured, and only guesses still bring a new size. And the engine "
      "computes on all cores, whose threads wait for each other after every kernel: where a "
      "client's thread, or another program, has one core, two of them share the other until the "
      "system moves one away, and steps take many times as long meanwhile.";
  report.AddTable(table);
}

void AddCurves(const std::vector<Rung>& rungs, Report& report) {
  std::vector<NamedValues> ttft, e2el, itl;
  for (const Rung& rung : rungs) {
    ttft.push_back({rung.name, inference::Ttfts(rung.run.timings)});
    e2el.push_back({rung.name, inference::E2els(rung.run.timings)});
    itl.push_back({rung.name, inference::Itls(rung.run.timings)});
  }
  report.AddFigure(CumulativePlot("Time to first token", ttft, /*log=*/true),
                   "The share of requests that had their first token by a time.");
  report.AddFigure(CumulativePlot("Time to the last token", e2el, /*log=*/true));
  report.AddFigure(CumulativePlot("Gaps between tokens", itl, /*log=*/true));
}

// Requests a second that had all their tokens within a limit, over the limit.
void AddGoodput(const std::vector<Rung>& rungs, Report& report) {
  double longest = 0;
  for (const Rung& rung : rungs)
    for (double time : inference::E2els(rung.run.timings)) longest = std::max(longest, time);
  std::vector<Series> series;
  for (const Rung& rung : rungs) {
    Series curve{.name = rung.name};
    for (int i = 1; i <= 40; ++i) {
      inference::MeasureOptions options;
      options.goodput.e2el = longest * i / 40;
      curve.x.push_back(*options.goodput.e2el);
      curve.y.push_back(
          inference::Summarize(rung.run.timings, rung.run.duration, options).request_goodput);
    }
    series.push_back(std::move(curve));
  }
  report.AddFigure(LinePlot({.title = "Goodput",
                             .x = {.label = "limit of the time to the last token", .unit = "s"},
                             .y = {.label = "requests/s within it"}},
                            series),
                   "Of the same requests, those that were answered in time.");
}

absl::StatusOr<Report> Run(const LadderOptions& options) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<Rung> rungs, ClimbLadder(options));
  Report report("The serving ladder", "Seven engines, each with one idea more, under one load");
  const auto tokens = [](const Rung& rung) {
    return absl::StrFormat("%d tokens, %d steps", rung.work.step_tokens, rung.work.steps);
  };
  report.AddCard({"at the bottom", tokens(rungs.front()), rungs.front().name});
  report.AddCard({"at the top", tokens(rungs.back()), rungs.back().name});
  report.AddSection("The rungs");
  std::vector<std::string> ideas;
  for (const Rung& rung : rungs)
    ideas.push_back(absl::StrFormat("**%s** %s", rung.name, rung.idea));
  report.AddList(ideas);
  AddWork(rungs, report);
  report.AddSection("Under load");
  AddCurves(rungs, report);
  AddGoodput(rungs, report);
  report.AddSection("Claims");
  report.AddClaims(ClaimsOf(rungs));
  return report;
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::LadderOptions options;
  CLI::App app(
      "The same requests to seven engines, from one without a KV cache to one that speculates. "
      "Fails when a rung does not help where it should.");
  app.add_option("--requests", options.requests, "how many")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--rate", options.rate, "requests a second, Poisson; 0: all at once")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--output-tokens", options.output_tokens, "tokens of an answer")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--layers", options.layers, "of the model")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--width", options.width, "of the model, a multiple of 64")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "of weights, prompts and arrivals")->capture_default_str();
  return strata::courses::LabMain(app, "serving_ladder", argc, argv,
                                  [&] { return strata::courses::Run(options); });
}
