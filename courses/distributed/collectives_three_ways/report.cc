#include "courses/distributed/collectives_three_ways/report.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/svg_plot.h"
#include "courses/lab/timeline_spans.h"

namespace strata::courses {
namespace {

std::string Bytes(int64_t bytes) { return SiNumber(static_cast<double>(bytes), "B"); }

std::string Title(const Race& race) {
  return absl::StrCat(distributed::VerbName(race.verb), ", ", race.ranks[0], " ranks");
}

double X(const Race& race, size_t at, bool over_ranks) {
  return over_ranks ? race.ranks[at] : static_cast<double>(race.bytes[at]);
}

// Times of all lines, by one way.
std::string Times(const Race& race, const std::string& title, Way way, bool over_ranks = false) {
  std::vector<Series> all;
  for (const Line& line : race.lines) {
    Series series = {.name = line.name(), .markers = true};
    for (size_t at = 0; at < race.places(); ++at) {
      const double seconds = (line.*way)[at];
      if (std::isnan(seconds)) continue;
      series.x.push_back(X(race, at, over_ranks));
      series.y.push_back(seconds);
      series.labels.push_back(absl::StrCat(line.name(), ", ", race.ranks[at], " ranks, ",
                                           Bytes(race.bytes[at]), ": ", SiNumber(seconds, "s")));
    }
    if (!series.x.empty()) all.push_back(series);
  }
  Axis x = {.label = "bytes of the whole buffer", .log = true};
  if (over_ranks) x = {.label = "ranks"};
  return LinePlot({.title = title, .x = x, .y = {.label = "time", .unit = "s", .log = true}}, all);
}

// One way against another, a point a call.
std::string Against(const std::vector<const Race*>& races, const PlotOptions& options, Way x, Way y,
                    bool by_verb) {
  std::map<std::string, Series> by_name;
  for (const Race* race : races) {
    for (const Line& line : race->lines) {
      const std::string name =
          by_verb ? std::string(distributed::VerbName(race->verb)) : line.name();
      Series& series = by_name[name];
      series.name = name;
      for (size_t at = 0; at < race->places(); ++at) {
        if (std::isnan((line.*x)[at]) || std::isnan((line.*y)[at])) continue;
        series.x.push_back((line.*x)[at]);
        series.y.push_back((line.*y)[at]);
        series.labels.push_back(
            absl::StrCat(distributed::VerbName(race->verb), " by ", line.name(), ", ",
                         race->ranks[at], " ranks, ", Bytes(race->bytes[at]), ": ",
                         SiNumber((line.*x)[at], "s"), ", ", SiNumber((line.*y)[at], "s")));
      }
    }
  }
  std::vector<Series> all;
  for (auto& [name, series] : by_name) {
    if (!series.x.empty()) all.push_back(std::move(series));
  }
  return ScatterPlot(options, all, /*diagonal=*/true);
}

std::string ShortName(const Race& race, size_t at, Way way) {
  const Line* line = Winner(race, at, way);
  static const auto* names = new std::map<std::string, std::string>{
      {"recursive_doubling", "doubling"}, {"halving_doubling", "halving"},
      {"double_tree", "two trees"},       {"hierarchical", "levels"},
      {"torus_2d", "torus 2d"},           {"torus_3d", "torus 3d"}};
  const auto found = names->find(line->name());
  return found == names->end() ? line->name() : found->second;
}

// The winner by simulation; where the formula's is another, that one behind it.
Table Regions(const std::vector<Race>& races, const std::string& caption) {
  Table table = {.columns = {{"ranks"}}, .caption = caption, .sortable = false};
  for (int64_t bytes : races[0].bytes) table.columns.push_back({Bytes(bytes)});
  for (const Race& race : races) {
    std::vector<Cell> row = {absl::StrCat(race.ranks[0])};
    for (size_t at = 0; at < race.places(); ++at) {
      const std::string simulated = ShortName(race, at, &Line::simulated);
      const std::string model = ShortName(race, at, &Line::model);
      row.push_back(simulated == model ? simulated : absl::StrCat(simulated, " (", model, ")"));
    }
    table.rows.push_back(row);
  }
  return table;
}

Table CrossoverTable(const std::vector<Race>& races) {
  Table table = {
      .columns = {{"collective"},
                  {"below it", false, true},
                  {"above it", false, true},
                  {"by the formula", true},
                  {"by simulation", true}},
      .caption = "Pairs of which each is at least a tenth faster at one end of the sizes."};
  for (const Race& race : races) {
    for (const Crossover& each : CrossoversOf(race)) {
      table.rows.push_back(
          {Title(race), each.small, each.large, Cell(each.model, "B"), Cell(each.simulated, "B")});
    }
  }
  return table;
}

void AddMeasured(const Study& study, Report* report) {
  if (!study.measured.has_value()) return;
  const Measurement& measured = *study.measured;
  const int ranks = measured.races[0].ranks[0];
  report->AddSection("Threads of this machine: the clock");
  report->AddParagraph(absl::StrFormat(
      "%d ranks that are threads, the least of fifteen runs of each call. A link was fitted to "
      "them "
      "before: alpha %s, beta %s a byte (%s/s), gamma %s a byte. **Nothing here is checked**: "
      "other "
      "work on the machine shows.",
      ranks, SiNumber(measured.link.alpha_seconds, "s"),
      SiNumber(measured.link.beta_seconds_per_byte, "s"),
      SiNumber(1 / measured.link.beta_seconds_per_byte, "B"),
      SiNumber(measured.link.gamma_seconds_per_byte, "s")));
  std::vector<const Race*> races;
  for (const Race& race : measured.races) {
    races.push_back(&race);
    report->AddFigure(Times(race, Title(race) + ", measured", &Line::measured));
  }
  report->AddFigure(
      Against(races,
              {.title = "Measured and predicted",
               .height = 460,
               .x = {.label = "formula with the fitted link", .unit = "s", .log = true},
               .y = {.label = "measured", .unit = "s", .log = true}},
              &Line::model, &Line::measured, /*by_verb=*/false),
      "The band is a factor of two. A link between threads is a cache, so beta grows with what "
      "does "
      "not fit; and on a busy machine a rank waits for its core, not for its data.");
}

void AddFlat(const Study& study, Report* report) {
  report->AddSection("Links that are all alike: formula and simulation");
  report->AddParagraph(absl::StrCat(
      "The cluster `", study.question.flat,
      "`: every two ranks are joined by the same link. The simulation runs each algorithm message "
      "by "
      "message; the formula knows only how many messages and bytes follow one another."));
  for (const Race& race : study.flat)
    report->AddFigure(Times(race, Title(race) + ", simulated", &Line::simulated));
  std::vector<const Race*> races;
  for (const Race& race : study.flat) races.push_back(&race);
  for (const Race& race : study.region) races.push_back(&race);
  report->AddFigure(Against(races,
                            {.title = "Formula and simulation",
                             .height = 460,
                             .x = {.label = "formula", .unit = "s", .log = true},
                             .y = {.label = "simulated", .unit = "s", .log = true}},
                            &Line::model, &Line::simulated, /*by_verb=*/true),
                    "All lie on the line: the formulas leave out remainders, and trees need not "
                    "wait for a clock.");
  report->AddSubsection("Where they change places");
  report->AddTable(CrossoverTable(study.flat));
}

void AddRanks(const Study& study, Report* report) {
  report->AddSubsection("More ranks");
  for (const Race& race : study.by_ranks) {
    report->AddFigure(Times(race,
                            absl::StrCat("all_reduce of ", Bytes(race.bytes[0]), ", simulated"),
                            &Line::simulated, /*over_ranks=*/true));
  }
  report->AddParagraph(
      "Little data: the ring's time grows with the ranks, that of doubling with their logarithm, "
      "and a "
      "step more where they are no power of two. Much data: the ring hardly grows, and halving "
      "pays for "
      "ranks beyond a power of two with all of the data.");
  report->AddSubsection("Who wins where");
  report->AddTable(Regions(study.region,
                           "All-reduce: the fastest by simulation, behind it in brackets the "
                           "formula's choice where it is "
                           "another. doubling: `recursive_doubling`, halving: `halving_doubling`, "
                           "two trees: `double_tree`, "
                           "levels: `hierarchical`."));
}

// Coloured by the level that a message goes over.
std::vector<TimelineSpan> SpansByLink(const chips::Timeline& timeline) {
  std::vector<TimelineSpan> spans = SpansOf(timeline);
  for (size_t k = 0; k < spans.size(); ++k)
    spans[k].category = timeline.events(static_cast<int>(k)).reason();
  return spans;
}

void AddNodes(const Study& study, Report* report) {
  report->AddSection("Nodes: what one link cannot say");
  report->AddParagraph(
      absl::StrCat("The cluster `", study.question.nodes,
                   "`: fast links inside a node, slow ones between nodes. The formulas have one "
                   "link and are given the "
                   "slowest; the simulation knows which link each message takes."));
  for (const Race& race : study.nodes)
    report->AddFigure(Times(race, Title(race) + ", simulated", &Line::simulated));
  Table table = {.columns = {{"collective"},
                             {"size", true},
                             {"best", false, true},
                             {"takes", true},
                             {"formula's pick", false, true},
                             {"takes", true},
                             {"times the best", true}}};
  for (const Race& race : study.nodes) {
    for (size_t at = 0; at < race.places(); ++at) {
      const Line& best = *Winner(race, at, &Line::simulated);
      const Line& pick = *Winner(race, at, &Line::model);
      const double ratio = pick.simulated[at] / best.simulated[at];
      Cell times(absl::StrFormat("%.2f", ratio));
      times.sort_by = ratio;
      table.rows.push_back({Title(race), Cell(static_cast<double>(race.bytes[at]), "B"),
                            best.name(), Cell(best.simulated[at], "s"), pick.name(),
                            Cell(pick.simulated[at], "s"), times});
    }
  }
  report->AddTable(table);
  report->AddSubsection("Two all-reduces, message by message");
  for (const chips::Timeline& timeline : study.timelines)
    report->AddFigure(TimelinePlot({.title = timeline.name()}, SpansByLink(timeline)));
  report->AddParagraph(
      "Above, 1 MiB around the ring: all wait for the two links that leave a node, in every step. "
      "Below, in "
      "levels: short steps inside the nodes, and between them only an eighth of the data for each "
      "rank.");
}

void AddBits(const Study& study, Report* report) {
  report->AddSection("The same bits");
  Table table = {.columns = {{"collective"},
                             {"algorithm", false, true},
                             {"ranks", true},
                             {"moved, or whole numbers"},
                             {"fractions, all ranks and two runs"},
                             {"fractions, against the reference"}}};
  for (const BitCheck& check : study.bits) {
    table.rows.push_back({distributed::VerbName(check.algorithm->verb), check.algorithm->name,
                          Cell(check.ranks), check.equals_reference ? "equal" : "DIFFER",
                          check.same_on_all_ranks && check.same_again ? "equal" : "DIFFER",
                          check.rounds_differently ? "another order of adding" : "equal"});
  }
  report->BeginDetails("Every algorithm against the reference");
  report->AddTable(table);
  report->EndDetails();
}

}  // namespace

Report MakeReport(const Study& study) {
  Report report("Collectives three ways",
                "The same algorithms by the clock, by the alpha-beta-gamma model, and simulated");
  const Agreement agreement = [&] {
    std::vector<const Race*> races;
    for (const Race& race : study.flat) races.push_back(&race);
    return AgreementOf(races, false);
  }();
  report.AddCard({"simulation against formula",
                  absl::StrFormat("%.2f to %.2f", agreement.least, agreement.greatest),
                  absl::StrFormat("of %d calls on equal links", agreement.points)});
  const Race& nodes = study.nodes[0];
  const size_t last = nodes.places() - 1;
  const Line& best = *Winner(nodes, last, &Line::simulated);
  report.AddCard({absl::StrCat("all_reduce of ", Bytes(nodes.bytes[last]), " between nodes"),
                  SiNumber(best.simulated[last], "s"),
                  absl::StrCat(best.name(), "; ",
                               SiNumber(Winner(nodes, last, &Line::model)->simulated[last], "s"),
                               " by the pick of a formula with one link")});
  report.AddSection("Claims");
  report.AddClaims(ClaimsOf(study));
  AddMeasured(study, &report);
  AddFlat(study, &report);
  AddRanks(study, &report);
  AddNodes(study, &report);
  AddBits(study, &report);
  return report;
}

}  // namespace strata::courses
