#include "compiler/device/cpu_device.h"
#include "compiler/device/device.h"
#include "compiler/device/model_device.h"
#include "compiler/device/null_device.h"
#include "compiler/device/reference_device.h"

namespace strata::compiler {

void RegisterAllDevices() {
  // Once: ranks that are threads of one process may all come here.
  static const bool registered = [] {
    auto& registry = DeviceRegistry();
    registry.Register("cpu", [](const DeviceOptions& options) { return CreateCpuDevice(options); });
    registry.Register("model",
                      [](const DeviceOptions& options) { return CreateModelDevice(options); });
    registry.Register("null", [](const DeviceOptions&) { return CreateNullDevice(); });
    registry.Register("reference",
                      [](const DeviceOptions& options) { return CreateReferenceDevice(options); });
    return true;
  }();
  (void)registered;
}

}  // namespace strata::compiler
