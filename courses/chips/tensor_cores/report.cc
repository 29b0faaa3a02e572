#include "courses/chips/tensor_cores/report.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "chips/numerics/tensor_core.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

Table RuleTable() {
  Table table{.columns = {{"unit", false, true},
                          {"products at once", true},
                          {"aligned to", true},
                          {"kept of the sum", true},
                          {"rule"}}};
  for (const chips::DotRule& rule : chips::AllDotRules()) {
    if (rule.result != chips::Format::kF32 || rule.instruction != chips::Instruction::kNative)
      continue;
    const bool aligned = rule.alignment_bits > 0;
    table.rows.push_back(
        {absl::StrCat(chips::GenerationName(rule.generation), " ", chips::Row(rule.operand).name),
         Cell(rule.group), aligned ? Cell(absl::StrCat(rule.alignment_bits, " bits")) : Cell(""),
         Cell(absl::StrCat(rule.kept_bits, " bits")), chips::DescribeDotRule(rule)});
  }
  table.caption =
      "From the table that the simulated units run on (`chips/numerics/tensor_core.h`).";
  return table;
}

void AddSums(const Study& study, Report* report) {
  report->AddSection("Sums by themselves");
  report->AddParagraph(
      "A tensor core lines the products of a group and the running sum up at the largest exponent, "
      "**cuts off** what is below its last bit, adds, and cuts off again. Cutting off always goes "
      "toward zero, so that a long sum of positive numbers comes out too small, and the longer, "
      "the more: a bias, that no averaging takes away. Rounding to nearest errs to both sides.");
  std::vector<Series> bias, noise;
  for (const SumCurve& curve : study.sums) {
    std::vector<double> shortfall;
    for (const double b : curve.bias) shortfall.push_back(std::fabs(b));
    bias.push_back({.name = curve.name, .x = curve.k, .y = shortfall, .markers = true});
    noise.push_back({.name = curve.name, .x = curve.k, .y = curve.noise, .markers = true});
  }
  report->AddFigure(
      LinePlot({.title = "Bias: products of uniform numbers in [0, 1)",
                .x = {.label = "products in the sum", .log = true},
                .y = {.label = "|mean of (sum - exact) / exact|", .log = true}},
               bias),
      "V100 cuts off every 4 products, A100 every 8, H100 and B200 every 16. H100's fp8 "
      "sums have 13 bits: from some thousand products on, a product is smaller than "
      "the sum's last bit and is lost whole. Kernels therefore promote such sums to "
      "fp32 every 128 products or so (DeepSeek-V3, arXiv:2412.19437, 3.3.2).");
  report->AddFigure(LinePlot({.title = "Noise: products of normal numbers",
                              .x = {.label = "products in the sum", .log = true},
                              .y = {.label = "root mean square of error / (|a| |b|)", .log = true}},
                             noise),
                    "Where signs cancel, cutting off toward zero errs to both sides, too.");
  Table table{.columns = {{"unit"}}};
  for (const double k : study.sums.front().k) {
    table.columns.push_back({absl::StrFormat("%.0f", k), true});
  }
  for (const SumCurve& curve : study.sums) {
    std::vector<Cell> cells = {curve.name};
    for (const double b : curve.bias) cells.push_back(Cell(absl::StrFormat("%.1e", b)));
    table.rows.push_back(std::move(cells));
  }
  table.caption = "The bias, with its sign, by the number of products.";
  report->AddTable(table);
}

// The mean of each ten values.
Series ByTens(const std::string& name, const std::vector<double>& y) {
  Series series{.name = name};
  for (size_t i = 0; i + 10 <= y.size(); i += 10) {
    double sum = 0;
    for (size_t k = i; k < i + 10; ++k) sum += y[k];
    series.x.push_back(static_cast<double>(i) + 5);
    series.y.push_back(sum / 10);
  }
  return series;
}

void AddTraining(const Study& study, Report* report) {
  report->AddSection("Training as a chip");
  const GptSizes& s = study.options.training.sizes;
  report->AddParagraph(absl::StrFormat(
      "A GPT of %d layers, %d wide, trained for %d steps; all runs start alike and see the same "
      "text. Each matrix product, forward and backward, is computed as the chip computes it, bit "
      "for bit, and compared with a run that has the same operands and exact sums: what differs is "
      "the chip's sums alone. fp16 and fp8 operands have a power-of-two scale a tensor.",
      static_cast<int>(s.layers), static_cast<int>(s.width),
      static_cast<int>(study.options.training.steps)));
  std::vector<Series> losses, distances;
  Table table{.columns = {{"run"},
                          {"first gradient", true},
                          {"distance", true},
                          {"last losses", true},
                          {"against exact sums", true}}};
  for (const ChipRun& r : study.runs) {
    losses.push_back(ByTens(r.name, r.run.losses));
    const double exact = study.Exact(r.operand).run.Tail();
    double mean = 0;
    for (const double d : r.distance) mean += d / static_cast<double>(r.distance.size());
    if (!r.chip.empty()) distances.push_back(ByTens(r.name, r.distance));
    table.rows.push_back({r.name, Cell(absl::StrFormat("%.2e", r.gradient_error)),
                          Cell(absl::StrFormat("%.2e", mean)),
                          Cell(absl::StrFormat("%.5f", r.run.Tail())),
                          Cell(absl::StrFormat("%+.5f", r.run.Tail() - exact))});
  }
  table.caption =
      "The relative error of the first step's gradient; the mean distance of the losses; the mean "
      "of the last tenth of the losses, in nats a character.";
  report->AddFigure(
      LinePlot({.title = "Distance of the loss from that with exact sums",
                .x = {.label = "step"},
                .y = {.label = "nats", .log = true}},
               distances),
      "Means of 10 steps. Training is chaotic: a difference in the last bit grows until "
      "it is as large as the noise of the batches allows, whatever it began with.");
  report->AddFigure(
      LinePlot({.title = "Loss", .x = {.label = "step"}, .y = {.label = "nats"}}, losses),
      "Means of 10 steps.");
  report->AddTable(table);
}

}  // namespace

Report MakeReport(const Study& study) {
  Report report("Tensor cores", "What the sums of real chips do to results and to training");
  for (const char* name : {"V100 fp16", "A100 bf16", "H100 bf16", "H100 fp8"}) {
    report.AddCard({absl::StrCat(name, ", 4096 products"),
                    absl::StrFormat("%.1e", study.Sum(name).bias[6]), "bias of a positive sum"});
  }
  report.AddSection("Claims");
  report.AddParagraph("Each line is checked on this run; one that fails makes the lab fail.");
  report.AddClaims(ClaimsOf(study));
  AddSums(study, &report);
  AddTraining(study, &report);
  report.AddSection("The rules");
  report.AddParagraph(
      "The units are held against recorded results of real chips "
      "(`//chips/numerics:check_vectors`). "
      "Sources: MMA-Sim (arXiv:2511.10909); Khattak and Mikaitis (arXiv:2512.07004).");
  report.AddTable(RuleTable());
  return report;
}

std::string ToJson(const Study& study) {
  std::string json;
  for (const SumCurve& curve : study.sums) {
    for (size_t i = 0; i < curve.k.size(); ++i) {
      absl::StrAppendFormat(&json,
                            "{\"sum\": \"%s\", \"k\": %.0f, \"bias\": %.4e, \"noise\": %.4e}\n",
                            curve.name, curve.k[i], curve.bias[i], curve.noise[i]);
    }
  }
  for (const ChipRun& r : study.runs) {
    absl::StrAppendFormat(&json, "{\"run\": \"%s\", \"loss\": %.6f, \"gradient_error\": %.4e}\n",
                          r.name, r.run.Tail(), r.gradient_error);
  }
  return json;
}

}  // namespace strata::courses
