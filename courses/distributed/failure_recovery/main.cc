// //courses/distributed/failure_recovery: goodput against the interval between commits; measured on runs that are killed,
// simulated, and by the formulas of Young and Daly.
//
//   bazel run -c opt //courses/distributed/failure_recovery -- --output=failure_recovery.html
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "courses/distributed/failure_recovery/claims.h"
#include "courses/distributed/failure_recovery/goodput.h"
#include "courses/distributed/failure_recovery/killed_runs.h"
#include "courses/distributed/failure_recovery/published.h"
#include "courses/lab/claims.h"
#include "courses/lab/lab_main.h"
#include "courses/lab/report.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

std::string Percent(double x) { return absl::StrFormat("%.1f %%", 100 * x); }

// Vertical lines at the two formulas' intervals.
Series Mark(const std::string& name, double interval, double low, double high) {
  return {.name = name, .x = {interval, interval}, .y = {low, high}, .dashed = true};
}

void AddMeasured(const KilledRuns& runs, const KilledRunsOptions& options, Report& report) {
  const Machine& m = runs.machine;
  report.AddSection("Measured: runs that are killed");
  report.AddParagraph(absl::StrFormat(
      "A small training on %d processes over `tcp`, supervised by `distributed/elastic`. At the "
      "times of a Poisson "
      "process with a mean of %.2g s one of the processes gets SIGKILL; the others are ended, all "
      "start again and go on "
      "from the last commit. A step takes %.3g ms, a commit %.3g ms of standing still, a restart "
      "%.3g ms until the first "
      "step after it (all measured here, on this machine as it is now loaded).",
      options.ranks, m.mtbf, runs.step_seconds * 1e3, m.save * 1e3, m.restart * 1e3));
  Series measured{.name = "measured", .markers = true}, model{.name = "Daly's model"},
      simulated{.name = "simulated", .markers = true};
  Table table;
  table.columns = {{"steps", true},         {"interval", true}, {"kills", true},
                   {"trained again", true}, {"wall", true},     {"goodput", true},
                   {"simulated", true},     {"model", true}};
  for (const KilledRun& run : runs.runs) {
    const double interval = static_cast<double>(run.save_every) * runs.step_seconds;
    const double drawn = Simulate(m, interval, 500 * m.mtbf, options.seed).goodput;
    measured.x.push_back(interval), measured.y.push_back(run.goodput);
    model.x.push_back(interval), model.y.push_back(ExpectedGoodput(m, interval));
    simulated.x.push_back(interval), simulated.y.push_back(drawn);
    table.rows.push_back({Cell(static_cast<double>(run.save_every)), Cell(interval, "s"),
                          Cell(static_cast<double>(run.failures)),
                          Cell(static_cast<double>(run.retrained)), Cell(run.wall, "s"),
                          Cell(run.goodput), Cell(drawn), Cell(model.y.back())});
  }
  report.AddFigure(
      LinePlot({.title = "Goodput of killed runs",
                .x = {.label = "work between commits", .unit = "s", .log = true},
                .y = {.label = "goodput"}},
               {measured, simulated, model, Mark("Young", YoungInterval(m), 0, 1),
                Mark("Daly", DalyInterval(m), 0, 1)}),
      "Commit too often, and saving takes the time; too seldom, and failures take the work.");
  table.caption =
      "Steps between commits, and their time; steps that were trained a second time; goodput "
      "measured, simulated and by Daly's model. The measured points are one run each, with few "
      "failures: they scatter. The model takes steps and commits as they were in runs without "
      "failures; what a fresh process does slower at first, and what else ran on the machine "
      "meanwhile, shows as distance to it.";
  report.AddTable(table);
}

void AddScenario(const Scenario& scenario, const Sweep& sweep, Report& report) {
  Series simulated{
      .name = "simulated", .x = sweep.intervals, .y = sweep.simulated, .markers = true};
  Series expected{.name = "Daly's model", .x = sweep.intervals, .y = sweep.expected};
  const Machine& m = sweep.machine;
  double low = 1;
  for (double y : sweep.simulated) low = std::min(low, y);
  const double high = ExpectedGoodput(m, BestInterval(m));
  report.AddFigure(
      LinePlot({.title = scenario.name,
                .height = 300,
                .x = {.label = "work between commits", .unit = "s", .log = true},
                .y = {.label = "goodput"}},
               {simulated, expected, Mark("Young", YoungInterval(m), low, high),
                Mark("Daly", DalyInterval(m), low, high)}),
      absl::StrFormat("M = %.3g s, C = %.3g s, R = %.3g s.", m.mtbf, m.save, m.restart));
}

void AddPublished(Report& report) {
  report.AddSection("What has been published");
  Table table;
  table.columns = {{"figure"}, {"value"}, {"source"}};
  for (const PublishedFigure& figure : PublishedFigures())
    table.rows.push_back({figure.what, figure.value, figure.source});
  report.AddTable(table);
}

void AddScenarios(const std::vector<Scenario>& scenarios, const std::vector<Sweep>& sweeps,
                  Report& report) {
  report.AddSection("Simulated: machines of thousands");
  report.AddParagraph(
      "The same failure process at the published rates. The machines are made of figures from "
      "different papers: they say "
      "what a run would get done with these numbers, not what any of those runs did. `stalls of 2 "
      "s` stands for saves "
      "that are written in the background: an assumption.");
  Table table;
  table.columns = {
      {"machine"},         {"Young", true},        {"Daly", true},    {"exact optimum", true},
      {"simulated", true}, {"best goodput", true}, {"restarts", true}};
  for (size_t i = 0; i < scenarios.size(); ++i) {
    const Machine& m = scenarios[i].machine;
    table.rows.push_back(
        {scenarios[i].name, Cell(YoungInterval(m), "s"), Cell(DalyInterval(m), "s"),
         Cell(BestInterval(m), "s"), Cell(sweeps[i].best_simulated, "s"),
         Percent(ExpectedGoodput(m, BestInterval(m))), Percent(1 - std::exp(-m.restart / m.mtbf))});
  }
  table.caption = "Intervals, the best goodput there is, and what restarts alone take of it.";
  report.AddTable(table);
  for (size_t i = 0; i < scenarios.size(); ++i) AddScenario(scenarios[i], sweeps[i], report);
}

absl::StatusOr<Report> Run(const KilledRunsOptions& options) {
  STRATA_ASSIGN_OR_RETURN(const KilledRuns runs, MeasureKilledRuns(options));
  const std::vector<Scenario> scenarios = PublishedScenarios();
  std::vector<Sweep> sweeps;
  for (const Scenario& scenario : scenarios)
    sweeps.push_back(SweepIntervals(scenario.machine, 2, 24));

  Report report("Failure and recovery", "What a run gets done that is killed now and then");
  int64_t failures = 0;
  double best = 0;
  for (const KilledRun& run : runs.runs)
    failures += run.failures, best = std::max(best, run.goodput);
  report.AddCard({"kills", absl::StrCat(failures), "SIGKILL, losses the same to the bit"});
  report.AddCard({"best goodput measured", Percent(best),
                  absl::StrFormat("a failure every %.2g s", runs.machine.mtbf)});
  report.AddCard({"restart", absl::StrFormat("%.0f ms", runs.machine.restart * 1e3),
                  "from the kill to the next step"});
  report.AddParagraph(
      "A failure loses the work since the last commit, a commit costs time: there is a best "
      "interval between commits. "
      "**Young** (1974) found `sqrt(2 C M)` for saves of C seconds and failures every M seconds; "
      "**Daly** (2006) added "
      "what matters when C is not small against M. The curve is flat at its top: a factor of two "
      "in the interval costs "
      "little, a factor of ten much.");
  AddMeasured(runs, options, report);
  AddPublished(report);
  AddScenarios(scenarios, sweeps, report);
  report.AddSection("Claims");
  report.AddClaims(ClaimsOfCounts(runs));
  report.AddClaims(ClaimsOfTimes(runs));
  for (size_t i = 0; i < scenarios.size(); ++i)
    report.AddClaims(ClaimsOfSweep(scenarios[i].name, sweeps[i]));
  return report;
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::KilledRunsOptions options;
  options.scratch = (std::filesystem::temp_directory_path() / "strata_failure_recovery").string();
  CLI::App app(
      "Goodput against the interval between commits: measured on runs of processes that are "
      "killed, simulated for "
      "thousands of GPUs, and by Young's and Daly's formulas. Fails when a claim is false.");
  app.add_option("--scratch", options.scratch, "a folder for the checkpoints of the killed runs")
      ->capture_default_str();
  app.add_option("--ranks", options.ranks, "processes")
      ->capture_default_str()
      ->check(CLI::Range(1, 24));
  app.add_option("--steps", options.steps, "of each run")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--mtbf-steps", options.mtbf_steps, "mean time between kills, in steps")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--save-every", options.save_every, "steps between commits, of each run")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "of the failures")->capture_default_str();
  return strata::courses::LabMain(app, "failure_recovery", argc, argv,
                                  [&] { return strata::courses::Run(options); });
}
