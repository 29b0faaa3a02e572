// The device "npu": runs a plan on a machine of chips/npu that is simulated, bit for bit and cycle by cycle.
//
//   STRATA_ASSIGN_OR_RETURN(auto device, DeviceRegistry().Create("npu", DeviceOptions{}));
//   STRATA_ASSIGN_OR_RETURN(auto executable, device->Load(plan));      // Plan.target.isa names the machine
//   SimulationReport report;
//   RunOptions options{&timeline};
//   options.simulation = &report;                                       // cycles, traffic, energy
//   STRATA_ASSIGN_OR_RETURN(auto outputs, executable->Run(inputs, options));
//
// The buffers lie in the machine's DRAM. A launch runs its program on the whole core; its time is its cycles at the
// machine's clock, and the next step starts when it is over. What the machine cannot do (host calls), copies and
// collectives are done by the host and take no simulated time: their events have no duration and say so.
#ifndef STRATA_COMPILER_DEVICE_NPU_DEVICE_H_
#define STRATA_COMPILER_DEVICE_NPU_DEVICE_H_

#include <memory>

#include "compiler/device/device.h"

namespace strata::compiler {

// Load() assembles and verifies each program; errors name the step. INVALID_ARGUMENT for an options.arithmetic that is no
// chip's.
absl::StatusOr<std::unique_ptr<Device>> CreateNpuDevice(const DeviceOptions& options);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_NPU_DEVICE_H_
