#include "compiler/device/null_device.h"

#include <utility>

#include "compiler/device/host_memory.h"
#include "compiler/device/host_steps.h"
#include "compiler/plan/validate.h"

namespace strata::compiler {
namespace {

class NullExecutable : public Executable {
 public:
  explicit NullExecutable(plan::Plan plan) : plan_(std::move(plan)) {}

  absl::StatusOr<std::vector<graph::HostTensor>> Run(absl::Span<const graph::HostTensor> inputs,
                                                     const RunOptions& run) override {
    if (!inputs.empty()) STRATA_RETURN_IF_ERROR(CheckInputs(plan_, inputs));
    if (run.timeline != nullptr) {
      StartTimeline(plan_, chips::MODELLED, run.timeline);
      for (int i = 0; i < plan_.steps_size(); ++i)
        *run.timeline->add_events() = EventOf(plan_.steps(i), i);
      SortEvents(run.timeline);
    }
    return std::vector<graph::HostTensor>();
  }

 private:
  plan::Plan plan_;
};

class NullDevice : public Device {
 public:
  absl::string_view name() const override { return "null"; }
  DeviceCapabilities capabilities() const override {
    DeviceCapabilities capabilities;
    capabilities.computes = false;
    capabilities.timeline = chips::MODELLED;  // of a machine that takes no time
    return capabilities;
  }
  absl::StatusOr<std::unique_ptr<Executable>> Load(const plan::Plan& plan) override {
    STRATA_RETURN_IF_ERROR(plan::ValidatePlan(plan));
    return std::make_unique<NullExecutable>(plan);
  }
};

}  // namespace

std::unique_ptr<Device> CreateNullDevice() { return std::make_unique<NullDevice>(); }

}  // namespace strata::compiler
