// //courses/compiler/memory_pareto: peak memory of a training step against the flops it takes to lower it.
//
//   bazel run -c opt //courses/compiler/memory_pareto -- --output=pareto.html
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "courses/compiler/memory_pareto/pareto.h"
#include "courses/lab/claims.h"
#include "courses/lab/lab_main.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/report.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

std::vector<MemoryBlock> BlocksOf(const plan::Plan& plan) {
  std::vector<MemoryBlock> blocks;
  for (const plan::Buffer& buffer : plan.buffers()) {
    if (buffer.kind() != plan::TEMPORARY || buffer.has_in_place_of()) continue;
    blocks.push_back({buffer.name(), static_cast<double>(buffer.first_step()),
                      static_cast<double>(buffer.last_step()), static_cast<double>(buffer.offset()),
                      static_cast<double>(buffer.size_bytes())});
  }
  return blocks;
}

void AddArena(const ParetoPoint& point, Report& report) {
  report.AddFigure(
      MemoryPlot(
          {.title = point.name, .x = {.label = "step"}, .y = {.label = "offset", .unit = "B"}},
          BlocksOf(point.plan), static_cast<double>(point.memory.arena)),
      point.memory.ToString());
}

void AddFront(const Pareto& pareto, Report& report) {
  Series passes{.name = "passes taken away", .markers = true},
      budgets{.name = "budgets", .markers = true};
  for (size_t i = 0; i < pareto.points.size(); ++i) {
    const ParetoPoint& point = pareto.points[i];
    const double share = 100 * point.extra_flops / (point.flops - point.extra_flops);
    for (Series* series : {&passes, &budgets}) {
      if (series == &passes ? i > pareto.least_cut : i < pareto.least_cut) continue;
      series->x.push_back(share);
      series->y.push_back(static_cast<double>(point.memory.arena));
      series->labels.push_back(point.name);
    }
  }
  report.AddFigure(LinePlot({.title = "Temporaries against extra work",
                             .x = {.label = "flops done a second time, of the step's", .unit = "%"},
                             .y = {.label = "arena", .unit = "B"}},
                            {passes, budgets}),
                   "Both counted in the plans.");
}

void AddTable(const Pareto& pareto, Report& report) {
  Table table;
  table.columns = {
      {"plan"},        {"budget", true},      {"peak", true},           {"arena", true},
      {"bound", true}, {"extra FLOPs", true}, {"step (measured)", true}};
  for (const ParetoPoint& point : pareto.points) {
    const auto bytes = [](uint64_t n) { return Cell(static_cast<double>(n), "B"); };
    table.rows.push_back({point.name, point.budget == 0 ? Cell("none") : bytes(point.budget),
                          bytes(point.memory.peak()), bytes(point.memory.arena),
                          bytes(point.memory.arena_lower_bound), Cell(point.extra_flops, "FLOP"),
                          point.seconds == 0 ? Cell("not measured") : Cell(point.seconds, "s")});
  }
  table.caption =
      "Bytes and flops are counted; only the last column depends on the machine and its load.";
  report.AddTable(table);
}

absl::StatusOr<Report> Run(const ParetoModel& model, int steps) {
  STRATA_ASSIGN_OR_RETURN(const Pareto pareto, SweepMemory(model, steps));
  Report report("Bytes for flops",
                "What a training step must hold in memory, and what it costs to hold less");
  const ParetoPoint& written = pareto.points.front();
  const ParetoPoint& last = pareto.points.back();
  report.AddCard(
      {"temporaries as written", SiNumber(static_cast<double>(written.memory.arena), "B"), ""});
  report.AddCard(
      {"least found", SiNumber(static_cast<double>(last.memory.arena), "B"),
       absl::StrFormat("for %.1f %% more flops", 100 * last.extra_flops / written.flops)});
  report.AddSection("The front");
  report.AddParagraph(
      "The backward pass reads what the forward pass made. Kept, it takes memory; made again, it "
      "takes flops. `memory_order` "
      "takes neither: it runs what frees memory early. `min_cut_partition` makes again what is "
      "cheap: the least cut of the "
      "joint graph. `rematerialisation` lowers the price of a flop until the plan fits a budget.");
  AddFront(pareto, report);
  AddTable(pareto, report);
  if (!pareto.refusal.empty())
    report.AddParagraph("What the compiler says to a budget below that: " + pareto.refusal);
  report.AddSection("The arenas");
  AddArena(written, report);
  AddArena(pareto.points[pareto.least_cut], report);
  AddArena(last, report);
  report.AddSection("Claims");
  report.AddClaims(ClaimsOf(pareto));
  return report;
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::ParetoModel model;
  int steps = 5;
  CLI::App app(
      "Peak memory of a GPT's training step against the flops done a second time to lower it. "
      "Fails when a claim is false.");
  app.add_option("--layers", model.layers, "blocks")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--width", model.width, "channels, a multiple of the heads")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--heads", model.heads, "attention heads")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--vocabulary", model.vocabulary, "token ids")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--batch", model.batch, "sequences")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--tokens", model.tokens, "tokens a sequence")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--steps", steps, "steps timed for each plan; 0: none")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  return strata::courses::LabMain(app, "memory_pareto", argc, argv,
                                  [&] { return strata::courses::Run(model, steps); });
}
