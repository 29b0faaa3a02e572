#include "chips/npu/systolic/honest.h"

#include <algorithm>

namespace strata::chips::systolic {

HonestReport HonestCycles(const Gemm& gemm, const ArrayShape& array, Dataflow dataflow) {
  const Mapping mapping = MapLayer(gemm, array, dataflow);
  const bool output_stationary = dataflow == Dataflow::kOutputStationary;
  const int64_t rows = array.rows, columns = array.columns;

  const int64_t serial = FoldCycles(mapping, array, dataflow);
  const int64_t double_buffered = mapping.time + rows + columns - 2;
  const int64_t drain_overlapped = std::max(mapping.time + columns - 1, rows);
  const int64_t folds_overlapped = std::max(mapping.time, rows);
  const int64_t gaps = mapping.Folds() - 1;

  HonestReport report;
  report.scale_sim_cycles = TotalCycles(mapping, array, dataflow);
  report.interval = folds_overlapped;
  report.saved_double_buffered = gaps * (serial - double_buffered);
  report.saved_drain_overlapped = gaps * (double_buffered - drain_overlapped);
  report.saved_folds_overlapped = gaps * (drain_overlapped - report.interval);
  report.added_output_drain = output_stationary ? rows : 0;
  report.added_vector_stage = 1;
  report.cycles = report.scale_sim_cycles - report.Saved() + report.Added();
  report.vector_pass = (gemm.m * gemm.n - 1) / columns + 1;
  report.partial_sums = output_stationary ? 0 : gemm.m * gemm.n * (mapping.row_folds - 1);
  return report;
}

}  // namespace strata::chips::systolic
