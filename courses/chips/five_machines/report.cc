#include "courses/chips/five_machines/report.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "chips/cost/roofline.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

const char* SourceName(const Entry& entry) {
  switch (entry.source) {
    case chips::MEASURED:
      return "measured";
    case chips::MODELLED:
      return "modelled";
    case chips::SIMULATED:
      return "simulated";
    default:
      return "";
  }
}

// How the machine's energy is known.
std::string EnergyText(const Entry& entry) {
  if (!entry.joules.has_value()) return "no figure";
  const char* kind = entry.source == chips::SIMULATED ? " simulated" : " power x time";
  return absl::StrCat(SiNumber(*entry.joules, "J"), kind);
}

std::string BytesText(const Entry& entry) {
  const char* kind = entry.source == chips::SIMULATED ? " simulated" : " counted";
  return absl::StrCat(SiNumber(entry.bytes, "B"), kind);
}

// Against the CPU's; of bf16, the largest difference over the largest output.
std::string AgreesText(const Race& race, const Entry& entry) {
  if (entry.outputs.empty()) return "computes none";
  if (entry.machine->device == "cpu") return "the yardstick";
  if (SameBits(race.entries.front().outputs, entry.outputs)) return "same bits";
  return absl::StrFormat("within %.1g", entry.difference);
}

std::string StepsText(const Race& race, const Entry& entry) {
  if (entry.host_steps == 0) return absl::StrCat(entry.plan.steps_size());
  return absl::StrFormat("%d, %d on the host (%.1g %%)", entry.plan.steps_size(), entry.host_steps,
                         100 * entry.host_flops / race.flops);
}

Cell Sorted(std::string text, double value) {
  Cell cell(std::move(text));
  cell.sort_by = value;
  return cell;
}

void AddTable(const Race& race, Report* report) {
  Table table;
  table.columns = {{"machine"},           {"outputs"},      {"latency", true}, {"of peak", true},
                   {"main memory", true}, {"energy", true}, {"steps"}};
  for (const Entry& entry : race.entries) {
    table.rows.push_back(
        {entry.machine->name, AgreesText(race, entry),
         Sorted(absl::StrCat(SiNumber(entry.seconds, "s"), " ", SourceName(entry)), entry.seconds),
         Sorted(absl::StrFormat("%.2f %%", 100 * entry.utilisation), entry.utilisation),
         Sorted(BytesText(entry), entry.bytes),
         entry.joules.has_value() ? Sorted(EnergyText(entry), *entry.joules)
                                  : Cell(EnergyText(entry)),
         Sorted(StepsText(race, entry), entry.plan.steps_size())});
  }
  report->AddTable(table);
  report->AddParagraph(absl::StrFormat(
      "%s operations, %s of weights. **Measured**: the least of several runs on this machine, "
      "which "
      "others may share. **Simulated**: cycles at the machine's clock; steps on the host (in "
      "brackets their share of the operations) take no time there. **Modelled**: a roofline and an "
      "overhead a kernel, a lower bound. **Counted**: each step's operands once, caches left out.",
      SiNumber(race.flops, ""), SiNumber(static_cast<double>(race.weight_bytes), "B")));
}

void AddBars(const std::vector<Race>& races, const std::string& title, const Axis& axis,
             double (*value)(const Entry&), const std::string& caption, Report* report) {
  std::vector<std::string> names;
  for (const Race& race : races) names.push_back(race.model);
  std::vector<BarGroup> groups;
  for (size_t i = 0; i < races.front().entries.size(); ++i) {
    BarGroup group{races.front().entries[i].machine->name, {}};
    for (const Race& race : races) {
      const Entry& entry = race.entries[i];
      group.values.push_back(value(entry));
    }
    groups.push_back(group);
  }
  report->AddFigure(BarPlot({.title = title, .height = 300, .y = axis}, names, groups), caption);
}

void AddRoofline(const Heat& heat, Report* report) {
  std::vector<Roof> roofs;
  for (const LabMachine& machine : heat.machines) {
    const auto peak = chips::PeakFlops(machine.chip, heat.products, true);
    const auto bandwidth = chips::MainBandwidth(machine.chip);
    if (peak.ok() && bandwidth.ok()) roofs.push_back({machine.name, *peak, *bandwidth});
  }
  std::vector<RooflinePoint> points;
  for (const Race& race : heat.races) {
    for (const Entry& entry : race.entries) {
      if (entry.bytes == 0 || entry.seconds == 0) continue;
      const double flops = race.flops - entry.host_flops;
      points.push_back({absl::StrCat(entry.machine->name, ", ", SourceName(entry)),
                        flops / entry.bytes, flops / entry.seconds, race.model});
    }
  }
  report->AddFigure(
      RooflinePlot({.title = "Where each run stands under its machine's roof",
                    .height = 420,
                    .x = {.label = "operations a byte of main memory"},
                    .y = {.label = "operations a second", .unit = "OP/s"}},
                   roofs, points),
      "Roofs: peak of the products and bandwidth of each chip, the CPU's measured. A point of the "
      "CPU "
      "may lie above its slope: its bytes are counted, not those that its caches let through.");
}

void AddScatter(const std::vector<Race>& races, Report* report) {
  std::map<std::string, Series> series;
  for (const Race& race : races) {
    for (const Entry& entry : race.entries) {
      if (!entry.joules.has_value()) continue;
      Series& points = series[entry.machine->name];
      points.name = absl::StrCat(entry.machine->name, ", ", SourceName(entry));
      points.x.push_back(entry.seconds);
      points.y.push_back(*entry.joules);
      points.labels.push_back(race.model);
    }
  }
  std::vector<Series> all;
  for (auto& [name, points] : series) all.push_back(std::move(points));
  report->AddFigure(
      ScatterPlot({.title = "Latency and energy",
                   .x = {.label = "latency", .unit = "s", .log = true},
                   .y = {.label = "energy", .unit = "J", .log = true}},
                  all),
      "NPUs: each event of the run at Horowitz's energies (45 nm), nothing for clocks "
      "and leakage, so machines compare with one another, not with a product. The GPU: "
      "its whole power over the modelled time, an upper bound of a lower bound.");
}

void AddSimulation(const Entry& entry, Report* report) {
  const compiler::SimulationReport& simulation = entry.simulation;
  Table table;
  table.columns = {{"step"},          {"cycles", true}, {"multiply-adds", true},
                   {"of peak", true}, {"DRAM", true},   {"energy", true},
                   {"why there"}};
  for (const compiler::SimulatedLaunch& launch : simulation.launches) {
    double dram = 0;
    for (const compiler::SimulatedTraffic& traffic : launch.traffic) {
      if (traffic.memory != "DRAM" && traffic.memory != "GM") continue;
      dram += static_cast<double>(traffic.read_bytes + traffic.written_bytes);
    }
    const double share =
        launch.cycles > 0 ? launch.ideal_cycles / static_cast<double>(launch.cycles) : 0;
    const plan::Step& step = entry.plan.steps(launch.step);
    table.rows.push_back({step.name(),
                          Sorted(absl::StrCat(launch.cycles), static_cast<double>(launch.cycles)),
                          Sorted(absl::StrCat(launch.macs), static_cast<double>(launch.macs)),
                          Sorted(absl::StrFormat("%.1f %%", 100 * share), share), Cell(dram, "B"),
                          Cell(launch.picojoules * 1e-12, "J"), step.reason()});
  }
  report->BeginDetails(absl::StrCat(entry.machine->name, ", kernel by kernel"));
  report->AddTable(table);
  if (entry.host_steps > 0) {
    std::vector<std::string> reasons;
    for (const plan::Step& step : entry.plan.steps()) {
      if (step.has_launch()) continue;
      reasons.push_back(absl::StrCat("`", step.name(), "`: ", step.reason()));
    }
    report->AddParagraph("On the host:");
    report->AddList(reasons);
  }
  report->EndDetails();
}

void AddMachines(const Heat& heat, Report* report) {
  Table table;
  table.columns = {{"machine"},        {"what it is"},        {"runs by"},
                   {"its peak", true}, {"main memory", true}, {"energy"}};
  for (const LabMachine& machine : heat.machines) {
    const auto peak = chips::PeakFlops(machine.chip, heat.products, true);
    const auto bandwidth = chips::MainBandwidth(machine.chip);
    const char* how = machine.device == "cpu"   ? "the clock"
                      : machine.device == "npu" ? "the cycle simulator"
                                                : "the analytic model";
    const std::string energy = machine.device == "npu"     ? "each event, by a sourced table"
                               : machine.watts.has_value() ? machine.watts_source
                                                           : "no figure";
    table.rows.push_back({machine.name, machine.chip.title(), how,
                          peak.ok() ? Cell(*peak, "OP/s") : Cell("none"),
                          bandwidth.ok() ? Cell(*bandwidth, "B/s") : Cell("none"), energy});
  }
  table.caption =
      "Figures of chips/spec/catalogue, each with its source there; the CPU's measured.";
  report->AddTable(table);
}

void AddHeat(const Heat& heat, Report* report) {
  const bool int8 = heat.products == chips::I8;
  report->AddSection(int8 ? "Images in int8" : "A GPT block in bf16");
  report->AddParagraph(
      int8
          ? "The network is quantised once; each machine gets the same graph. Integers add up to "
            "the same in any order, so all machines must give the same bits."
          : "The graph is in f32; the compiler rounds the operands of products to bf16 and sums in "
            "f32, each machine in the order in which its array adds. Prefill takes a prompt of 64 "
            "tokens, decode one token behind it.");
  AddMachines(heat, report);
  AddBars(
      heat.races, "Latency", {.label = "latency", .unit = "s", .log = true},
      [](const Entry& entry) { return entry.seconds; },
      "The CPU measured, the NPUs simulated, the GPU modelled.", report);
  for (const Race& race : heat.races) {
    report->AddSubsection(race.model);
    AddTable(race, report);
    for (const Entry& entry : race.entries) {
      if (entry.source == chips::SIMULATED) AddSimulation(entry, report);
    }
  }
  report->AddSubsection("Bytes, energy, roofs");
  AddBars(
      heat.races, "Bytes to and from main memory", {.label = "bytes", .log = true},
      [](const Entry& entry) { return entry.bytes; },
      "NPUs: whole bursts, simulated. CPU and GPU: each step's operands once, counted in the plan.",
      report);
  AddScatter(heat.races, report);
  AddRoofline(heat, report);
}

}  // namespace

Report MakeReport(const std::vector<Heat>& heats) {
  Report report("Five machines",
                "One graph on a CPU, on simulated NPUs and on a GPU's model: latency, bytes, "
                "energy, and what comes out");
  for (const Heat& heat : heats) {
    for (const Race& race : heat.races) {
      for (const Entry& entry : race.entries) {
        if (entry.machine->name != "edge_16") continue;
        report.AddCard(
            {absl::StrCat(race.model, " on edge_16"), SiNumber(entry.seconds, "s"),
             absl::StrFormat("%.1f %% of its peak, %s, simulated", 100 * entry.utilisation,
                             SiNumber(entry.joules.value_or(0), "J"))});
      }
    }
  }
  const Claim same = ClaimsOf(heats.front()).front();
  report.AddCard({"int8 outputs", same.holds ? "same bits" : "different", same.evidence,
                  same.holds ? Check::kPass : Check::kFail});
  for (const Heat& heat : heats) AddHeat(heat, &report);
  report.AddSection("Claims");
  for (const Heat& heat : heats) report.AddClaims(ClaimsOf(heat));
  return report;
}

}  // namespace strata::courses
