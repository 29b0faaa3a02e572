// A tiled product for either kind of core.
#ifndef STRATA_CHIPS_NPU_TOOL_MAKE_GEMM_H_
#define STRATA_CHIPS_NPU_TOOL_MAKE_GEMM_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "chips/npu/isa/program.h"
#include "chips/npu/machine/machine.pb.h"

namespace strata::chips::npu {

struct GemmRequest {
  int64_t m = 0, k = 0, n = 0;
  std::string type = "i8";
  bool double_buffered = true;
  bool bias = false, relu = false, narrow = false;  // by the vector unit of a DaVinci core
};

// INVALID_ARGUMENT: what the machine or its generator (chips/npu/sim/gemm.h,
// chips/npu/davinci/davinci_gemm.h) does not do.
absl::StatusOr<Program> MakeGemmFor(const Machine& machine, const GemmRequest& request);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_TOOL_MAKE_GEMM_H_
