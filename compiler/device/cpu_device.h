// The device "cpu": emitted kernels by the system's compiler, library routines, OpenMP threads.
#ifndef STRATA_COMPILER_DEVICE_CPU_DEVICE_H_
#define STRATA_COMPILER_DEVICE_CPU_DEVICE_H_

#include <memory>

#include "compiler/device/device.h"

namespace strata::compiler {

std::unique_ptr<Device> CreateCpuDevice(const DeviceOptions& options);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_CPU_DEVICE_H_
