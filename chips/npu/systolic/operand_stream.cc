#include "chips/npu/systolic/operand_stream.h"

namespace strata::chips::systolic {

OperandStream::OperandStream(const TopologyLayer& layer, const ArrayShape& array, Dataflow dataflow)
    : array_(array),
      dataflow_(dataflow),
      gemm_(layer.gemm),
      mapping_(MapLayer(layer.gemm, array, dataflow)),
      height_(layer.ifmap.height),
      width_(layer.ifmap.width) {
  const IfmapShape& ifmap = layer.ifmap;
  const int64_t image = height_ * width_ * ifmap.channels;
  const int64_t pixels = ifmap.ofmap_height * ifmap.ofmap_width;
  ifmap_words_ = gemm_.m / pixels * image;
  for (int64_t m = 0; m < gemm_.m; ++m) {
    const int64_t pixel = m % pixels;
    const int64_t row = pixel / ifmap.ofmap_width * ifmap.stride;
    const int64_t column = pixel % ifmap.ofmap_width * ifmap.stride;
    windows_.push_back(
        {row, column, m / pixels * image + (row * width_ + column) * ifmap.channels});
  }
  const int64_t tap_row = ifmap.filter_width * ifmap.channels;
  for (int64_t k = 0; k < gemm_.k; ++k) {
    const int64_t row = k / tap_row, column = k % tap_row / ifmap.channels;
    taps_.push_back({row, column, row * width_ * ifmap.channels + k % tap_row});
  }
}

int64_t OperandStream::OfmapWords(int64_t column_fold, int64_t row_fold, int64_t cycle) const {
  const int64_t columns = std::min(array_.columns, mapping_.columns - column_fold * array_.columns);
  int64_t words = 0;
  if (dataflow_ == Dataflow::kOutputStationary) {
    // Sums leave through the foot, the last row first, once the first PE is done.
    const int64_t used = std::min(array_.rows, mapping_.rows - row_fold * array_.rows);
    const int64_t idle = array_.rows - used;
    const int64_t since = cycle - (mapping_.time - 1);
    for (int64_t c = 0; c < columns; ++c) words += since - c >= idle && since - c < array_.rows;
    return words;
  }
  const int64_t since = cycle - (2 * array_.rows - 1);
  for (int64_t c = 0; c < columns; ++c) words += since - c >= 0 && since - c < mapping_.time;
  return words;
}

}  // namespace strata::chips::systolic
