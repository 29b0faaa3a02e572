// Which words the array asks of its scratchpads in each cycle of a fold: SCALE-Sim's demand matrices, without
// making them.
//
//   const OperandStream stream(layer, array, dataflow);
//   stream.Ifmap(column_fold, row_fold, cycle, [&](int64_t address) { ... });
//
// A streamed operand's lane l (a row or column of the array) asks l cycles after lane 0; an operand at rest
// is loaded row by row before, the last row first. Addresses count words of each operand from 0:
//
//   ifmap    (row * width + column) * channels + channel, of one image after another; a window that hangs
//            over the edge asks for nothing there
//   filter   filter * K + k
//
// Source: github.com/scalesim-project/SCALE-Sim (v3): operand matrices and demand matrices.
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_OPERAND_STREAM_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_OPERAND_STREAM_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "chips/npu/systolic/cycle_model.h"
#include "chips/npu/systolic/topology.h"

namespace strata::chips::systolic {

class OperandStream {
 public:
  OperandStream(const TopologyLayer& layer, const ArrayShape& array, Dataflow dataflow);

  const Mapping& mapping() const { return mapping_; }
  int64_t fold_cycles() const { return FoldCycles(mapping_, array_, dataflow_); }
  int64_t ifmap_words() const { return ifmap_words_; }
  int64_t filter_words() const { return gemm_.k * gemm_.n; }

  // Calls visit(address) for each word asked for in `cycle` of the fold, in the order of the lanes.
  template <typename Visit>
  void Ifmap(int64_t column_fold, int64_t row_fold, int64_t cycle, const Visit& visit) const {
    const int64_t row0 = row_fold * array_.rows, column0 = column_fold * array_.columns;
    const auto at = [&](int64_t m, int64_t k) {
      const int64_t address = IfmapAddress(m, k);
      if (address >= 0) visit(address);
    };
    switch (dataflow_) {
      case Dataflow::kWeightStationary:
        return Rows(row0, cycle - array_.rows, [&](int64_t k, int64_t m) { at(m, k); });
      case Dataflow::kInputStationary:
        return AtRest(row0, column0, cycle, [&](int64_t k, int64_t m) { at(m, k); });
      case Dataflow::kOutputStationary:
        return Rows(row0, cycle, [&](int64_t m, int64_t k) { at(m, k); });
    }
  }

  template <typename Visit>
  void Filter(int64_t column_fold, int64_t row_fold, int64_t cycle, const Visit& visit) const {
    const int64_t row0 = row_fold * array_.rows, column0 = column_fold * array_.columns;
    const auto at = [&](int64_t k, int64_t n) { visit(FilterAddress(k, n)); };
    switch (dataflow_) {
      case Dataflow::kWeightStationary:
        return AtRest(row0, column0, cycle, at);
      case Dataflow::kInputStationary:
        return Rows(row0, cycle - array_.rows, at);
      case Dataflow::kOutputStationary:
        return Lanes(column0, std::min(array_.columns, mapping_.columns - column0), cycle,
                     [&](int64_t n, int64_t k) { at(k, n); });
    }
  }

  // Words of the ofmap that leave the array in `cycle` of the fold.
  int64_t OfmapWords(int64_t column_fold, int64_t row_fold, int64_t cycle) const;

  // -1: outside the ifmap.
  int64_t IfmapAddress(int64_t m, int64_t k) const {
    const Place& window = windows_[static_cast<size_t>(m)];
    const Place& tap = taps_[static_cast<size_t>(k)];
    if (window.row + tap.row >= height_ || window.column + tap.column >= width_) return -1;
    return window.address + tap.address;
  }
  int64_t FilterAddress(int64_t k, int64_t n) const { return n * gemm_.k + k; }

 private:
  struct Place {
    int64_t row, column, address;
  };

  // Lane l of `lanes`, from `lane0`, asks for its element of time t in cycle t + l.
  template <typename Visit>
  void Lanes(int64_t lane0, int64_t lanes, int64_t cycle, const Visit& visit) const {
    const int64_t first = std::max<int64_t>(0, cycle - mapping_.time + 1);
    const int64_t last = std::min(lanes - 1, cycle);
    for (int64_t l = first; l <= last; ++l) visit(lane0 + l, cycle - l);
  }
  template <typename Visit>
  void Rows(int64_t row0, int64_t cycle, const Visit& visit) const {
    Lanes(row0, std::min(array_.rows, mapping_.rows - row0), cycle, visit);
  }
  template <typename Visit>
  void AtRest(int64_t row0, int64_t column0, int64_t cycle, const Visit& visit) const {
    const int64_t row = row0 + array_.rows - 1 - cycle;
    if (cycle >= array_.rows || row >= mapping_.rows) return;
    const int64_t end = std::min(column0 + array_.columns, mapping_.columns);
    for (int64_t column = column0; column < end; ++column) visit(row, column);
  }

  ArrayShape array_;
  Dataflow dataflow_;
  Gemm gemm_;
  Mapping mapping_;
  int64_t height_, width_, ifmap_words_;
  std::vector<Place> windows_;  // [M] where each window begins
  std::vector<Place> taps_;     // [K] of a window
};

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_OPERAND_STREAM_H_
