#include "courses/chips/systolic_array/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

using chips::systolic::ArrayShape;
using chips::systolic::Dataflow;
using chips::systolic::HonestReport;

constexpr const char* kNames[] = {"ws: weights rest", "os: outputs rest", "is: inputs rest"};
constexpr const char* kShort[] = {"ws", "os", "is"};

Cell Count(int64_t value) {
  Cell cell(absl::StrCat(value));
  cell.sort_by = static_cast<double>(value);
  return cell;
}

// Fits under a group of bars.
std::string BarName(const LayerStudy& layer) {
  return absl::StrReplaceAll(layer.name, {{"conv", "c"}, {"classifier", "fc"}});
}

void AddAnimation(const std::vector<GridTrace>& traces, Report* report) {
  report->AddSection("A small array at work");
  report->AddParagraph(
      "The same product twice. With **weights at rest** each cell keeps one element of B; rows of "
      "A march to the right, row r of the array r cycles late, and partial sums fall from cell to "
      "cell until they leave at the foot. With **outputs at rest** A marches right, B falls, and "
      "each cell adds up one element of C. A shaded cell multiplies in this cycle. Every number is "
      "read from the registers of a grid of processing elements that runs cycle by cycle.");
  std::vector<std::string> svgs;
  for (const GridTrace& trace : traces) {
    svgs.push_back(AnimationSvg(trace, absl::StrCat("sa-", DataflowName(trace.dataflow))));
  }
  report->AddFigure(Animated(svgs),
                    "Boxes: A blue, B green, sums orange; pale ones wait outside. Plain counting "
                    "loads the weights first, so that the same work takes longer.");
  for (const GridTrace& trace : traces) {
    const std::string id = absl::StrCat("sa-", DataflowName(trace.dataflow));
    report->BeginDetails(
        absl::StrCat(kNames[trace.dataflow == Dataflow::kOutputStationary], ", cycle by cycle"));
    report->AddList(DescribeFrames(trace));
    report->AddFigure(FilmStrip(trace, id));
    report->EndDetails();
  }
}

void AddForms(const Study& study, Report* report) {
  report->AddSection("How cycles are counted");
  Table forms;
  forms.columns = {{"dataflow"},
                   {"rows hold", false, true},
                   {"columns hold", false, true},
                   {"time T", false, true},
                   {"plain: a fold", false, true},
                   {"honest: a fold", false, true}};
  forms.rows = {{"weight stationary", "K", "N", "M", "2R + C + T - 2", "max(T, R)"},
                {"input stationary", "K", "M", "N", "2R + C + T - 2", "max(T, R)"},
                {"output stationary", "M", "N", "K", "R + C + T - 2", "max(T, R)"}};
  forms.caption =
      "An array of R x C cells, C [M, N] = A [M, K] B [K, N]; a fold is what fits at once.";
  forms.sortable = false;
  report->AddTable(forms);
  report->AddParagraph(
      "**Plain** is SCALE-Sim's counting: folds run one after another and nothing of two folds "
      "overlaps. **Honest** is the same array built as arrays are built: a second register takes "
      "in "
      "the next operands while these work, sums drain behind the next fold's, and the next fold "
      "enters as soon as the first cell is free.");
  report->BeginDetails("The closed forms beside the grids of processing elements, run");
  Table grid;
  grid.columns = {{"M", true},    {"N", true},    {"K", true},    {"array"},
                  {"flow"},       {"grid", true}, {"form", true}, {"overlapped", true},
                  {"form", true}, {"product"}};
  for (const GridPoint& point : study.grid) {
    grid.rows.push_back(
        {Count(point.gemm.m), Count(point.gemm.n), Count(point.gemm.k),
         absl::StrCat(point.array.rows, " x ", point.array.columns), DataflowName(point.dataflow),
         Count(point.grid_cycles), Count(point.formula_cycles), Count(point.overlapped_cycles),
         Count(point.honest_formula_cycles), point.products_right ? "right" : "WRONG"});
  }
  grid.caption = "Cycles counted register by register, and what the closed form says.";
  report->AddTable(grid);
  report->EndDetails();
}

void AddNetwork(const NetworkStudy& network, Report* report) {
  report->AddSubsection(network.name);
  for (const bool honest : {false, true}) {
    std::vector<BarGroup> groups;
    for (const LayerStudy& layer : network.layers) {
      BarGroup group{BarName(layer), {}};
      for (size_t d = 0; d < kDataflows.size(); ++d) {
        const int64_t cycles = honest ? layer.honest[d].cycles : layer.plain[d].cycles;
        group.values.push_back(100 * Utilization(layer.gemm.Macs(), cycles, network.array));
      }
      groups.push_back(group);
    }
    report->AddFigure(BarPlot({.title = absl::StrCat("Utilisation, ", honest ? "honest" : "plain"),
                               .height = 300,
                               .y = {.label = "of 1024 cells", .unit = "%"}},
                              {kNames[0], kNames[1], kNames[2]}, groups));
  }
  Table table;
  table.columns = {{"layer"}, {"M", true}, {"N", true}, {"K", true}};
  for (const char* mode : {"plain", "honest"}) {
    for (const char* flow : kShort) table.columns.push_back({absl::StrCat(flow, " ", mode), true});
  }
  for (const LayerStudy& layer : network.layers) {
    std::vector<Cell> row = {layer.name, Count(layer.gemm.m), Count(layer.gemm.n),
                             Count(layer.gemm.k)};
    for (const auto& plain : layer.plain) row.push_back(Count(plain.cycles));
    for (const auto& honest : layer.honest) row.push_back(Count(honest.cycles));
    table.rows.push_back(row);
  }
  table.caption = absl::StrCat("Cycles on ", network.array.rows, " x ", network.array.columns, ".");
  report->AddTable(table);
}

void AddHonest(const NetworkStudy& network, Report* report) {
  report->AddSection("What honest counting changes, and why");
  report->AddParagraph(
      "Nothing is counted away: the overlapped grid runs these cycles. What is saved, in order of "
      "the steps, over the layers of ResNet-50 on 32 x 32:");
  Table table;
  table.columns = {{"step"}, {"why"}, {"ws", true}, {"os", true}, {"is", true}};
  const auto row = [&](const char* step, const char* why, auto value) {
    std::vector<Cell> cells = {step, why};
    for (size_t d = 0; d < kDataflows.size(); ++d) {
      int64_t sum = 0;
      for (const LayerStudy& layer : network.layers) sum += value(layer.honest[d]);
      cells.push_back(Count(sum));
    }
    table.rows.push_back(cells);
  };
  row("plain", "folds one after another", [](const HonestReport& h) { return h.scale_sim_cycles; });
  row("weights double-buffered",
      "a second register a cell takes the next operands in while these work",
      [](const HonestReport& h) { return -h.saved_double_buffered; });
  row("drain overlapped", "the last sums fall behind the next fold's first",
      [](const HonestReport& h) { return -h.saved_drain_overlapped; });
  row("folds overlapped", "column 0 begins the next fold while the last columns end this one",
      [](const HonestReport& h) { return -h.saved_folds_overlapped; });
  row("outputs' way out", "os: sums leave through the foot of their column, R cycles",
      [](const HonestReport& h) { return h.added_output_drain; });
  row("vector stage", "bias and activation on the way out",
      [](const HonestReport& h) { return h.added_vector_stage; });
  row("honest", "", [](const HonestReport& h) { return h.cycles; });
  table.caption = "Cycles; rows add up.";
  table.sortable = false;
  report->AddTable(table);
}

void AddSweep(const std::vector<SweepPoint>& points, const std::string& title,
              const std::string& label, const std::string& caption, Report* report) {
  std::vector<Series> series;
  for (const bool honest : {false, true}) {
    for (size_t d = 0; d < kDataflows.size(); ++d) {
      Series line{.name = absl::StrCat(kShort[d], honest ? " honest" : " plain"),
                  .dashed = !honest};
      for (const SweepPoint& point : points) {
        line.x.push_back(static_cast<double>(point.size));
        line.y.push_back(100 * (honest ? point.honest[d] : point.plain[d]));
      }
      series.push_back(line);
    }
  }
  Series bound{.name = "size / R"};
  for (const SweepPoint& point : points) {
    bound.x.push_back(static_cast<double>(point.size));
    bound.y.push_back(std::min(100.0, 100.0 * static_cast<double>(point.size) / kSweepSide));
  }
  series.push_back(bound);
  report->AddFigure(LinePlot({.title = title,
                              .x = {.label = label, .log = true},
                              .y = {.label = "utilisation", .unit = "%"}},
                             series),
                    caption);
}

void AddShapes(const Study& study, Report* report) {
  report->AddSection("Short sums, short streams");
  AddSweep(study.by_k, "Utilisation by K", "K",
           "M = 1024, N = 128 on 128 x 128. Below K = R every dataflow loses in proportion.",
           report);
  AddSweep(study.by_m, "Utilisation by M", "M",
           "K = 768, N = 768 on 128 x 128. M is a batch: decode stands at the left end.", report);
  report->AddSection("Large, wide and tall");
  std::vector<Series> sides;
  for (size_t n = 0; n < study.by_side.size(); ++n) {
    for (const bool honest : {false, true}) {
      Series line{.name = absl::StrCat(study.networks[n].name, honest ? ", honest" : ", plain"),
                  .markers = true,
                  .dashed = !honest};
      for (const NetworkStudy& point : study.by_side[n]) {
        line.x.push_back(static_cast<double>(point.array.rows));
        line.y.push_back(100 * point.Utilization(0, honest));
      }
      sides.push_back(line);
    }
  }
  report->AddFigure(LinePlot({.title = "Utilisation by the array's side, weights at rest",
                              .x = {.label = "rows = columns", .log = true},
                              .y = {.label = "utilisation", .unit = "%"}},
                             sides));
  for (const bool honest : {false, true}) {
    std::vector<BarGroup> groups;
    for (size_t form = 0; form < study.by_form[0].size(); ++form) {
      const ArrayShape& array = study.by_form[0][form].array;
      BarGroup group{absl::StrCat(array.rows, " x ", array.columns), {}};
      for (const auto& forms : study.by_form) {
        int64_t best = forms[0].Cycles(0, honest);
        for (const NetworkStudy& other : forms) best = std::min(best, other.Cycles(0, honest));
        group.values.push_back(static_cast<double>(forms[form].Cycles(0, honest)) /
                               static_cast<double>(best));
      }
      groups.push_back(group);
    }
    report->AddFigure(
        BarPlot({.title = absl::StrCat("4096 cells in another form, weights at rest, ",
                                       honest ? "honest" : "plain"),
                 .y = {.label = "cycles over the best form's", .log = true}},
                {"ResNet-50", "prefill", "decode"}, groups),
        "Rows x columns, from wide to tall.");
  }
}

void AddTraffic(const Study& study, Report* report) {
  report->AddSection("Traffic");
  std::vector<BarGroup> groups;
  const NetworkStudy& network = study.mapped[kResNet50];
  Table table;
  table.columns = {{"layer"}};
  for (const char* flow : kShort) {
    for (const char* what : {"A read", "B read", "C written"}) {
      table.columns.push_back({absl::StrCat(flow, ": ", what), true});
    }
  }
  for (const LayerStudy& layer : network.layers) {
    BarGroup group{BarName(layer), {}};
    std::vector<Cell> row = {layer.name};
    for (const auto& plain : layer.plain) {
      const int64_t words = plain.ifmap_reads + plain.filter_reads + plain.ofmap_writes;
      group.values.push_back(static_cast<double>(words) / static_cast<double>(plain.macs));
      for (const int64_t count : {plain.ifmap_reads, plain.filter_reads, plain.ofmap_writes}) {
        row.push_back(Count(count));
      }
    }
    groups.push_back(group);
    table.rows.push_back(row);
  }
  report->AddFigure(
      BarPlot({.title = "Words between scratchpad and array, a multiply-add",
               .height = 300,
               .y = {.label = "words a MAC", .log = true}},
              {kNames[0], kNames[1], kNames[2]}, groups),
      "ResNet-50 on 32 x 32. Sums of several row folds are counted each time they are "
      "written; a cell alone would move three words a MAC.");
  report->BeginDetails("Words, by operand");
  report->AddTable(table);
  report->EndDetails();
  Table dram;
  dram.columns = {{"DRAM words a cycle", true}};
  for (const char* flow : kShort) {
    for (const char* what : {"cycles", "stalls", "DRAM words"}) {
      dram.columns.push_back({absl::StrCat(flow, ": ", what), true});
    }
  }
  for (const DramPoint& point : study.dram) {
    std::vector<Cell> row = {Count(point.bandwidth)};
    for (size_t d = 0; d < kDataflows.size(); ++d) {
      row.push_back(Count(point.cycles[d]));
      row.push_back(Count(point.stalls[d]));
      row.push_back(Count(point.words[d]));
    }
    dram.rows.push_back(row);
  }
  dram.caption = absl::StrCat(
      study.dram_layer,
      " with scratchpads of 64 KiB an operand, as SCALE-Sim simulates them: neither operand fits, "
      "so the order in which a dataflow asks for words decides how often each comes from DRAM.");
  report->AddTable(dram);
}

}  // namespace

Report MakeReport(const Study& study, const std::vector<GridTrace>& traces) {
  Report report("Systolic arrays",
                "Cycles, utilisation and traffic of three dataflows, by the shape of the array and "
                "of the layer");
  const NetworkStudy& resnet = study.mapped[kResNet50];
  const NetworkStudy& decode = study.mapped[kDecode];
  const auto percent = [](double share) { return absl::StrFormat("%.1f %%", 100 * share); };
  report.AddCard({"ResNet-50 on 32 x 32, ws", percent(resnet.Utilization(0, true)),
                  absl::StrCat("plain counting: ", percent(resnet.Utilization(0, false)))});
  report.AddCard({"GPT-2 decode on 32 x 32, ws", percent(decode.Utilization(0, true)),
                  absl::StrCat("plain counting: ", percent(decode.Utilization(0, false)))});
  report.AddCard({"grids run", absl::StrCat(study.grid.size()), "register by register"});
  AddAnimation(traces, &report);
  AddForms(study, &report);
  report.AddSection("Layers on 32 x 32");
  for (const NetworkStudy& network : study.mapped) AddNetwork(network, &report);
  AddHonest(resnet, &report);
  AddShapes(study, &report);
  AddTraffic(study, &report);
  report.AddSection("Claims");
  report.AddClaims(ClaimsOf(study));
  report.AddSection("Sources");
  report.AddList({"Kung, Why Systolic Architectures?, IEEE Computer 15(1), 1982: the array.",
                  "Samajdar et al., A systematic methodology for characterizing scalability of DNN "
                  "accelerators using SCALE-Sim, ISPASS 2020: plain counting.",
                  "He et al., arXiv:1512.03385, table 1: ResNet-50's layers; Radford et al., 2019: "
                  "GPT-2's."});
  return report;
}

}  // namespace strata::courses
