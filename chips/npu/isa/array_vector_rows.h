// The vector unit's part of the array core's table.
#ifndef STRATA_CHIPS_NPU_ISA_ARRAY_VECTOR_ROWS_H_
#define STRATA_CHIPS_NPU_ISA_ARRAY_VECTOR_ROWS_H_

#include <vector>

#include "chips/npu/isa/isa.h"

namespace strata::chips::npu {

std::vector<InstructionRow> ArrayVectorRows();

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_ISA_ARRAY_VECTOR_ROWS_H_
