#include "courses/distributed/pipeline_zoo/report.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "courses/distributed/pipeline_zoo/paced.h"
#include "courses/lab/svg_gantt.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

using schedule::Slot;
using schedule::SlotKind;

Cell Number(double value) {
  Cell cell(absl::StrFormat("%g", value));
  cell.sort_by = value;
  return cell;
}

Cell Percent(double fraction) {
  Cell cell(absl::StrFormat("%.1f %%", 100 * fraction));
  cell.sort_by = fraction;
  return cell;
}

const std::vector<GanttKey>& Legend() {
  static const auto* keys = new std::vector<GanttKey>{
      {"F", 0}, {"B and W", 2}, {"B", 4}, {"W", 7}, {"paler: the rank's second chunk", 0, true}};
  return *keys;
}

int ColourOf(SlotKind kind) {
  switch (kind) {
    case SlotKind::kForward:
      return 0;
    case SlotKind::kBackward:
      return 2;
    case SlotKind::kBackwardInput:
      return 4;
    case SlotKind::kWeight:
      return 7;
  }
  return 0;
}

// A rank's first chunk is the one it begins with in 1F1B's order.
bool IsSecondChunk(const Slot& slot, int rank) { return slot.chunk != rank; }

std::vector<GanttCell> CellsOf(const Animal& animal) {
  std::vector<GanttCell> cells;
  std::vector<size_t> next(animal.schedule.slots.size());
  for (const chips::TimelineEvent& event : animal.run.timeline.events()) {
    const int rank = static_cast<int>(event.lane());
    const auto& slots = animal.schedule.slots[static_cast<size_t>(rank)];
    size_t& index = next[static_cast<size_t>(rank)];
    const bool pair = slots[index].with_next;
    for (int half = 0; half < (pair ? 2 : 1); ++half) {
      const Slot& slot = slots[index++];
      cells.push_back({.lane = rank,
                       .start = static_cast<double>(event.start_ns()),
                       .duration = static_cast<double>(event.duration_ns()),
                       .label = absl::StrCat(slot.microbatch),
                       .tooltip = absl::StrCat(DescribeSlot(slot), "\n", event.start_ns(), " to ",
                                               event.start_ns() + event.duration_ns()),
                       .colour = ColourOf(slot.kind),
                       .pale = IsSecondChunk(slot, rank),
                       .part = !pair       ? GanttPart::kWhole
                               : half == 0 ? GanttPart::kUpper
                                           : GanttPart::kLower});
    }
  }
  return cells;
}

std::string BubbleText(const Animal& animal) {
  if (animal.form.of_own_span) {
    return absl::StrFormat("%d idle between a rank's slots, %.1f %% of the step with start and end",
                           animal.run.gaps(), 100 * animal.run.bubble_fraction());
  }
  return absl::StrFormat("%d idle, %.1f %% of the step", animal.run.bubble(),
                         100 * animal.run.bubble_fraction());
}

void AddCharts(const Zoo& zoo, Report* report) {
  report->AddSection("Nine schedules, one scale");
  report->AddParagraph(absl::StrFormat(
      "%d ranks, %d microbatches; F, B and W of a rank's share take %d, %d and %d. A number is a "
      "microbatch, grey is idle. All ranks have the same work in all charts, so a chart that ends "
      "further left is the faster schedule.",
      zoo.question.ranks, zoo.question.microbatches, zoo.question.forward,
      zoo.question.backward_input, zoo.question.weight));
  double longest = 0;
  for (const Animal& animal : zoo.animals)
    longest = std::max(longest, static_cast<double>(animal.run.makespan));
  bool first = true;
  for (const Animal& animal : zoo.animals) {
    GanttOptions options = {.title = absl::StrFormat("%s: %d", animal.title, animal.run.makespan),
                            .end = static_cast<double>(animal.run.makespan),
                            .length = longest};
    if (first) options.legend = Legend();
    first = false;
    for (const std::string& lane : animal.run.timeline.lanes()) options.lanes.push_back(lane);
    report->AddFigure(
        GanttPlot(options, CellsOf(animal)),
        absl::StrCat(animal.idea, " ", BubbleText(animal), "; at most ",
                     absl::StrFormat("%g", animal.activations), " microbatches of activations."));
  }
}

Table IdleTable(const Zoo& zoo) {
  Table table;
  table.columns = {{"schedule"},
                   {"step", true},
                   {"idle", true},
                   {"share of step", true},
                   {"idle in"},
                   {"closed form", true},
                   {"as printed", false, true},
                   {"exact when"}};
  for (const Animal& animal : zoo.animals) {
    const bool own = animal.form.of_own_span;
    table.rows.push_back(
        {animal.title, Number(static_cast<double>(animal.run.makespan)),
         Number(static_cast<double>(own ? animal.run.gaps() : animal.run.bubble())),
         Percent(animal.run.bubble_fraction()), own ? "own span" : "step",
         Number(static_cast<double>(animal.form.bubble)), animal.form.formula,
         animal.form.assumes.empty() ? "always" : animal.form.assumes});
  }
  table.caption =
      "Times of a rank. Of its own span, from its first slot to its last, is what counts where the "
      "optimizer need not wait for all ranks; the share is of the whole step in any case. B is the "
      "whole backward pass except in the formulas of ZB.";
  return table;
}

Table MemoryTable(const Zoo& zoo) {
  Table table;
  table.columns = {{"schedule"},          {"activations in chunks", true},
                   {"closed form", true}, {"in shares", true},
                   {"parameters", true},  {"messages a step", true}};
  for (const Animal& animal : zoo.animals) {
    table.rows.push_back({animal.title, Number(animal.run.peak_activations()),
                          Number(animal.form.peak_activations), Number(animal.activations),
                          Number(animal.parameters), Number(animal.messages)});
  }
  table.caption =
      "Activations of the rank that holds most, in chunks of one microbatch, and in a rank's share "
      "of "
      "the model; parameters in shares.";
  return table;
}

void AddFormulas(const Zoo& zoo, Report* report) {
  report->AddSection("Simulated beside the closed forms");
  report->AddTable(IdleTable(zoo));
  report->AddTable(MemoryTable(zoo));
  report->BeginDetails("Sources of the formulas");
  std::vector<std::string> sources;
  for (const Animal& animal : zoo.animals)
    sources.push_back(absl::StrCat(animal.title, ": ", animal.form.source));
  report->AddList(sources);
  report->EndDetails();
}

Series SeriesOf(const SweepLine& line, bool fraction) {
  Series series = {.name = line.title, .markers = true};
  for (size_t i = 0; i < line.x.size(); ++i) {
    series.x.push_back(static_cast<double>(line.x[i]));
    series.y.push_back(fraction ? 100 * line.fraction[i] : static_cast<double>(line.bubble[i]));
  }
  return series;
}

// Schedules that idle alike lie on one line: the first stands for all, its name names them.
std::vector<Series> Distinct(const std::vector<SweepLine>& lines) {
  std::vector<Series> all;
  for (const SweepLine& line : lines) {
    Series series = SeriesOf(line, true);
    const auto same = std::find_if(all.begin(), all.end(), [&](const Series& other) {
      return std::equal(series.y.begin(), series.y.end(), other.y.begin(), other.y.end(),
                        [](double a, double b) { return std::abs(a - b) < 1e-9; });
    });
    if (same == all.end()) {
      all.push_back(std::move(series));
    } else {
      absl::StrAppend(&same->name, ", ", series.name);
    }
  }
  return all;
}

void AddSweeps(const Zoo& zoo, Report* report) {
  report->AddSection("More microbatches, slower links");
  report->AddFigure(
      LinePlot({.title = "Idle share of a step",
                .x = {.label = "microbatches", .log = true},
                .y = {.label = "idle", .unit = "%", .log = true}},
               Distinct(zoo.by_microbatches)),
      "The idle time stays what it is while the step grows. Of ZB-H2, ZB-V: start and end, which "
      "an optimizer that does not wait for all ranks has work for.");
  report->AddFigure(
      LinePlot({.title = "Idle share against the time of a hop",
                .x = {.label = absl::StrCat("from a rank to the next (F takes ",
                                            zoo.question.forward, ")")},
                .y = {.label = "idle", .unit = "%"}},
               Distinct(zoo.by_hop)),
      "The orders are those made for free hops. GPipe sends ahead of need; an order that waits for "
      "each message pays for it in every round.");
  std::vector<Series> points;
  for (const Animal& animal : zoo.animals) {
    if (animal.name == "gpipe") continue;  // far to the right: it would squeeze the others
    points.push_back({.name = animal.title,
                      .x = {animal.activations},
                      .y = {100 * animal.run.bubble_fraction()},
                      .labels = {animal.title}});
  }
  report->AddFigure(
      ScatterPlot({.title = "What idle time costs in memory",
                   .x = {.label = "activations held, in microbatches of a rank's share"},
                   .y = {.label = "idle", .unit = "%"}},
                  points),
      absl::StrFormat(
          "Lower left is better. Chimera and DualPipe hold their parameters twice besides; "
          "GPipe, not shown, idles as 1F1B and holds %g.",
          AnimalOf(zoo, "gpipe").activations));
}

void AddMeasured(const Zoo& zoo, Report* report) {
  if (zoo.animals.front().unit_ns == 0) return;
  report->AddSection("Simulated, then run");
  report->AddParagraph(absl::StrFormat(
      "The same schedules on %d threads, with messages over the `thread` transport in the order "
      "derived from each schedule; a slot sleeps for its time, at %g ms a unit; the shortest of "
      "three runs. What comes on top "
      "of the simulation is threads that wake late, more so on a machine with other work.",
      zoo.question.ranks, static_cast<double>(zoo.animals.front().unit_ns) / 1e6));
  std::vector<BarGroup> groups;
  Table table;
  table.columns = {{"schedule"}, {"simulated", true}, {"measured", true}, {"on top", true}};
  for (const Animal& animal : zoo.animals) {
    const double simulated = static_cast<double>(animal.run.makespan);
    const double measured =
        static_cast<double>(EndOf(animal.measured)) / static_cast<double>(animal.unit_ns);
    groups.push_back({animal.title, {simulated, measured}});
    table.rows.push_back({animal.title, Number(simulated), Cell(absl::StrFormat("%.0f", measured)),
                          Percent(measured / simulated - 1)});
  }
  report->AddFigure(BarPlot({.title = "A step, in units", .height = 300, .y = {.label = "units"}},
                            {"simulated", "measured"}, groups));
  report->AddTable(table);
}

void AddPublished(const Zoo& zoo, Report* report) {
  report->AddSection("Measured elsewhere");
  report->AddParagraph(
      "Throughputs on A100s from table 4 of the zero-bubble paper (arXiv:2401.10241). Of each "
      "model "
      "two numbers are fitted to its rows of 1F1B, ZB-1p and ZB-2p: the rate without bubbles, and "
      "W "
      "as a share of F = B. The simulation does the rest; hops are free, and 1F1B-I is given two "
      "chunks a rank.");
  std::vector<Series> series;
  for (const char* name : {"1F1B", "1F1B-I", "ZB-1p", "ZB-2p"}) {
    Series points = {.name = name, .markers = true};
    for (const Comparison& each : zoo.published) {
      if (each.row.schedule != name) continue;
      points.x.push_back(each.row.samples_per_gpu_s);
      points.y.push_back(each.predicted);
      points.labels.push_back(absl::StrFormat("%s, %d microbatches: measured %g, simulated %.2f",
                                              each.row.model, each.row.microbatches,
                                              each.row.samples_per_gpu_s, each.predicted));
    }
    series.push_back(points);
  }
  report->AddFigure(ScatterPlot({.title = "Samples a GPU a second",
                                 .x = {.label = "measured", .log = true},
                                 .y = {.label = "simulated", .log = true}},
                                series, true));
  Table table;
  table.columns = {{"model"},       {"GPUs", true},     {"microbatches", true},
                   {"schedule"},    {"measured", true}, {"simulated", true},
                   {"error", true}, {"W / F", true}};
  for (const Comparison& each : zoo.published) {
    table.rows.push_back(
        {each.row.model, Number(each.row.ranks), Number(each.row.microbatches), each.row.schedule,
         Number(each.row.samples_per_gpu_s), Cell(absl::StrFormat("%.2f", each.predicted)),
         Percent(each.predicted / each.row.samples_per_gpu_s - 1), Number(each.fit.weight_share)});
  }
  report->BeginDetails("All 48 rows");
  report->AddTable(table);
  report->EndDetails();
}

}  // namespace

Report MakeReport(const Zoo& zoo) {
  Report report("The pipeline zoo",
                "Nine orders of the same work: what idles, what is held, what the papers say");
  const Animal& one = AnimalOf(zoo, "1f1b");
  const Animal& v = AnimalOf(zoo, "zb_v");
  report.AddCard({"1F1B", absl::StrFormat("%.1f %% idle", 100 * one.run.bubble_fraction()),
                  absl::StrFormat("%g microbatches held", one.activations)});
  report.AddCard({"ZB-V", absl::StrFormat("%.1f %% idle", 100 * v.run.bubble_fraction()),
                  absl::StrFormat("%g microbatches held", v.activations)});
  AddCharts(zoo, &report);
  AddFormulas(zoo, &report);
  AddSweeps(zoo, &report);
  AddMeasured(zoo, &report);
  AddPublished(zoo, &report);
  report.AddSection("Claims");
  report.AddClaims(ClaimsOf(zoo));
  return report;
}

}  // namespace strata::courses
