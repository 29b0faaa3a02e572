// EmitRows(): rows of bytes from one memory to another, whatever their number and length.
#ifndef STRATA_COMPILER_NPU_DMA_H_
#define STRATA_COMPILER_NPU_DMA_H_

#include <cstdint>

#include "compiler/npu/program_builder.h"

namespace strata::compiler {

struct RowCopy {
  int64_t dst = 0, src = 0;
  int64_t rows = 0, row_bytes = 0;
  int64_t dst_stride = 0, src_stride = 0;
};

// With an instruction of the operands dst, src, rows, row_bytes, dst_stride, src_stride. Rows without
// gaps on both sides are one long row, which fills DRAM's bursts; what an instruction's sizes cannot say
// is done by several.
void EmitRows(uint8_t opcode, const RowCopy& copy, ProgramBuilder* builder);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_DMA_H_
