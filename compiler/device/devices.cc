#include "absl/strings/str_cat.h"
#include "compiler/device/cpu_device.h"
#include "compiler/device/device.h"
#include "compiler/device/model_device.h"
#include "compiler/device/npu_device.h"
#include "compiler/device/null_device.h"
#include "compiler/device/reference_device.h"
#include "framework/graph/chip_interpreter.h"
#include "framework/graph/interpreter.h"

namespace strata::compiler {
namespace {

// For devices that compute in one way only.
template <typename Create>
absl::StatusOr<std::unique_ptr<Device>> WithoutArithmetic(const char* name,
                                                          const DeviceOptions& options,
                                                          const Create& create) {
  if (options.arithmetic.empty()) return create();
  return absl::InvalidArgumentError(absl::StrCat(
      "arithmetic: the device '", name, "' cannot compute '", options.arithmetic,
      "'; use the device 'reference' on a plan of the compiler 'reference', or 'npu'"));
}

}  // namespace

void RegisterAllDevices() {
  // Once: ranks that are threads of one process may all come here.
  static const bool registered = [] {
    graph::RegisterInterpreter();
    graph::RegisterChipInterpreters();  // DeviceOptions.arithmetic
    auto& registry = DeviceRegistry();
    registry.Register("cpu", [](const DeviceOptions& options) {
      return WithoutArithmetic("cpu", options, [&] { return CreateCpuDevice(options); });
    });
    registry.Register("model",
                      [](const DeviceOptions& options) { return CreateModelDevice(options); });
    registry.Register("npu", [](const DeviceOptions& options) { return CreateNpuDevice(options); });
    registry.Register("null", [](const DeviceOptions&) { return CreateNullDevice(); });
    registry.Register("reference",
                      [](const DeviceOptions& options) { return CreateReferenceDevice(options); });
    return true;
  }();
  (void)registered;
}

}  // namespace strata::compiler
