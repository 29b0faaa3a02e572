// //courses/distributed/parallelism_equivalence: every parallelism beside one device, and what mistakes look like.
//
//   bazel run -c opt //courses/distributed/parallelism_equivalence -- --output=parallelism_equivalence.html
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "courses/distributed/parallelism_equivalence/study.h"
#include "courses/lab/claims.h"
#include "courses/lab/lab_main.h"
#include "courses/lab/report.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

using distributed::MatrixResult;

void AddMatrix(const EquivalenceStudy& study, Report& report) {
  report.AddSection("The matrix");
  report.AddParagraph(
      "One step of training of a tiny GPT and of tiny mixtures of experts, on ranks that are "
      "threads, beside the same "
      "step on one device. **Used** says how much of the tolerance the worst element of any "
      "gradient, parameter or "
      "moment needs; the tolerance is derived from the roundings on its way "
      "(`distributed/equivalence_matrix.h`).");
  Series used;
  for (size_t i = 0; i < study.rows.size(); ++i) {
    used.x.push_back(static_cast<double>(i + 1));
    used.y.push_back(100 * study.rows[i].worst);
    used.labels.push_back(absl::StrCat(study.rows[i].name, ", ", study.rows[i].worst_at));
  }
  report.AddFigure(ScatterPlot({.title = "Tolerance used",
                                .height = 280,
                                .x = {.label = "row of the matrix"},
                                .y = {.label = "worst element", .unit = "%"}},
                               {used}),
                   "Of its tolerance; above 100 % a row would fail. Names are tooltips.");
  Table table{.columns = {{"combination"},
                          {"ranks", true},
                          {"used, %", true},
                          {"worst at", false, true},
                          {"on the wire", true},
                          {"peak of a rank", true},
                          {"to the model", true}}};
  for (const MatrixResult& row : study.rows) {
    table.rows.push_back({row.name, Cell(row.ranks), absl::StrFormat("%.1f", 100 * row.worst),
                          row.worst_at, Cell(static_cast<double>(row.wire_bytes), "B"),
                          Cell(static_cast<double>(row.peak_bytes), "B"),
                          absl::StrFormat("%.4f", row.peak_ratio)});
  }
  table.caption =
      "A click on a header sorts. m: microbatches, sp: sequence parallel. Bytes on the wire of all "
      "ranks together; the peak "
      "of a rank to the model's.";
  report.AddTable(table);
}

void AddMemory(const EquivalenceStudy& study, Report& report) {
  report.AddSection("Memory against traffic");
  report.AddParagraph(
      "The GPT on four data-parallel ranks. ZeRO cuts the optimizer's state (1), gradients too "
      "(2), parameters too (3): "
      "what is not held must be sent when it is needed.");
  std::vector<BarGroup> groups;
  for (const MatrixResult& row : study.memory) {
    groups.push_back({row.name,
                      {static_cast<double>(row.peak_bytes),
                       static_cast<double>(row.wire_bytes) / static_cast<double>(row.ranks)}});
  }
  report.AddFigure(BarPlot({.title = "A rank's peak, and what it sends in a step",
                            .x = {.label = "bytes", .unit = "B"}},
                           {"peak memory", "sent"}, groups, /*horizontal=*/true),
                   "Measured.");
}

void AddMistakes(const EquivalenceStudy& study, Report& report) {
  report.AddSection("Mistakes, made on purpose");
  report.AddParagraph(
      "The same graphs with one collective spoiled at a time: left out, so that a rank goes on "
      "with its own part, or a "
      "mean where the parts must be added. The loss of the step is what most people look at; it "
      "seldom tells.");
  Table table{.columns = {{"plan"},
                          {"mistake"},
                          {"collective", false, true},
                          {"loss, %", true},
                          {"gradient, %", true},
                          {"of", false, true},
                          {"update, %", true}}};
  for (const Mistake& mistake : study.mistakes) {
    table.rows.push_back({mistake.plan, mistake.what, mistake.where,
                          absl::StrFormat("%.3g", 100 * mistake.loss),
                          absl::StrFormat("%.3g", 100 * mistake.gradient), mistake.worst,
                          absl::StrFormat("%.3g", 100 * mistake.update)});
  }
  table.caption =
      "How far off: relative to the largest element of what is right; the worst of all gradients, "
      "of all updates; of the "
      "rank furthest off.";
  report.AddTable(table);
}

void AddCards(const EquivalenceStudy& study, Report& report) {
  double worst = 0;
  int64_t gradients = 0;
  for (const MatrixResult& row : study.rows) {
    worst = std::max(worst, row.worst);
    gradients += row.gradients;
  }
  report.AddCard({"combinations", absl::StrCat(study.rows.size()), "on 2 to 8 ranks"});
  report.AddCard({"gradients compared", absl::StrCat(gradients), "element by element"});
  report.AddCard({"worst element", absl::StrFormat("%.0f %%", 100 * worst), "of its tolerance",
                  worst <= 1 ? Check::kPass : Check::kFail});
  report.AddCard({"mistakes made", absl::StrCat(MistakesMade(study)),
                  absl::StrCat(MistakesSeen(study), " of them seen")});
}

absl::StatusOr<Report> Run(int every) {
  STRATA_ASSIGN_OR_RETURN(const EquivalenceStudy study, RunEquivalenceStudy(every));
  Report report(
      "Parallel training, proved",
      "Every parallelism and their combinations beside one device; and what mistakes look like");
  AddCards(study, report);
  AddMatrix(study, report);
  AddMemory(study, report);
  AddMistakes(study, report);
  report.AddSection("Claims");
  report.AddClaims(ClaimsOf(study));
  return report;
}

}  // namespace
}  // namespace strata::courses

int main(int argc, char** argv) {
  int every = 1;
  CLI::App app(
      "Runs the equivalence matrix and spoils collectives one at a time. Fails when a claim is "
      "false.");
  app.add_option("--every", every, "run each so-manieth row of the matrix only")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  return strata::courses::LabMain(app, "parallelism_equivalence", argc, argv,
                                  [&] { return strata::courses::Run(every); });
}
