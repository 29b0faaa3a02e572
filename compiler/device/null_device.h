// The device "null": takes any plan, checks what it is given, computes nothing. The skeleton of a new device.
#ifndef STRATA_COMPILER_DEVICE_NULL_DEVICE_H_
#define STRATA_COMPILER_DEVICE_NULL_DEVICE_H_

#include <memory>

#include "compiler/device/device.h"

namespace strata::compiler {

std::unique_ptr<Device> CreateNullDevice();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_NULL_DEVICE_H_
