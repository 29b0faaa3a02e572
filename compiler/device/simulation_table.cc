#include "compiler/device/simulation_table.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata::compiler {
namespace {

struct Row {
  std::string step;
  int64_t cycles = 0;
  double seconds = 0, utilisation = 0;
  int64_t dram_bytes = 0;
  double predicted_seconds = 0;
};

std::string Line(const Row& row, bool predicted) {
  std::string line =
      absl::StrFormat("%-36.36s %12d %12.1f %7.1f %12.1f", row.step, row.cycles, 1e6 * row.seconds,
                      100 * row.utilisation, static_cast<double>(row.dram_bytes) / 1e3);
  if (predicted) {
    absl::StrAppendFormat(&line, " %12.1f", 1e6 * row.predicted_seconds);
    if (row.predicted_seconds > 0)
      absl::StrAppendFormat(&line, " %7.2f", row.seconds / row.predicted_seconds);
  }
  return absl::StrCat(line, "\n");
}

}  // namespace

std::string SimulationTable(const plan::Plan& plan, const SimulationReport& report,
                            const chips::Timeline& predicted) {
  if (report.launches.empty()) return "";
  std::map<int, double> predictions;  // by step
  for (const chips::TimelineEvent& event : predicted.events())
    predictions[event.step()] = static_cast<double>(event.duration_ns()) * 1e-9;
  const bool model = !predictions.empty();
  std::string text =
      absl::StrFormat("%-36s %12s %12s %7s %12s", "step", "cycles", "us", "MAC %", "DRAM kB");
  if (model) absl::StrAppendFormat(&text, " %12s %7s", "model us", "ratio");
  absl::StrAppend(&text, "\n");
  Row sum{"in all", report.Cycles(), report.Seconds(), report.Utilisation(), report.DramBytes()};
  for (const SimulatedLaunch& launch : report.launches) {
    const SimulationReport one{report.machine, report.clock_hz, {launch}};
    Row row{plan.steps(launch.step).name(), one.Cycles(), one.Seconds(), one.Utilisation(),
            one.DramBytes()};
    if (model) row.predicted_seconds = predictions[launch.step];
    sum.predicted_seconds += row.predicted_seconds;
    absl::StrAppend(&text, Line(row, model));
  }
  return absl::StrCat(text, Line(sum, model));
}

}  // namespace strata::compiler
