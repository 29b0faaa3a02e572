// Heads of the vector unit of a DaVinci core: max_pool2d and depthwise conv2d of int8, sums over height and width.
#ifndef STRATA_COMPILER_NPU_DAVINCI_WINDOW_H_
#define STRATA_COMPILER_NPU_DAVINCI_WINDOW_H_

#include "base/status.h"
#include "compiler/npu/davinci_tail.h"
#include "compiler/npu/program_builder.h"

namespace strata::compiler {

// Input lines lie in UB with each pixel in whole blocks of 32 bytes, borders of -128 included; the largest
// under the windows of a row of output pixels comes of one vmax for each element of a window but the first.
// UNIMPLEMENTED when a row of windows does not fit UB.
absl::Status EmitDavinciPool(const DavinciGroup& group, int64_t input, DavinciTail* tail,
                             ProgramBuilder* builder);

// The same with borders of zeros: lines and weights are widened to int32, and each element of a window is a
// vmul by a row of weights and a vadd.
absl::Status EmitDavinciDepthwise(const DavinciGroup& group, int64_t input, int64_t weights,
                                  DavinciTail* tail, ProgramBuilder* builder);

// Each image's pixels as rows of UB, by as many as fit, widened to int32, then one sum a column.
absl::Status EmitDavinciSum(const DavinciGroup& group, int64_t input, DavinciTail* tail,
                            ProgramBuilder* builder);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_DAVINCI_WINDOW_H_
