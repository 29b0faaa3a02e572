// The device "reference": every step by the op's own definition, on the host. Slow, obvious, the one to copy.
#ifndef STRATA_COMPILER_DEVICE_REFERENCE_DEVICE_H_
#define STRATA_COMPILER_DEVICE_REFERENCE_DEVICE_H_

#include <memory>

#include "compiler/device/device.h"

namespace strata::compiler {

// Runs plans of host calls, copies and collectives, made for "cpu" or "reference". Others are UNIMPLEMENTED.
// NOT_FOUND when options.arithmetic is no evaluator's name.
absl::StatusOr<std::unique_ptr<Device>> CreateReferenceDevice(const DeviceOptions& options);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_REFERENCE_DEVICE_H_
