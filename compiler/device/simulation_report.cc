#include "compiler/device/simulation_report.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "compiler/plan/explain.h"

namespace strata::compiler {
namespace {

// Names of the memories that moved anything, in the order of first use.
std::vector<std::string> Memories(const SimulationReport& report) {
  std::vector<std::string> names;
  for (const SimulatedLaunch& launch : report.launches) {
    for (const SimulatedTraffic& traffic : launch.traffic) {
      if (std::find(names.begin(), names.end(), traffic.memory) == names.end())
        names.push_back(traffic.memory);
    }
  }
  return names;
}

// Cycles by unit and cause, most first; without those in which a queue was empty.
std::vector<std::pair<std::string, int64_t>> Stalls(const SimulationReport& report) {
  std::map<std::string, int64_t> sums;
  for (const SimulatedLaunch& launch : report.launches) {
    for (const SimulatedStall& stall : launch.stalls) {
      if (stall.cause == "dispatch") continue;  // it had nothing to do yet
      sums[absl::StrCat(stall.unit, " for ", stall.cause)] += stall.cycles;
    }
  }
  std::vector<std::pair<std::string, int64_t>> sorted(sums.begin(), sums.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

bool IsHostStep(const plan::Step& step) { return !step.has_launch(); }

// What the host does for one reason.
struct HostSteps {
  std::string reason;
  int steps = 0;
  std::vector<std::string> ops;  // each once
};

// In order of appearance.
std::vector<HostSteps> HostStepsOf(const plan::Plan& plan) {
  std::vector<HostSteps> groups;
  for (const plan::Step& step : plan.steps()) {
    if (!IsHostStep(step)) continue;
    absl::string_view reason = step.reason();
    absl::ConsumePrefix(&reason, "on the host: ");
    auto it = std::find_if(groups.begin(), groups.end(),
                           [&](const HostSteps& group) { return group.reason == reason; });
    if (it == groups.end()) it = groups.insert(it, {std::string(reason), 0, {}});
    ++it->steps;
    const std::string op = plan::KernelName(plan, step);
    if (std::find(it->ops.begin(), it->ops.end(), op) == it->ops.end()) it->ops.push_back(op);
  }
  return groups;
}

}  // namespace

int64_t SimulationReport::Cycles() const {
  int64_t sum = 0;
  for (const SimulatedLaunch& launch : launches) sum += launch.cycles;
  return sum;
}

int64_t SimulationReport::Macs() const {
  int64_t sum = 0;
  for (const SimulatedLaunch& launch : launches) sum += launch.macs;
  return sum;
}

double SimulationReport::Seconds() const {
  return clock_hz > 0 ? static_cast<double>(Cycles()) / clock_hz : 0;
}

double SimulationReport::Utilisation() const {
  double ideal = 0;
  for (const SimulatedLaunch& launch : launches) ideal += launch.ideal_cycles;
  return Cycles() > 0 ? ideal / static_cast<double>(Cycles()) : 0;
}

double SimulationReport::Picojoules() const {
  double sum = 0;
  for (const SimulatedLaunch& launch : launches) sum += launch.picojoules;
  return sum;
}

int64_t SimulationReport::Bytes(absl::string_view memory) const {
  int64_t sum = 0;
  for (const SimulatedLaunch& launch : launches) {
    for (const SimulatedTraffic& traffic : launch.traffic) {
      if (traffic.memory == memory) sum += traffic.read_bytes + traffic.written_bytes;
    }
  }
  return sum;
}

int64_t SimulationReport::DramBytes() const { return Bytes("DRAM") + Bytes("GM"); }

std::string SimulationSummary(const plan::Plan& plan, const SimulationReport& report) {
  constexpr size_t kStallsShown = 3;
  std::string text;
  if (report.launches.empty()) {
    text = "simulated: nothing ran on the machine\n";
  } else {
    absl::StrAppendFormat(&text, "simulated on %s: %d launches, %d cycles, %.6g ms at %.6g MHz\n",
                          report.machine, report.launches.size(), report.Cycles(),
                          1e3 * report.Seconds(), report.clock_hz / 1e6);
    absl::StrAppendFormat(&text, "  %s of multiply-adds, %.1f %% of the peak\n",
                          plan::HumanNumber(static_cast<double>(report.Macs()), "MAC"),
                          100 * report.Utilisation());
    std::vector<std::string> bytes;
    for (const std::string& memory : Memories(report)) {
      bytes.push_back(absl::StrCat(
          memory, " ", plan::HumanNumber(static_cast<double>(report.Bytes(memory)), "B")));
    }
    absl::StrAppend(&text, "  moved: ", absl::StrJoin(bytes, ", "), "\n");
    absl::StrAppendFormat(&text, "  energy: %.4g uJ\n", report.Picojoules() * 1e-6);
    std::vector<std::string> stalls;
    for (const auto& [name, cycles] : Stalls(report)) {
      if (stalls.size() < kStallsShown) stalls.push_back(absl::StrCat(name, " ", cycles));
    }
    if (!stalls.empty())
      absl::StrAppend(&text, "  most cycles waited: ", absl::StrJoin(stalls, ", "), "\n");
  }
  for (const HostSteps& host : HostStepsOf(plan)) {
    absl::StrAppend(&text, "on the host: ", host.steps, host.steps == 1 ? " step (" : " steps (",
                    absl::StrJoin(host.ops, ", "), "): ", host.reason, "\n");
  }
  return text;
}

std::string SimulationJson(const plan::Plan& plan, const SimulationReport& report) {
  std::vector<std::string> bytes, stalls;
  for (const std::string& memory : Memories(report))
    bytes.push_back(absl::StrFormat("\"%s\": %d", memory, report.Bytes(memory)));
  for (const auto& [name, cycles] : Stalls(report))
    stalls.push_back(absl::StrFormat("\"%s\": %d", name, cycles));
  const auto host = std::count_if(plan.steps().begin(), plan.steps().end(), IsHostStep);
  return absl::StrFormat(
      "{\"machine\": \"%s\", \"launches\": %d, \"host_steps\": %d, \"cycles\": %d, \"seconds\": "
      "%.9g, \"macs\": %d, \"utilisation\": %.6g, \"energy_picojoules\": %.9g, \"bytes\": {%s}, "
      "\"stalls\": {%s}}\n",
      report.machine, report.launches.size(), host, report.Cycles(), report.Seconds(),
      report.Macs(), report.Utilisation(), report.Picojoules(), absl::StrJoin(bytes, ", "),
      absl::StrJoin(stalls, ", "));
}

}  // namespace strata::compiler
