// The device "model": predicts each step of a plan on a chip that is only described (DeviceOptions.chip), and computes
// nothing. Any plan, made for any device: its exact work is what counts.
#ifndef STRATA_COMPILER_DEVICE_MODEL_DEVICE_H_
#define STRATA_COMPILER_DEVICE_MODEL_DEVICE_H_

#include <memory>

#include "compiler/device/device.h"
#include "compiler/plan/plan.pb.h"

namespace strata::compiler {

// INVALID_ARGUMENT when `options` has no chip. Run() takes the plan's inputs, or none at all: it reads none.
absl::StatusOr<std::unique_ptr<Device>> CreateModelDevice(const DeviceOptions& options);

// Whether the step's flops are those of matrix products: what a matrix unit can do. An emitted kernel
// is known by its reference.
bool IsProduct(const plan::Plan& plan, const plan::Step& step);

// When each step would begin and end on the chip, by the roofline; steps of different streams overlap as far as their
// waits allow. The plan must be valid.
absl::StatusOr<chips::Timeline> PredictTimeline(const plan::Plan& plan, const chips::Chip& chip);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_MODEL_DEVICE_H_
