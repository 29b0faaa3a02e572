#include "compiler/plan/explain.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "compiler/plan/memory_use.h"

namespace strata::plan {
namespace {

const char* KindOf(const Step& step) {
  switch (step.step_case()) {
    case Step::kLaunch:
      return "launch";
    case Step::kLibraryCall:
      return "library";
    case Step::kHostCall:
      return "host";
    case Step::kCopy:
      return "copy";
    case Step::kCollective:
      return "collective";
    case Step::STEP_NOT_SET:
      break;
  }
  return "unset";
}

std::string Cut(const std::string& text, size_t width) {
  return text.size() <= width ? text : absl::StrCat(text.substr(0, width - 3), "...");
}

std::string Row(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    absl::StrAppend(&line, i > 0 ? "  " : "", cells[i]);
    if (i + 1 < cells.size()) line.append(widths[i] - std::min(widths[i], cells[i].size()), ' ');
  }
  return absl::StrCat(line, "\n");
}

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) text += Row(row, widths);
  return text;
}

std::string Totals(const Plan& plan) {
  std::map<std::string, int> kinds;
  double flops = 0, bytes = 0;
  int64_t scheduled = 0;
  for (const Kernel& kernel : plan.kernels()) scheduled += !kernel.schedule().empty();
  for (const Step& step : plan.steps()) {
    ++kinds[KindOf(step)];
    flops += step.flops();
    bytes += step.bytes_read() + step.bytes_written();
  }
  return absl::StrCat(plan.steps_size(), " steps (",
                      absl::StrJoin(kinds, ", ",
                                    [](std::string* out, const auto& kind) {
                                      absl::StrAppend(out, kind.second, " ", kind.first);
                                    }),
                      "), ", plan.kernels_size(), " distinct kernels",
                      scheduled > 0 ? absl::StrCat(" (", scheduled, " with their schedule)") : "",
                      ", ", HumanNumber(flops, "FLOP"), ", ", HumanNumber(bytes, "B"), " moved\n",
                      MemoryUseOf(plan).ToString(), "\n");
}

}  // namespace

std::string HumanNumber(double value, const std::string& unit) {
  static const char* kPrefixes[] = {"", "k", "M", "G", "T", "P", "E"};
  size_t prefix = 0;
  while (value >= 999.5 && prefix + 1 < std::size(kPrefixes)) {
    value /= 1000;
    ++prefix;
  }
  return absl::StrFormat("%.3g %s%s", value, kPrefixes[prefix], unit);
}

std::string KernelName(const Plan& plan, const Step& step) {
  switch (step.step_case()) {
    case Step::kLaunch:
      return plan.kernels(static_cast<int>(step.launch().kernel())).entry();
    case Step::kLibraryCall:
      return step.library_call().routine();
    case Step::kHostCall:
      return step.host_call().node().op();
    case Step::kCollective:
      return step.collective().kind();
    default:
      return KindOf(step);
  }
}

std::string DescribeStep(const Plan& plan, const Step& step) {
  const std::string kind = KindOf(step), kernel = KernelName(plan, step);
  return kernel == kind ? kind : absl::StrCat(kind, " ", kernel);
}

std::string ExplainPlan(const Plan& plan) {
  std::vector<std::vector<std::string>> rows = {
      {"step", "name", "kernel", "flops", "bytes", "origin", "why"}};
  for (int i = 0; i < plan.steps_size(); ++i) {
    const Step& step = plan.steps(i);
    rows.push_back({absl::StrCat(i), Cut(step.name(), 32), DescribeStep(plan, step),
                    HumanNumber(step.flops(), ""),
                    HumanNumber(step.bytes_read() + step.bytes_written(), "B"),
                    Cut(step.origin(), 56), step.reason()});
  }
  const Target& target = plan.target();
  return absl::StrCat("plan '", plan.name(), "' for ", target.device(),
                      target.isa().empty() ? "" : "/", target.isa(),
                      target.chip().empty() ? "" : absl::StrCat(", chip ", target.chip()), "\n",
                      Table(rows), Totals(plan));
}

}  // namespace strata::plan
