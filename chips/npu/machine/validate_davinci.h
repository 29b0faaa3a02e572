// The checks of what a machine of DaVinci kind has of its own.
#ifndef STRATA_CHIPS_NPU_MACHINE_VALIDATE_DAVINCI_H_
#define STRATA_CHIPS_NPU_MACHINE_VALIDATE_DAVINCI_H_

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"

namespace strata::chips::npu {

// INVALID_ARGUMENT: "davinci.l0a: is unset; ...", "array: is set, but ...".
absl::Status CheckDavinci(const Machine& machine);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_MACHINE_VALIDATE_DAVINCI_H_
