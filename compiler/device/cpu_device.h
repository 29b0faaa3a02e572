// The device "cpu": emitted kernels by the system's compiler, library routines, OpenMP threads.
//
// Runs of short kernels share one parallel region (launch_schedule.h); library routines have their
// own.
#ifndef STRATA_COMPILER_DEVICE_CPU_DEVICE_H_
#define STRATA_COMPILER_DEVICE_CPU_DEVICE_H_

#include <memory>

#include "compiler/device/device.h"
#include "compiler/device/launch_schedule.h"

namespace strata::compiler {

std::unique_ptr<Device> CreateCpuDevice(const DeviceOptions& options,
                                        LaunchSharing sharing = LaunchSharing::kWhereItPays);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_CPU_DEVICE_H_
