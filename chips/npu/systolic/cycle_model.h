// Cycles and utilisation of a systolic array of processing elements (PEs), as SCALE-Sim counts them.
//
//   STRATA_ASSIGN_OR_RETURN(const ArrayShape array, ParseArrayShape("32x32"));
//   const LayerReport report = RunLayer({.m = 3025, .n = 96, .k = 363}, array, Dataflow::kWeightStationary);
//   report.cycles;  // 112283
//
// An array of R rows and C columns holds one operand (or the outputs) still and moves the others by one
// PE a cycle. The product C [M, N] = A [M, K] B [K, N] is cut into folds of rows x columns that fit:
//
//   dataflow             rows S_r  columns S_c  time T   cycles of a fold
//   weight stationary       K          N          M      2R + C + T - 2
//   input stationary        K          M          N      2R + C + T - 2
//   output stationary       M          N          K       R + C + T - 2
//
//   folds = ceil(S_r / R) * ceil(S_c / C); cycles = folds * (cycles of a fold) - 1
//
// Folds run one after another and nothing of two folds overlaps: R cycles load the still operand, T
// stream the moving one, R + C - 2 fill and drain the array. SCALE-Sim reports the number of the last
// cycle, counted from 0: hence the -1. A partly filled fold takes as long as a full one. These are the
// cycles without stalls; memory_model.h has SCALE-Sim's scratchpads and DRAM. HonestCycles() in honest.h says
// what a real machine would not pay.
//
// Figures equal SCALE-Sim v3's to the last bit: means over folds are sums in its order (columns outer,
// rows inner), one addition a fold, up to kMaxSummedFolds folds; beyond, equal folds are counted together.
//
// Source: Samajdar et al., "A systematic methodology for characterizing scalability of DNN accelerators
// using SCALE-Sim", ISPASS 2020; github.com/scalesim-project/SCALE-Sim, COMPUTE_REPORT.csv.
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_CYCLE_MODEL_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_CYCLE_MODEL_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/npu/systolic/topology.h"

namespace strata::chips::systolic {

// What stays in the PEs during a fold.
enum class Dataflow { kWeightStationary, kOutputStationary, kInputStationary };

// "ws", "os" or "is"; INVALID_ARGUMENT for others.
absl::StatusOr<Dataflow> ParseDataflow(absl::string_view text);
absl::string_view DataflowName(Dataflow dataflow);

inline constexpr int64_t kMaxArraySide = 1 << 12;
inline constexpr int64_t kMaxSummedFolds = 1 << 22;

struct ArrayShape {
  int64_t rows = 0;  // 1 ... kMaxArraySide
  int64_t columns = 0;

  int64_t Pes() const { return rows * columns; }
};

// "32x32", rows first; INVALID_ARGUMENT for others.
absl::StatusOr<ArrayShape> ParseArrayShape(absl::string_view text);

// A product as the array sees it.
struct Mapping {
  int64_t rows = 0;     // S_r, spread over the array's rows
  int64_t columns = 0;  // S_c, over its columns
  int64_t time = 0;     // T, cycles that one PE computes in a fold
  int64_t row_folds = 0;
  int64_t column_folds = 0;

  int64_t Folds() const { return row_folds * column_folds; }
};

Mapping MapLayer(const Gemm& gemm, const ArrayShape& array, Dataflow dataflow);

// Cycles of one fold, and of all of them as SCALE-Sim reports them.
int64_t FoldCycles(const Mapping& mapping, const ArrayShape& array, Dataflow dataflow);
int64_t TotalCycles(const Mapping& mapping, const ArrayShape& array, Dataflow dataflow);

struct LayerReport {
  Mapping mapping;
  int64_t cycles = 0;
  int64_t macs = 0;
  // All in per cent.
  double overall_utilization = 0;  // macs / (cycles * PEs); 0 cycles (one PE, one mac) count as 1
  double mapping_efficiency = 0;   // PEs with work / PEs, mean over folds
  double compute_utilization = 0;  // of the PEs' cycles in a fold, mean over folds
  // Words between scratchpad and array. Sums of several row folds are written again by each of them.
  int64_t ifmap_reads = 0;
  int64_t filter_reads = 0;
  int64_t ofmap_writes = 0;
};

// `gemm` as ParseTopology() checks it, `array` as ParseArrayShape() does.
LayerReport RunLayer(const Gemm& gemm, const ArrayShape& array, Dataflow dataflow);

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_CYCLE_MODEL_H_
