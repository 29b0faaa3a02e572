#include "compiler/device/model_device.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "chips/cost/roofline.h"
#include "chips/numerics/weight_format.h"
#include "compiler/device/host_memory.h"
#include "compiler/device/host_steps.h"
#include "compiler/plan/validate.h"

namespace strata::compiler {
namespace {

bool IsProductOp(const std::string& op) {
  static const std::set<std::string> kOps = {"matmul",
                                             "contract_leading",
                                             "attention",
                                             "conv2d",
                                             "attention_gradient",
                                             "matmul_experts",
                                             "matmul_packed",
                                             "matmul_packed_group",
                                             "paged_attention",
                                             "conv2d_gradient_input",
                                             "conv2d_gradient_weight"};
  return kOps.count(op) != 0;
}

bool HasProduct(const graph::Graph& graph) {
  return std::any_of(graph.nodes().begin(), graph.nodes().end(), [](const graph::Node& node) {
    return IsProductOp(node.op()) ||
           std::any_of(node.regions().begin(), node.regions().end(), HasProduct);
  });
}

// The format of packed weights, "" for other steps.
std::string PackedFormat(const plan::Step& step) {
  const std::string& op =
      step.has_host_call() ? step.host_call().node().op() : step.library_call().routine();
  if (op != "matmul_packed" && op != "matmul_packed_group" && op != "matmul_experts") return "";
  const auto& attributes = step.has_host_call() ? step.host_call().node().attributes()
                                                : step.library_call().attributes();
  for (const graph::Attribute& attribute : attributes)
    if (attribute.name() == "format") return attribute.s();
  return "";
}

// What x is rounded to decides on the arithmetic.
chips::DType ArithmeticOf(chips::Activations activations) {
  if (activations == chips::Activations::kQ8) return chips::I8;
  return activations == chips::Activations::kBf16 ? chips::BF16 : chips::F32;
}

chips::WorkItem WorkOf(const plan::Plan& plan, const plan::Step& step) {
  chips::WorkItem work;
  work.flops = step.flops();
  work.bytes = step.bytes_read() + step.bytes_written();
  work.matmul = IsProduct(plan, step);
  if (const auto format = chips::FindWeightFormat(PackedFormat(step)); format.ok()) {
    work.dtype = ArithmeticOf((*format)->activations);
    return work;
  }
  for (uint32_t id : step.reads()) {
    const chips::DType dtype = plan.buffers(static_cast<int>(id)).dtype();
    if (!chips::IsFloat(dtype) && !chips::IsFloat8(dtype)) continue;
    work.dtype = dtype;
    return work;
  }
  // Integers only: the first operand's.
  if (step.reads_size() > 0) work.dtype = plan.buffers(static_cast<int>(step.reads(0))).dtype();
  return work;
}

class ModelExecutable : public Executable {
 public:
  ModelExecutable(plan::Plan plan, chips::Timeline predicted)
      : plan_(std::move(plan)), predicted_(std::move(predicted)) {}

  absl::StatusOr<std::vector<graph::HostTensor>> Run(absl::Span<const graph::HostTensor> inputs,
                                                     const RunOptions& run) override {
    if (!inputs.empty()) STRATA_RETURN_IF_ERROR(CheckInputs(plan_, inputs));
    if (run.timeline != nullptr) *run.timeline = predicted_;
    return std::vector<graph::HostTensor>();
  }

 private:
  plan::Plan plan_;
  chips::Timeline predicted_;
};

class ModelDevice : public Device {
 public:
  explicit ModelDevice(chips::Chip chip) : chip_(std::move(chip)) {}

  absl::string_view name() const override { return "model"; }
  DeviceCapabilities capabilities() const override {
    DeviceCapabilities capabilities;
    capabilities.computes = false;
    capabilities.timeline = chips::MODELLED;
    return capabilities;
  }
  absl::StatusOr<std::unique_ptr<Executable>> Load(const plan::Plan& plan) override {
    STRATA_RETURN_IF_ERROR(plan::ValidatePlan(plan));
    STRATA_ASSIGN_OR_RETURN(chips::Timeline predicted, PredictTimeline(plan, chip_));
    return std::make_unique<ModelExecutable>(plan, std::move(predicted));
  }

 private:
  chips::Chip chip_;
};

}  // namespace

bool IsProduct(const plan::Plan& plan, const plan::Step& step) {
  if (step.has_library_call()) return IsProductOp(step.library_call().routine());
  if (step.has_host_call()) return IsProductOp(step.host_call().node().op());
  return step.has_launch() &&
         HasProduct(plan.kernels(static_cast<int>(step.launch().kernel())).reference());
}

absl::StatusOr<chips::Timeline> PredictTimeline(const plan::Plan& plan, const chips::Chip& chip) {
  chips::Timeline timeline;
  StartTimeline(plan, chips::MODELLED, &timeline);
  std::vector<int64_t> stream_end(plan.streams(), 0), step_end;
  for (int i = 0; i < plan.steps_size(); ++i) {
    const plan::Step& step = plan.steps(i);
    absl::StatusOr<chips::Estimate> estimate = chips::EstimateRoofline(chip, WorkOf(plan, step));
    if (!estimate.ok()) return AtStep(estimate.status(), i, step);
    int64_t begin = stream_end[step.stream()];
    for (uint32_t other : step.wait_for()) begin = std::max(begin, step_end[other]);
    chips::TimelineEvent* event = timeline.add_events();
    *event = EventOf(step, i);
    event->set_start_ns(begin);
    event->set_duration_ns(std::llround(estimate->seconds * 1e9));
    event->set_reason(std::string(chips::BoundName(estimate->bound)));
    step_end.push_back(begin + event->duration_ns());
    stream_end[step.stream()] = step_end.back();
  }
  SortEvents(&timeline);
  return timeline;
}

absl::StatusOr<std::unique_ptr<Device>> CreateModelDevice(const DeviceOptions& options) {
  if (!options.chip.has_value()) {
    return absl::InvalidArgumentError(
        "the device 'model' needs a chip to predict on: set DeviceOptions.chip (--chip)");
  }
  return std::make_unique<ModelDevice>(*options.chip);
}

}  // namespace strata::compiler
