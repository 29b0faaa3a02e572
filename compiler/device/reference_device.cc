#include "compiler/device/reference_device.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/device/host_memory.h"
#include "compiler/device/host_steps.h"
#include "compiler/plan/validate.h"
#include "framework/graph/evaluator.h"

namespace strata::compiler {
namespace {

class ReferenceExecutable : public Executable {
 public:
  ReferenceExecutable(plan::Plan plan, Collectives* collectives,
                      std::unique_ptr<graph::Evaluator> evaluator)
      : plan_(std::move(plan)), collectives_(collectives), evaluator_(std::move(evaluator)) {}

  absl::Status Prepare() {
    STRATA_ASSIGN_OR_RETURN(memory_, HostMemory::Create(&plan_));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<graph::HostTensor>> Run(absl::Span<const graph::HostTensor> inputs,
                                                     const RunOptions& run) override {
    STRATA_RETURN_IF_ERROR(memory_->Bind(inputs));
    if (run.timeline != nullptr) StartTimeline(plan_, chips::MEASURED, run.timeline);
    const auto start = std::chrono::steady_clock::now();
    const auto elapsed = [&] {
      return (std::chrono::steady_clock::now() - start) / std::chrono::nanoseconds(1);
    };
    absl::Status status;
    for (int i = 0; i < plan_.steps_size() && status.ok(); ++i) {
      const int64_t begin = elapsed();
      status = AtStep(RunStep(plan_.steps(i)), i, plan_.steps(i));
      if (run.timeline == nullptr) continue;
      chips::TimelineEvent* event = run.timeline->add_events();
      *event = EventOf(plan_.steps(i), i);
      event->set_start_ns(begin);
      event->set_duration_ns(elapsed() - begin);
    }
    std::vector<graph::HostTensor> outputs = memory_->TakeOutputs();
    STRATA_RETURN_IF_ERROR(status);
    return outputs;
  }

 private:
  absl::Status RunStep(const plan::Step& step) {
    if (step.has_host_call()) return RunHostCall(step, *memory_, evaluator_.get());
    if (step.has_copy()) return RunCopy(plan_, step, *memory_);
    return RunCollective(step, *memory_, collectives_);
  }

  plan::Plan plan_;
  Collectives* collectives_;
  std::unique_ptr<graph::Evaluator> evaluator_;  // null: each op by its own definition
  std::unique_ptr<HostMemory> memory_;
};

class ReferenceDevice : public Device {
 public:
  explicit ReferenceDevice(const DeviceOptions& options)
      : collectives_(options.collectives), arithmetic_(options.arithmetic) {}

  absl::string_view name() const override { return "reference"; }
  DeviceCapabilities capabilities() const override {
    DeviceCapabilities capabilities;
    capabilities.emitted_c = false;
    return capabilities;
  }

  absl::StatusOr<std::unique_ptr<Executable>> Load(const plan::Plan& plan) override {
    STRATA_RETURN_IF_ERROR(plan::ValidatePlan(plan));
    const std::string& device = plan.target().device();
    if (device != "reference" && device != "cpu") {
      return absl::FailedPreconditionError(
          absl::StrCat("plan '", plan.name(), "' was made for the device '", device,
                       "', this is 'reference'; compile again with --device=reference"));
    }
    for (int i = 0; i < plan.steps_size(); ++i) {
      const plan::Step& step = plan.steps(i);
      if (step.has_host_call() || step.has_copy() || step.has_collective()) continue;
      return AtStep(absl::UnimplementedError(absl::StrCat(
                        "the device 'reference' runs no ", CategoryOf(step),
                        " step; compile with --compiler=reference, or run on --device=cpu")),
                    i, step);
    }
    std::unique_ptr<graph::Evaluator> evaluator;
    if (!arithmetic_.empty()) {
      STRATA_ASSIGN_OR_RETURN(evaluator, graph::EvaluatorRegistry().Create(arithmetic_));
    }
    auto executable =
        std::make_unique<ReferenceExecutable>(plan, collectives_, std::move(evaluator));
    STRATA_RETURN_IF_ERROR(executable->Prepare());
    return executable;
  }

 private:
  Collectives* collectives_;
  std::string arithmetic_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> CreateReferenceDevice(const DeviceOptions& options) {
  if (!options.arithmetic.empty()) {
    STRATA_RETURN_IF_ERROR(
        Annotate(graph::EvaluatorRegistry().Create(options.arithmetic).status(), "arithmetic"));
  }
  return std::make_unique<ReferenceDevice>(options);
}

}  // namespace strata::compiler
