#include "chips/npu/systolic/cycle_model.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace strata::chips::systolic {
namespace {

using Wide = __int128;

int64_t CeilDiv(int64_t a, int64_t b) { return (a - 1) / b + 1; }

// The double nearest to a / b when both are at most 2^53, else within two units of its last place.
double Ratio(Wide a, Wide b) {
  constexpr Wide kExact = Wide{1} << 53;
  if (a <= kExact && b <= kExact) return static_cast<double>(a) / static_cast<double>(b);
  return static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b));
}

// How much of a side of the array fold `i` fills.
int64_t Used(int64_t size, int64_t side, int64_t i) { return std::min(side, size - i * side); }

// SCALE-Sim also counts, for a stationary operand, the C - 1 cycles until the last column has it.
int64_t UtilizationCycles(const Mapping& mapping, const ArrayShape& array, Dataflow dataflow) {
  const int64_t fold = FoldCycles(mapping, array, dataflow);
  return dataflow == Dataflow::kOutputStationary ? fold : fold + array.columns - 1;
}

// Means over folds, added up in SCALE-Sim's order. Columns outer, rows inner.
void SetFoldMeans(const ArrayShape& array, Dataflow dataflow, LayerReport* report) {
  const Mapping& mapping = report->mapping;
  const Wide pe_cycles = Wide{array.Pes()} * UtilizationCycles(mapping, array, dataflow);
  const auto efficiency = [&](int64_t pes) { return Ratio(pes, array.Pes()); };
  const auto utilization = [&](int64_t pes) { return Ratio(Wide{pes} * mapping.time, pe_cycles); };
  const double folds = static_cast<double>(mapping.Folds());
  if (mapping.Folds() > kMaxSummedFolds) {
    const Wide work = Wide{mapping.rows} * mapping.columns;
    report->mapping_efficiency = Ratio(work, Wide{array.Pes()} * mapping.Folds()) * 100;
    report->compute_utilization = Ratio(work * mapping.time, pe_cycles * mapping.Folds()) * 100;
    return;
  }
  const int64_t last_rows = Used(mapping.rows, array.rows, mapping.row_folds - 1);
  double efficiency_sum = 0;
  double utilization_sum = 0;
  for (int64_t c = 0; c < mapping.column_folds; ++c) {
    const int64_t columns = Used(mapping.columns, array.columns, c);
    const double full_efficiency = efficiency(array.rows * columns);
    const double full_utilization = utilization(array.rows * columns);
    for (int64_t r = 0; r + 1 < mapping.row_folds; ++r) {
      efficiency_sum += full_efficiency;
      utilization_sum += full_utilization;
    }
    efficiency_sum += efficiency(last_rows * columns);
    utilization_sum += utilization(last_rows * columns);
  }
  report->mapping_efficiency = efficiency_sum / folds * 100;
  report->compute_utilization = utilization_sum / folds * 100;
}

void SetTraffic(const Gemm& gemm, Dataflow dataflow, LayerReport* report) {
  const Mapping& mapping = report->mapping;
  const int64_t rows = mapping.row_folds, columns = mapping.column_folds;
  switch (dataflow) {
    case Dataflow::kWeightStationary:
      report->ifmap_reads = gemm.m * gemm.k * columns;
      report->filter_reads = gemm.k * gemm.n;
      report->ofmap_writes = gemm.m * gemm.n * rows;
      break;
    case Dataflow::kInputStationary:
      report->ifmap_reads = gemm.m * gemm.k;
      report->filter_reads = gemm.k * gemm.n * columns;
      report->ofmap_writes = gemm.m * gemm.n * rows;
      break;
    case Dataflow::kOutputStationary:
      report->ifmap_reads = gemm.m * gemm.k * columns;
      report->filter_reads = gemm.k * gemm.n * rows;
      report->ofmap_writes = gemm.m * gemm.n;
      break;
  }
}

}  // namespace

absl::StatusOr<Dataflow> ParseDataflow(absl::string_view text) {
  if (text == "ws") return Dataflow::kWeightStationary;
  if (text == "os") return Dataflow::kOutputStationary;
  if (text == "is") return Dataflow::kInputStationary;
  return absl::InvalidArgumentError(
      absl::StrCat("dataflow: \"", text, "\" is none; give ws, os or is"));
}

absl::string_view DataflowName(Dataflow dataflow) {
  switch (dataflow) {
    case Dataflow::kWeightStationary:
      return "ws";
    case Dataflow::kOutputStationary:
      return "os";
    case Dataflow::kInputStationary:
      return "is";
  }
  return "";
}

absl::StatusOr<ArrayShape> ParseArrayShape(absl::string_view text) {
  const std::vector<absl::string_view> sides = absl::StrSplit(text, 'x');
  ArrayShape array;
  const auto read = [](absl::string_view cell, int64_t* side) {
    return absl::SimpleAtoi(cell, side) && *side >= 1 && *side <= kMaxArraySide;
  };
  if (sides.size() != 2 || !read(sides[0], &array.rows) || !read(sides[1], &array.columns)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "array: \"", text, "\" is no shape; give rows x columns such as 32x32, each 1 to ",
        kMaxArraySide));
  }
  return array;
}

Mapping MapLayer(const Gemm& gemm, const ArrayShape& array, Dataflow dataflow) {
  Mapping mapping;
  switch (dataflow) {
    case Dataflow::kWeightStationary:
      mapping = {.rows = gemm.k, .columns = gemm.n, .time = gemm.m};
      break;
    case Dataflow::kInputStationary:
      mapping = {.rows = gemm.k, .columns = gemm.m, .time = gemm.n};
      break;
    case Dataflow::kOutputStationary:
      mapping = {.rows = gemm.m, .columns = gemm.n, .time = gemm.k};
      break;
  }
  mapping.row_folds = CeilDiv(mapping.rows, array.rows);
  mapping.column_folds = CeilDiv(mapping.columns, array.columns);
  return mapping;
}

int64_t FoldCycles(const Mapping& mapping, const ArrayShape& array, Dataflow dataflow) {
  const int64_t load = dataflow == Dataflow::kOutputStationary ? 0 : array.rows;
  return load + mapping.time + array.rows + array.columns - 2;
}

int64_t TotalCycles(const Mapping& mapping, const ArrayShape& array, Dataflow dataflow) {
  return mapping.Folds() * FoldCycles(mapping, array, dataflow) - 1;
}

LayerReport RunLayer(const Gemm& gemm, const ArrayShape& array, Dataflow dataflow) {
  LayerReport report;
  report.mapping = MapLayer(gemm, array, dataflow);
  report.cycles = TotalCycles(report.mapping, array, dataflow);
  report.macs = gemm.Macs();
  report.overall_utilization =
      Ratio(Wide{report.macs} * 100, Wide{std::max<int64_t>(report.cycles, 1)} * array.Pes());
  SetFoldMeans(array, dataflow, &report);
  SetTraffic(gemm, dataflow, &report);
  return report;
}

}  // namespace strata::chips::systolic
