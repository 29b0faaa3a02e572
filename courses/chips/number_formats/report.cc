#include "courses/chips/number_formats/report.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "chips/numerics/format.h"
#include "courses/chips/number_formats/code_tables.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

std::vector<double> Counting(size_t count, double first = 0) {
  std::vector<double> x;
  for (size_t i = 0; i < count; ++i) x.push_back(first + static_cast<double>(i));
  return x;
}

// The mean of each `window` values, so that curves can be told apart.
Series Smoothed(const std::string& name, const std::vector<double>& y, size_t window) {
  Series series{.name = name};
  for (size_t i = 0; i + window <= y.size(); i += window) {
    double sum = 0;
    for (size_t k = i; k < i + window; ++k) sum += y[k];
    series.x.push_back(static_cast<double>(i) + static_cast<double>(window) / 2);
    series.y.push_back(sum / static_cast<double>(window));
  }
  return series;
}

void AddCodes(Report* report) {
  report->AddSection("All codes");
  report->AddParagraph(
      "A float's value is mantissa times a power of two. The exponent of all zeros holds the "
      "subnormals, which have no hidden bit: between zero and the least normal number they go on "
      "in equal steps.");
  report->AddTable(FormatTable());
  std::vector<Series> lines;
  double height = 0;
  for (const chips::FormatRow& row : chips::AllFormats()) {
    if (row.bits() > 8 || row.kind != chips::Kind::kFloat) continue;
    Series points{.name = row.name};
    height += 1;
    for (uint32_t code = 1; code < row.SignMask(); ++code) {
      const double value = chips::Decode(row.format, code);
      if (!std::isfinite(value) || value <= 0) continue;
      points.x.push_back(value);
      points.y.push_back(height);
      points.labels.push_back(absl::StrFormat("%s 0x%02x = %g", row.name, code, value));
    }
    lines.push_back(std::move(points));
  }
  report->AddFigure(ScatterPlot({.title = "Positive values of the float formats of 8 bits or fewer",
                                 .x = {.label = "value", .log = true},
                                 .y = {.label = "one line a format"}},
                                lines),
                    "Equal distances on this axis are equal ratios: where dots thin out to the "
                    "left, the subnormals are.");
  for (const chips::FormatRow& row : chips::AllFormats()) {
    if (row.bits() > 8) continue;
    report->BeginDetails(absl::StrCat(row.name, ", code by code"));
    report->AddTable(CodeTable(row.format));
    report->EndDetails();
  }
}

void AddNoise(const Study& study, Report* report) {
  report->AddSection("Noise");
  report->AddParagraph(
      "Signal over rounding noise of normal data, and of heavy-tailed data (Student's t with 3 "
      "degrees of freedom). Formats without blocks have one scale for all values, which brings the "
      "largest to the format's largest; block formats have a scale for 32 (MX) or 16 (NVFP4).");
  Table table{.columns = {{"format", false, true},
                          {"bits a value", true},
                          {"normal", true},
                          {"heavy-tailed", true}}};
  std::vector<BarGroup> groups;
  for (const NoisePoint& p : study.noise) {
    table.rows.push_back({p.name, Cell(p.bits), Cell(absl::StrFormat("%.1f dB", p.normal)),
                          Cell(absl::StrFormat("%.1f dB", p.heavy))});
    if (p.bits < 9) groups.push_back({p.name, {p.normal, p.heavy}});
  }
  report->AddFigure(BarPlot({.title = "Signal to noise", .x = {.label = "dB"}},
                            {"normal", "heavy-tailed"}, groups, /*horizontal=*/true),
                    "An outlier takes the scale of an integer format with it; an exponent of its "
                    "own, or neighbours few enough, limit the damage.");
  report->AddTable(table);
}

void AddRounding(const Study& study, Report* report) {
  report->AddSection("Rounding by chance");
  report->AddParagraph(
      "Stochastic rounding goes up with the probability that the discarded part says: wrong each "
      "time, right on average. bf16's step at 1 is 1/128, so that rounding to nearest throws away "
      "every update below 1/256.");
  const StallStudy& stall = study.stall;
  const std::vector<double> x = Counting(stall.exact.size());
  report->AddFigure(LinePlot({.title = "A bf16 weight under updates of 0.001",
                              .x = {.label = "update"},
                              .y = {.label = "weight"}},
                             {{.name = "exact", .x = x, .y = stall.exact, .dashed = true},
                              {.name = "to nearest", .x = x, .y = stall.nearest},
                              {.name = "stochastic, one run", .x = x, .y = stall.stochastic},
                              {.name = "stochastic, mean of 32", .x = x, .y = stall.mean}}),
                    "The same 1000 updates.");
  const MeanStudy& means = study.means;
  report->AddFigure(
      LinePlot(
          {.title = "Error of the mean of many roundings to NVFP4",
           .x = {.label = "roundings", .log = true},
           .y = {.label = "relative error", .log = true}},
          {{.name = "to nearest", .x = means.roundings, .y = means.nearest, .markers = true},
           {.name = "stochastic", .x = means.roundings, .y = means.stochastic, .markers = true}}),
      "To nearest every repetition makes the same error. Of stochastic ones the error falls with "
      "the root of their number, to what is beyond the block's largest and clamped.");
}

Table RunTable(const Study& study) {
  Table table{.columns = {{"run"},
                          {"forward", false, true},
                          {"gradients", false, true},
                          {"weights"},
                          {"last losses", true},
                          {"against fp32", true},
                          {"distance", true},
                          {"first gradient", true},
                          {"unchanged", true}}};
  const double fp32 = study.Run("fp32").run.Tail();
  for (const FormatRun& r : study.runs) {
    const char* weights = r.weights == WeightStorage::kF32           ? "f32"
                          : r.weights == WeightStorage::kBf16Nearest ? "bf16, nearest"
                                                                     : "bf16, stochastic";
    table.rows.push_back(
        {r.name, r.forward, r.gradient, weights, Cell(absl::StrFormat("%.4f", r.run.Tail())),
         Cell(absl::StrFormat("%+.4f", r.run.Tail() - fp32)),
         Cell(absl::StrFormat("%.4f", r.distance)), Cell(absl::StrFormat("%.4f", r.gradient_error)),
         Cell(absl::StrFormat("%.0f %%", 100 * r.run.unchanged.back()))});
  }
  table.caption =
      "Losses in nats a character: the mean of the last tenth of the steps; their difference from "
      "fp32's; the mean distance of the curves; the relative error of the first step's gradient; "
      "the share of weights that the last step did not change.";
  return table;
}

void AddTraining(const Study& study, Report* report) {
  report->AddSection("Training");
  const GptSizes& s = study.options.training.sizes;
  report->AddParagraph(absl::StrFormat(
      "A GPT of %d layers, %d wide, %d characters of context, trained for %d steps on sentences of "
      "a made-up language; every run starts from the same weights and sees the same text. In each "
      "matrix product, forward and backward, attention's too, operands are rounded as the run "
      "says; sums are exact, and everything else stays in fp32. `scaled` is a power of two a "
      "tensor, found anew each time.",
      static_cast<int>(s.layers), static_cast<int>(s.width), static_cast<int>(s.tokens),
      static_cast<int>(study.options.training.steps)));
  std::vector<Series> curves, distances, storage;
  for (const FormatRun& r : study.runs) {
    const bool weights = r.weights != WeightStorage::kF32;
    if (!weights) curves.push_back(Smoothed(r.name, r.run.losses, 5));
    if (weights || r.name == "fp32") storage.push_back(Smoothed(r.name, r.run.unchanged, 5));
    if (weights || r.name == "fp32" || r.distance > 0.3) continue;
    std::vector<double> gaps;
    for (size_t i = 0; i < r.run.losses.size(); ++i) {
      gaps.push_back(std::fabs(r.run.losses[i] - study.Run("fp32").run.losses[i]));
    }
    distances.push_back(Smoothed(r.name, gaps, 10));
  }
  report->AddFigure(
      LinePlot({.title = "Loss", .x = {.label = "step"}, .y = {.label = "nats"}}, curves),
      "Means of 5 steps.");
  report->AddFigure(LinePlot({.title = "Distance of the loss from fp32's",
                              .x = {.label = "step"},
                              .y = {.label = "nats", .log = true}},
                             distances),
                    "Means of 10 steps.");
  report->AddFigure(LinePlot({.title = "Weights that a step leaves as they are",
                              .x = {.label = "step"},
                              .y = {.label = "share"}},
                             storage),
                    "Without a copy in fp32 a bf16 weight keeps only updates of half its step and "
                    "more; as learning slows down, fewer and fewer are.");
  report->AddTable(RunTable(study));
}

}  // namespace

Report MakeReport(const Study& study) {
  Report report("Number formats",
                "What fewer bits cost: codes, noise, and the loss of a small GPT");
  const double fp32 = study.Run("fp32").run.Tail();
  for (const char* name : {"bf16", "fp8, scaled", "NVFP4", "MXFP4"}) {
    report.AddCard({name, absl::StrFormat("%+.4f nats", study.Run(name).run.Tail() - fp32),
                    "loss at the end, against fp32"});
  }
  report.AddSection("Claims");
  report.AddParagraph("Each line is checked on this run; one that fails makes the lab fail.");
  report.AddClaims(ClaimsOf(study));
  AddTraining(study, &report);
  AddRounding(study, &report);
  AddNoise(study, &report);
  AddCodes(&report);
  report.AddSection("How to read this");
  report.AddList(
      {"The model is small enough that its losses differ by about 0.01 nats for no reason at all; "
       "claims on the last losses keep clear of that.",
       "Products are multiplied exactly here, so that only operands differ. What the chips' own "
       "sums add to it is the lab `tensor_cores`.",
       "Formats: OCP 8-bit floating point 1.0, OCP microscaling formats 1.0, NVFP4 as in "
       "arXiv:2509.25149. Stochastic rounding: Croci et al. 2022, RSOS 9:211631."});
  return report;
}

std::string ToJson(const Study& study) {
  std::string json;
  for (const NoisePoint& p : study.noise) {
    absl::StrAppendFormat(&json,
                          "{\"format\": \"%s\", \"bits\": %.4g, \"normal_db\": %.3f, "
                          "\"heavy_db\": %.3f}\n",
                          p.name, p.bits, p.normal, p.heavy);
  }
  for (const FormatRun& r : study.runs) {
    absl::StrAppendFormat(&json,
                          "{\"run\": \"%s\", \"loss\": %.6f, \"distance\": %.6f, "
                          "\"gradient_error\": %.6f, \"unchanged\": %.4f}\n",
                          r.name, r.run.Tail(), r.distance, r.gradient_error,
                          r.run.unchanged.back());
  }
  return json;
}

}  // namespace strata::courses
