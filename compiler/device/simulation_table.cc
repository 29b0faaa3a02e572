#include "compiler/device/simulation_table.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata::compiler {
namespace {

struct Row {
  std::string step, origin;
  int64_t cycles = 0;
  double seconds = 0, utilisation = 0;
  int64_t dram_bytes = 0;
  double predicted_seconds = 0;
};

std::string Line(const Row& row, bool predicted) {
  std::string line =
      absl::StrFormat("%-24.24s %12d %12.1f %7.1f %12.1f", row.step, row.cycles, 1e6 * row.seconds,
                      100 * row.utilisation, static_cast<double>(row.dram_bytes) / 1e3);
  if (predicted) {
    absl::StrAppendFormat(&line, " %12.1f", 1e6 * row.predicted_seconds);
    const double ratio = row.predicted_seconds > 0 ? row.seconds / row.predicted_seconds : 0;
    absl::StrAppendFormat(&line, " %7.2f", ratio);
  }
  if (!row.origin.empty()) absl::StrAppendFormat(&line, "  %.48s", row.origin);
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
  std::string text = absl::StrFormat("%-24s %12s %12s %7s %12s", "step", "cycles", "us", "MAC %",
                                     absl::StrCat(report.main_memory, " kB"));
  if (model) absl::StrAppendFormat(&text, " %12s %7s", "model us", "ratio");
  absl::StrAppend(&text, "  origin\n");
  Row sum{"in all",          "", report.Cycles(), report.Seconds(), report.Utilisation(),
          report.DramBytes()};
  for (const SimulatedLaunch& launch : report.launches) {
    const SimulationReport one{report.machine, report.main_memory, report.clock_hz, {launch}};
    Row row{plan.steps(launch.step).name(),
            plan.steps(launch.step).origin(),
            one.Cycles(),
            one.Seconds(),
            one.Utilisation(),
            one.DramBytes()};
    if (model) row.predicted_seconds = predictions[launch.step];
    sum.predicted_seconds += row.predicted_seconds;
    absl::StrAppend(&text, Line(row, model));
  }
  return absl::StrCat(text, Line(sum, model));
}

}  // namespace strata::compiler
