// //courses/distributed/moe_routing: what keeps the experts of a mixture busy, what is dropped, what goes over the wire.
//
//   bazel run -c opt //courses/distributed/moe_routing -- --output=moe_routing.html
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "courses/distributed/moe_routing/study.h"
#include "courses/lab/claims.h"
#include "courses/lab/lab_main.h"
#include "courses/lab/report.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

using Measure = double (*)(const std::vector<double>&);

// A line a run: a measure of the loads of each step.
std::string LoadPlot(const RoutingStudy& study, const std::string& title, const std::string& label,
                     Measure measure) {
  std::vector<Series> series;
  for (const RoutingRun& run : study.runs) {
    Series line{.name = BalanceName(run.balance)};
    for (size_t step = 0; step < run.loads.size(); ++step) {
      line.x.push_back(static_cast<double>(step + 1));
      line.y.push_back(measure(run.loads[step]));
    }
    series.push_back(std::move(line));
  }
  return LinePlot({.title = title, .height = 300, .x = {.label = "step"}, .y = {.label = label}},
                  series);
}

// A line an expert: its share of the choices.
std::string SharesPlot(const RoutingRun& run) {
  std::vector<Series> series;
  for (size_t e = 0; e < run.loads.front().size(); ++e) {
    Series line{.name = absl::StrCat("expert ", e)};
    for (size_t step = 0; step < run.loads.size(); ++step) {
      double sum = 0;
      for (double load : run.loads[step]) sum += load;
      line.x.push_back(static_cast<double>(step + 1));
      line.y.push_back(100 * run.loads[step][e] / sum);
    }
    series.push_back(std::move(line));
  }
  return LinePlot({.title = BalanceName(run.balance),
                   .height = 280,
                   .x = {.label = "step"},
                   .y = {.label = "share of the choices, %"}},
                  series);
}

std::string DropPlot(const RoutingStudy& study) {
  std::vector<Series> series;
  for (const DropCurve& curve : study.drops) {
    Series line{.name = BalanceName(curve.balance), .x = curve.factors, .markers = true};
    for (double dropped : curve.dropped) line.y.push_back(100 * dropped);
    series.push_back(std::move(line));
  }
  return LinePlot({.title = "Choices dropped",
                   .height = 300,
                   .x = {.label = "places of an expert, times its share"},
                   .y = {.label = "dropped, %"}},
                  series);
}

std::string TrafficPlot(const ExpertTraffic& traffic, double row_bytes, double darkest) {
  HeatMap map;
  map.darkest = darkest;
  for (size_t from = 0; from < traffic.rows.size(); ++from) {
    map.row_names.push_back(absl::StrCat("from ", from));
    map.column_names.push_back(absl::StrCat("to ", from));
    map.values.emplace_back();
    for (double rows : traffic.rows[from]) map.values.back().push_back(rows * row_bytes);
  }
  return HeatMapPlot({.title = traffic.name, .width = 420, .y = {.unit = "B"}}, map);
}

std::string PlacementText(const distributed::ExpertPlacement& placement) {
  std::string text;
  for (size_t slot = 0; slot < placement.expert.size(); ++slot) {
    const bool first = slot % static_cast<size_t>(placement.slots_per_rank) == 0;
    absl::StrAppend(&text, slot == 0 ? "" : first ? " | " : " ", placement.expert[slot]);
  }
  return text;
}

void AddBalance(const RoutingStudy& study, Report& report) {
  report.AddSection("Who is busy");
  report.AddParagraph(absl::StrFormat(
      "Tokens of %d kinds, some far more frequent than others, and %d experts of which each token "
      "uses %d. A router left to itself sends the frequent kinds to a few experts. A **balance "
      "loss** pulls the scores towards an even load, whatever the error asks for. A **bias** "
      "leaves the weights "
      "and the loss alone and only changes who is chosen: after each step it falls for experts "
      "with more than their share. **Experts that choose** take as many tokens as they have "
      "places; then tokens are left over instead.",
      study.options.task.kinds, study.options.shape.experts, study.options.shape.per_token));
  report.AddFigure(LoadPlot(study, "The busiest expert", "largest load over the mean", MaxOverMean),
                   "1 is perfect balance. Each point is one batch.");
  report.AddFigure(
      LoadPlot(study, "Entropy of the load", "entropy over its largest", RelativeEntropy),
      "1 is perfect balance; 0 is one expert for all tokens.");
  report.BeginDetails("Each expert's share", /*open=*/true);
  for (const RoutingRun& run : study.runs) {
    if (run.balance != Balance::kExpertChoice) report.AddFigure(SharesPlot(run));
  }
  report.EndDetails();
  Table table;
  table.columns = {{"balancing"}, {"largest over mean", true}, {"entropy", true}, {"error", true}};
  for (const RoutingRun& run : study.runs) {
    const std::vector<double> loads = LastLoads(run, kJudgedSteps);
    table.rows.push_back({BalanceName(run.balance), absl::StrFormat("%.2f", MaxOverMean(loads)),
                          absl::StrFormat("%.3f", RelativeEntropy(loads)),
                          absl::StrFormat("%.3f", run.losses.back())});
  }
  table.caption = absl::StrFormat("Loads of the last %d steps together; the error of the last.",
                                  static_cast<int>(kJudgedSteps));
  report.AddTable(table);
}

void AddDrops(const RoutingStudy& study, Report& report) {
  report.AddSection("What is dropped");
  report.AddParagraph(
      "Buffers of a fixed size make every step the same shape, and drop what finds its expert "
      "full. Unbalanced routers pay for it with capacity that the other experts do not use. "
      "Sorted rows and grouped products (`moe_sort`, `grouped_matmul`) have no buffers and drop "
      "nothing.");
  report.AddFigure(DropPlot(study), "Of fresh tokens after training, counted.");
}

void AddTraffic(const RoutingStudy& study, Report& report) {
  report.AddSection("What goes over the wire");
  report.AddParagraph(absl::StrFormat(
      "The unbalanced mixture on %d ranks: counts are exchanged first, then rows, and results come "
      "back. Where experts are placed decides who waits for whom: the busiest rank sets the time "
      "of the step.",
      study.traffic[0].placement.ranks));
  const double row_bytes = static_cast<double>(study.options.task.width) * 4;
  double darkest = 0;
  for (const ExpertTraffic& traffic : study.traffic) {
    for (const std::vector<double>& row : traffic.rows)
      darkest = std::max(darkest, *std::max_element(row.begin(), row.end()) * row_bytes);
  }
  for (const ExpertTraffic& traffic : study.traffic) {
    report.AddFigure(TrafficPlot(traffic, row_bytes, darkest),
                     "Bytes of token rows to experts, by pair of ranks; one scale of colours. The "
                     "diagonal stays on its rank.");
  }
  Table table;
  table.columns = {{"placement"},
                   {"experts by rank", false, true},
                   {"rows of the busiest", true},
                   {"over the mean", true},
                   {"wire", true},
                   {"formula", true}};
  for (const ExpertTraffic& traffic : study.traffic) {
    const std::vector<double>& rows = traffic.rank_rows;
    table.rows.push_back({traffic.name, PlacementText(traffic.placement),
                          absl::StrFormat("%.0f", *std::max_element(rows.begin(), rows.end())),
                          absl::StrFormat("%.2f", MaxOverMean(rows)), Cell(traffic.wire_bytes, "B"),
                          Cell(traffic.formula_bytes, "B")});
  }
  table.caption = "Bytes to other ranks, both ways, with the counts; counted by the transport.";
  report.AddTable(table);
}

void AddCards(const RoutingStudy& study, Report& report) {
  const auto ratio = [&](size_t run) {
    return absl::StrFormat("%.2f", MaxOverMean(LastLoads(study.runs[run], kJudgedSteps)));
  };
  report.AddCard({"busiest expert, no balancing", ratio(0), "times the mean"});
  report.AddCard({"with a balance loss", ratio(1), "times the mean"});
  report.AddCard({"with a bias", ratio(2), "times the mean"});
  report.AddCard(
      {"busiest rank", absl::StrFormat("%.2f", MaxOverMean(study.traffic.back().rank_rows)),
       absl::StrFormat("times the mean, from %.2f", MaxOverMean(study.traffic[0].rank_rows))});
}

absl::StatusOr<Report> Run(const StudyOptions& options) {
  STRATA_ASSIGN_OR_RETURN(const RoutingStudy study, RunStudy(options));
  Report report("Routing tokens to experts",
                "What keeps experts busy, what is dropped, and what goes over the wire");
  AddCards(study, report);
  AddBalance(study, report);
  AddDrops(study, report);
  AddTraffic(study, report);
  report.AddSection("Claims");
  report.AddClaims(ClaimsOf(study));
  return report;
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::StudyOptions options;
  CLI::App app(
      "Trains four mixtures of experts on the reference interpreter, counts loads and drops, and "
      "runs one on several ranks. Fails when a claim is false.");
  app.add_option("--steps", options.steps, "training steps of each router")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--experts", options.shape.experts, "experts, a multiple of the ranks")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--ranks", options.task.groups, "ranks, and groups of tokens")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--spare-slots", options.spare_slots, "slots of a rank for replicas")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", options.task.seed, "of the tokens")->capture_default_str();
  return strata::courses::LabMain(app, "moe_routing", argc, argv,
                                  [&] { return strata::courses::Run(options); });
}
