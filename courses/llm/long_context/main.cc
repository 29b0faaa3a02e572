// //courses/llm/long_context: what ways of attention keep, read and recall of a long text.
//
//   bazel run -c opt //courses/llm/long_context -- --output=long_context.html
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "courses/lab/lab_main.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/report.h"
#include "courses/lab/svg_plot.h"
#include "courses/llm/long_context/study.h"

namespace strata::courses {
namespace {

constexpr size_t kF16 = 1;  // in kKvFormats

std::vector<double> Steps(size_t count) {
  std::vector<double> steps;
  for (size_t i = 0; i < count; ++i) steps.push_back(static_cast<double>(i));
  return steps;
}

void AddWays(const LongContext& study, Report& report) {
  report.AddSection("Ways of attention");
  report.AddParagraph(
      "Decoders of one size, 2 layers of 8 heads of 64, that differ in nothing but their "
      "attention.");
  std::vector<std::string> ideas;
  for (const ShapeCount& count : study.shapes)
    ideas.push_back(absl::StrFormat("**%s** %s", count.shape.name, count.shape.idea));
  report.AddList(ideas);
}

void AddMemory(const LongContext& study, Report& report) {
  report.AddSection("What is kept");
  Table table;
  table.columns = {{"attention"}};
  for (inference::KvFormat kv : kKvFormats)
    table.columns.push_back({absl::StrFormat("B, %s", KvName(kv)), true});
  for (int64_t tokens : kContexts)
    table.columns.push_back({absl::StrFormat("%dk", tokens / 1024), true});
  table.columns.push_back({"128k, int8", true});
  std::vector<BarGroup> groups;
  for (const ShapeCount& count : study.shapes) {
    std::vector<Cell> row = {count.shape.name};
    for (int64_t bytes : count.token_bytes) row.push_back(Cell(absl::StrFormat("%d", bytes)));
    for (int64_t tokens : kContexts)
      row.push_back(Cell(static_cast<double>(count.KvBytes(tokens, kF16)), "B"));
    row.push_back(Cell(static_cast<double>(count.KvBytes(131072, 2)), "B"));
    table.rows.push_back(std::move(row));
    BarGroup group{.label = count.shape.name};
    for (int64_t tokens : kContexts)
      group.values.push_back(static_cast<double>(count.KvBytes(tokens, kF16)));
    groups.push_back(std::move(group));
  }
  table.caption =
      "Bytes of one token in three formats; then of texts of 4k, 32k and 128k tokens in f16, and "
      "of "
      "128k in int8. Counted from the state of the engine's step graph, over both layers. int8 has "
      "a scale of four bytes for each head's key and value.";
  report.AddTable(table);
  report.AddFigure(
      BarPlot({.title = "Keys and values of one text, f16", .y = {.unit = "B", .log = true}},
              {"4k tokens", "32k tokens", "128k tokens"}, groups),
      "On a logarithmic axis. What keeps all tokens grows with the text; windows and sinks do "
      "not.");
}

Series DecodeCurve(const ShapeCount& count, double DecodeCost::*what) {
  Series series{.name = count.shape.name, .markers = true};
  for (const DecodeCost& cost : count.decode) {
    series.x.push_back(static_cast<double>(cost.tokens));
    series.y.push_back(cost.*what);
  }
  return series;
}

void AddDecode(const LongContext& study, Report& report) {
  report.AddSection("What a decode step costs");
  const struct {
    const char* title;
    const char* unit;
    double DecodeCost::*what;
    const char* caption;
  } kPlots[] = {
      {"Read by a step's attention", "B", &DecodeCost::bytes_read,
       "As the plan of the step counts it: keys, values and the list of slots, in f16."},
      {"Work of a step's attention", "flop", &DecodeCost::flops,
       "As the plan counts it. Heads that share keys work as much as others; MLA's wide shared "
       "vector takes more work a byte."},
      {"Time of a step", "s", &DecodeCost::seconds,
       "The whole step, the least of the repeats, on this machine and with what else it did: "
       "nothing is claimed of it."}};
  for (const auto& plot : kPlots) {
    std::vector<Series> series;
    for (const ShapeCount& count : study.shapes) series.push_back(DecodeCurve(count, plot.what));
    report.AddFigure(LinePlot({.title = plot.title,
                               .x = {.label = "tokens of context", .log = true},
                               .y = {.unit = plot.unit, .log = true}},
                              series),
                     plot.caption);
  }
}

void AddRecall(const LongContext& study, Report& report) {
  report.AddSection("What is recalled");
  report.AddParagraph(absl::StrFormat(
      "Decoders of two layers learn to name a key for as long as filler follows it; one sees "
      "everything, the other a window of %d. Then they decode token by token on pools that hold "
      "only what a policy keeps. Two layers of that window let through %d tokens: beyond, the "
      "answer cannot hang on the key, and at most one in eight is right by chance.",
      study.window, study.reach));
  std::vector<Series> series;
  Table table;
  table.columns = {{"pool"}, {"what"}, {"bytes a text", true}, {"recalled at the end", true}};
  for (const RecallCurve& curve : study.curves) {
    series.push_back({.name = curve.name,
                      .x = Steps(curve.recall.share.size()),
                      .y = curve.recall.share,
                      .markers = true,
                      .dashed = curve.name == "int8"});
    table.rows.push_back({curve.name, curve.idea,
                          Cell(static_cast<double>(curve.recall.kv_bytes), "B"),
                          Cell(absl::StrFormat("%.3f", curve.recall.share.back()))});
  }
  report.AddFigure(LinePlot({.title = "Recall over distance",
                             .x = {.label = "tokens since the key"},
                             .y = {.label = "share of texts"}},
                            series),
                   "Every key, each in several draws of filler that no training saw. Full, int8 "
                   "and sinks recall "
                   "everything and lie on one another.");
  report.AddTable(table);
  report.AddFigure(
      LinePlot(
          {.title = "Training",
           .x = {.label = "step"},
           .y = {.label = "cross entropy", .unit = "nats"}},
          {{.name = "full", .x = Steps(study.full_losses.size()), .y = study.full_losses},
           {.name = "window", .x = Steps(study.window_losses.size()), .y = study.window_losses}}),
      "Part of the window's loss cannot be learned: what it is asked lies out of its reach.");
}

absl::StatusOr<Report> Run(const ContextOptions& options) {
  STRATA_ASSIGN_OR_RETURN(const LongContext study, StudyLongContext(options));
  Report report("Long context", "What ways of attention keep, read and recall of a text");
  const ShapeCount &mha = study.shapes.front(), &sinks = study.shapes.back();
  report.AddCard({"128k tokens, all kept",
                  SiNumber(static_cast<double>(mha.KvBytes(131072, kF16)), "B"),
                  mha.shape.name + ", f16"});
  report.AddCard({"128k tokens, ends kept",
                  SiNumber(static_cast<double>(sinks.KvBytes(131072, kF16)), "B"), "sinks, f16"});
  report.AddCard({"reach of a window", absl::StrFormat("%d tokens", study.reach),
                  absl::StrFormat("two layers, %d each", study.window)});
  AddWays(study, report);
  AddMemory(study, report);
  AddDecode(study, report);
  AddRecall(study, report);
  report.AddSection("Claims");
  report.AddClaims(ClaimsOf(study));
  return report;
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  strata::courses::ContextOptions options;
  options.lengths = {256, 1024, 4096, 16384};
  options.repeats = 25;
  CLI::App app(
      "What MHA, GQA, MQA, MLA, a sliding window and attention sinks keep of a text, what a decode "
      "step reads of it, and what small trained decoders recall. Fails when a claim does not "
      "hold.");
  app.add_option("--lengths", options.lengths, "contexts of the decode steps, ascending")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--repeats", options.repeats, "of a timed step")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--training-steps", options.training_steps, "of each decoder")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "of weights and texts")->capture_default_str();
  return strata::courses::LabMain(app, "long_context", argc, argv,
                                  [&] { return strata::courses::Run(options); });
}
