#include "compiler/npu/dma.h"

#include <algorithm>

namespace strata::compiler {
namespace {

constexpr int64_t kMostRows = 65535;
constexpr int64_t kMostBytes = 32768;  // a multiple of every alignment

// One row of any length.
void EmitLine(uint8_t opcode, int64_t dst, int64_t src, int64_t bytes, ProgramBuilder* builder) {
  const int64_t rows = bytes > 2 * kMostBytes - 1 ? bytes / kMostBytes : 0;
  if (rows > 0) builder->Emit(opcode, {dst, src, rows, kMostBytes, kMostBytes, kMostBytes});
  const int64_t done = rows * kMostBytes;
  if (bytes > done) builder->Emit(opcode, {dst + done, src + done, 1, bytes - done, 0, 0});
}

}  // namespace

void EmitRows(uint8_t opcode, const RowCopy& copy, ProgramBuilder* builder) {
  const bool run = copy.dst_stride == copy.row_bytes && copy.src_stride == copy.row_bytes;
  if (copy.rows == 0 || copy.row_bytes == 0) return;
  if (copy.rows == 1 || run) {
    return EmitLine(opcode, copy.dst, copy.src, copy.rows * copy.row_bytes, builder);
  }
  if (copy.row_bytes > 2 * kMostBytes - 1) {
    for (int64_t r = 0; r < copy.rows; ++r) {
      EmitLine(opcode, copy.dst + r * copy.dst_stride, copy.src + r * copy.src_stride,
               copy.row_bytes, builder);
    }
    return;
  }
  for (int64_t r = 0; r < copy.rows; r += kMostRows) {
    builder->Emit(opcode, {copy.dst + r * copy.dst_stride, copy.src + r * copy.src_stride,
                           std::min(kMostRows, copy.rows - r), copy.row_bytes, copy.dst_stride,
                           copy.src_stride});
  }
}

}  // namespace strata::compiler
