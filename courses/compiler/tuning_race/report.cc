#include "absl/strings/str_format.h"
#include "courses/compiler/tuning_race/race.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

std::vector<double> Numbers(size_t count) {
  std::vector<double> numbers;
  for (size_t i = 1; i <= count; ++i) numbers.push_back(static_cast<double>(i));
  return numbers;
}

std::string Trials(int trials, size_t of) {
  return trials > 0 ? absl::StrCat(trials) : absl::StrCat("more than ", of);
}

void AddCurves(const Course& course, Report* report) {
  std::vector<Series> series;
  for (const Curve& curve : course.curves) {
    series.push_back(
        {.name = curve.strategy, .x = Numbers(curve.median.size()), .y = curve.median});
  }
  for (const Curve& curve : course.curves) {
    series.push_back({.name = curve.strategy + ", upper quarter",
                      .x = Numbers(curve.upper.size()),
                      .y = curve.upper,
                      .dashed = true});
  }
  report->AddFigure(
      LinePlot({.title = "Best cost so far over the optimum",
                .x = {.label = "trials", .log = true},
                .y = {.label = "best cost / optimum", .log = true}},
               series),
      "The median run of each strategy; dashed, the run that a quarter of them are worse than. "
      "Every strategy begins with drawn points: the curves part where they begin to use what they "
      "have seen.");
}

void AddCounts(const Course& course, Report* report) {
  Table table{.columns = {{"strategy"},
                          {"within 20 %", true},
                          {"within 5 %", true},
                          {"within 2 %", true},
                          {"after 32", true},
                          {"after 64", true},
                          {"after 128", true}},
              .sortable = false};
  for (const Curve& curve : course.curves) {
    const size_t n = curve.median.size();
    const auto after = [&](size_t trials) -> Cell {
      return trials <= n ? absl::StrFormat("%.3f", curve.median[trials - 1]) : std::string("-");
    };
    table.rows.push_back({curve.strategy, Trials(curve.within20, n), Trials(curve.within5, n),
                          Trials(curve.within2, n), after(32), after(64), after(128)});
  }
  table.rows.push_back({"exhaustive", absl::StrCat(course.valid), absl::StrCat(course.valid),
                        absl::StrCat(course.valid), "1.000", "1.000", "1.000"});
  table.caption =
      "Trials until the median run is so near to the optimum, and how near it is after so many. "
      "Exhaustive search knows only at its end that it has it.";
  report->AddTable(table);
}

void AddModel(const Course& course, Report* report) {
  report->BeginDetails("What the cost model has learned");
  report->AddFigure(
      LinePlot(
          {.title = "Rank correlation with costs it has not seen",
           .height = 260,
           .x = {.label = "samples it was trained on", .log = true},
           .y = {.label = "Spearman's rank correlation"}},
          {{.name = "cost model", .x = course.samples, .y = course.correlation, .markers = true}}),
      "The mean of four sets of samples.");
  report->AddFigure(
      ScatterPlot({.title = "Expected order and true cost",
                   .height = 380,
                   .x = {.label = "score of the model (lower is cheaper)"},
                   .y = {.label = "true cost", .log = true}},
                  {{.name = "held-out configs", .x = course.scores, .y = course.costs}}),
      "After 128 samples. Scores order configs and mean nothing else.");
  report->EndDetails();
}

}  // namespace

Report MakeReport(const Race& race) {
  Report report("The auto-tuning race",
                "Random, evolutionary and learned search against exhaustive search");
  for (const Course& course : race.courses) {
    report.AddCard({course.landscape, absl::StrFormat("%.3f", course.curves.back().median[63]),
                    absl::StrFormat("of the optimum's cost after 64 learned trials of %d points",
                                    course.points),
                    Check::kNone});
  }
  report.AddSection("What is raced");
  report.AddParagraph(
      "A kernel has knobs: the rows and columns of its register tile, how it blocks for the "
      "caches, "
      "what it packs. A few knobs of a few choices are a hundred thousand kernels; to build and to "
      "time one takes a tenth of a second. So a tuner has some tens of trials. **random** spends "
      "them blindly. **evolutionary** mutates and crosses the best so far. **model** fits boosted "
      "trees to all trials, asks them to rank many candidates, and measures the few that look "
      "best.");
  report.AddParagraph(absl::StrFormat(
      "Costs are counted, not timed, so that the optimum is known and the race is the same each "
      "time: a model of a blocked matrix product on a core with caches, and a landscape of many "
      "valleys in which a sixteenth of the points fails. Each strategy runs with %d seeds. The "
      "same "
      "search over real kernels: `bazel run -c opt //compiler/tune:tune_gemm`.",
      race.options.seeds));
  report.AddSection("Claims");
  report.AddClaims(ClaimsOf(race));
  for (const Course& course : race.courses) {
    report.AddSection(course.landscape);
    report.AddParagraph(absl::StrFormat("%d points, of which %d have a cost. The optimum: `%s`.",
                                        course.points, course.valid, course.best));
    AddCurves(course, &report);
    AddCounts(course, &report);
    AddModel(course, &report);
  }
  return report;
}

}  // namespace strata::courses
