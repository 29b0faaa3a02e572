#include "chips/spec/describe.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "chips/numerics/dtype.h"

namespace strata::chips {
namespace {

using Row = std::vector<std::string>;

// Three significant digits with the decimal prefix that fits: 66.9 T, 989 T, 1.98 P.
std::string Scaled(double value, absl::string_view unit) {
  static constexpr const char* kPrefixes[] = {"n", "u", "m", "", "K", "M", "G", "T", "P", "E"};
  value *= 1e9;
  size_t prefix = 0;
  while (value >= 999.5 && prefix + 1 < std::size(kPrefixes)) {
    value /= 1000;
    ++prefix;
  }
  return absl::StrFormat("%.3g %s%s", value, kPrefixes[prefix], unit);
}

std::string ScaledBytes(double value) {
  static constexpr const char* kPrefixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi"};
  size_t prefix = 0;
  while (value >= 1024 && prefix + 1 < std::size(kPrefixes)) {
    value /= 1024;
    ++prefix;
  }
  return absl::StrFormat("%.4g %sB", value, kPrefixes[prefix]);
}

// The sources in the order of first mention; one number for equal ones.
class Sources {
 public:
  std::string Cite(const Figure& figure) {
    auto it = std::find(sources_.begin(), sources_.end(), figure.source());
    if (it == sources_.end()) it = sources_.insert(it, figure.source());
    return absl::StrCat("[", it - sources_.begin() + 1, "]");
  }

  std::string List() const {
    std::string text;
    for (size_t i = 0; i < sources_.size(); ++i) {
      absl::StrAppend(&text, absl::StrFormat("%-5s", absl::StrCat("[", i + 1, "]")), sources_[i],
                      "\n");
    }
    return text;
  }

 private:
  std::vector<std::string> sources_;
};

// Rows under one set of column widths; an empty row is a blank line.
std::string Align(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i], std::string(widths[i] + 2 - row[i].size(), ' '));
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

Row RateRow(const Chip& chip, const ComputeRate& rate, Sources* sources) {
  const double peak = rate.flops_per_second().value();
  const double bandwidth = chip.memories().rbegin()->bandwidth_bytes_per_second().value();
  const absl::string_view unit = IsFloat(rate.dtype()) ? "FLOP" : "OP";
  return {std::string(DTypeName(rate.dtype())), Scaled(peak, absl::StrCat(unit, "/s")),
          rate.matrix_unit() ? "matrix" : "vector",
          absl::StrFormat("%.3g %s/B", peak / bandwidth, unit),
          sources->Cite(rate.flops_per_second())};
}

Row MemoryRow(const MemoryLevel& level, Sources* sources) {
  const std::string each = ScaledBytes(level.capacity_bytes().value());
  std::string cited = sources->Cite(level.capacity_bytes());
  std::string bandwidth = "-";
  if (level.has_bandwidth_bytes_per_second()) {
    bandwidth = Scaled(level.bandwidth_bytes_per_second().value(), "B/s");
    const std::string second = sources->Cite(level.bandwidth_bytes_per_second());
    if (second != cited) absl::StrAppend(&cited, " ", second);
  }
  return {level.name(), each, absl::StrCat("x ", level.instances()), bandwidth, cited};
}

}  // namespace

std::string DescribeChip(const Chip& chip) {
  Sources sources;
  std::vector<Row> rows = {{"cores", absl::StrCat(chip.cores())}};
  if (chip.has_launch_overhead_seconds()) {
    const Figure& overhead = chip.launch_overhead_seconds();
    rows.push_back(
        {"launch overhead", Scaled(overhead.value(), "s"), "", "", sources.Cite(overhead)});
  }
  if (!chip.npu_machine().empty()) rows.push_back({"simulated as", chip.npu_machine()});
  rows.push_back({});
  rows.push_back({"rate", "peak", "unit", "ridge", "source"});
  for (const ComputeRate& rate : chip.rates()) rows.push_back(RateRow(chip, rate, &sources));
  rows.push_back({});
  rows.push_back({"memory", "capacity", "", "bandwidth", "source"});
  for (const MemoryLevel& level : chip.memories()) rows.push_back(MemoryRow(level, &sources));
  return absl::StrCat(chip.name(), ": ", chip.title(), "\n\n", Align(rows), "\n", sources.List());
}

}  // namespace strata::chips
