// The devices through the conformance suite, and what is special to each.
#include "compiler/device/device.h"

#include <cmath>
#include <string>

#include "base/status_matchers.h"
#include "chips/cost/roofline.h"
#include "chips/spec/catalogue.h"
#include "compiler/device/conformance.h"
#include "compiler/device/model_device.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/test_models.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::HasSubstr;

DeviceUnderTest Registered(const std::string& name, const std::string& compiler,
                           std::vector<chips::DType> dtypes = {chips::F32}) {
  return {name,
          [name](const DeviceOptions& options) {
            RegisterAllDevices();
            return DeviceRegistry().Create(name, options);
          },
          compiler, dtypes};
}

INSTANTIATE_TEST_SUITE_P(Devices, DeviceConformanceTest,
                         ::testing::Values(Registered("cpu", "strata", {chips::F32, chips::BF16}),
                                           Registered("reference", "reference"),
                                           Registered("model", "strata"),
                                           Registered("null", "strata")),
                         [](const auto& info) { return info.param.name; });

absl::StatusOr<plan::Plan> TrainingPlan() {
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, GptTrainingStep({}));
  STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));
  return compiler->Compile(graph, chips::Chip(), CompileOptions());
}

TEST(CpuDeviceTest, AnInstructionSetOfAnotherMachineAsksToCompileAgain) {
  STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan plan, TrainingPlan());
  plan.mutable_target()->set_isa("sve");
  RegisterAllDevices();
  STRATA_ASSERT_OK_AND_ASSIGN(auto device, DeviceRegistry().Create("cpu", DeviceOptions()));
  EXPECT_THAT(device->Load(plan), StatusIs(absl::StatusCode::kFailedPrecondition,
                                           HasSubstr("instruction set 'sve'; this machine runs")));
}

TEST(CpuDeviceTest, AnUnknownRoutineIsNamed) {
  STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan plan, TrainingPlan());
  for (plan::Step& step : *plan.mutable_steps()) {
    if (step.has_library_call()) step.mutable_library_call()->set_routine("fft");
  }
  RegisterAllDevices();
  STRATA_ASSERT_OK_AND_ASSIGN(auto device, DeviceRegistry().Create("cpu", DeviceOptions()));
  EXPECT_THAT(device->Load(plan),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("no routine 'fft'")));
}

TEST(CpuDeviceTest, ARoutineOnOperandsOfAnotherShapeIsRefused) {
  STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan plan, TrainingPlan());
  for (plan::Step& step : *plan.mutable_steps()) {
    if (step.has_library_call() && step.library_call().routine() == "matmul") {
      step.mutable_library_call()->set_routine("contract_leading");
      step.mutable_library_call()->clear_attributes();
      break;
    }
  }
  RegisterAllDevices();
  STRATA_ASSERT_OK_AND_ASSIGN(auto device, DeviceRegistry().Create("cpu", DeviceOptions()));
  EXPECT_THAT(device->Load(plan),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("contract_leading")));
}

TEST(CpuDeviceTest, AKernelThatDoesNotCompileIsAnError) {
  STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan plan, TrainingPlan());
  plan.mutable_kernels(0)->mutable_source()->append("\nthis is not C");
  RegisterAllDevices();
  STRATA_ASSERT_OK_AND_ASSIGN(auto device, DeviceRegistry().Create("cpu", DeviceOptions()));
  EXPECT_THAT(device->Load(plan), StatusIs(absl::StatusCode::kInternal, HasSubstr("error")));
}

TEST(CpuDeviceTest, ARunRepeatsBitForBit) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep({}));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, TrainingPlan());
  RegisterAllDevices();
  std::vector<double> loss;
  for (int run = 0; run < 2; ++run) {
    DeviceOptions options;
    options.threads = 2;
    STRATA_ASSERT_OK_AND_ASSIGN(auto device, DeviceRegistry().Create("cpu", options));
    STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device->Load(plan));
    const auto inputs = MakeInputs(graph);
    for (int step = 0; step < 3; ++step) {
      STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, executable->Run(inputs, {}));
      loss.push_back(outputs[0].ToDoubles()[0]);
    }
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(loss[i], loss[i + 3]);
  EXPECT_LT(loss[2], loss[0]);
}

TEST(ModelDeviceTest, NeedsAChip) {
  EXPECT_THAT(CreateModelDevice(DeviceOptions()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("needs a chip")));
}

TEST(ModelDeviceTest, PredictsTheRooflineOfEachStep) {
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, TrainingPlan());
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::Chip chip, chips::FindChip("a100"));
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::Timeline timeline, PredictTimeline(plan, chip));
  int64_t end = 0;
  for (const chips::TimelineEvent& event : timeline.events()) {
    const plan::Step& step = plan.steps(event.step());
    EXPECT_EQ(event.start_ns(), end);
    end += event.duration_ns();
    EXPECT_THAT(event.reason(), ::testing::AnyOf("compute", "memory", "overhead"));
    if (!step.has_library_call() || step.library_call().routine() != "matmul") continue;
    chips::WorkItem work;
    work.flops = step.flops();
    work.bytes = step.bytes_read() + step.bytes_written();
    work.matmul = true;
    STRATA_ASSERT_OK_AND_ASSIGN(const chips::Estimate estimate,
                                chips::EstimateRoofline(chip, work));
    EXPECT_EQ(event.duration_ns(), std::llround(1e9 * estimate.seconds));
  }
}

TEST(ModelDeviceTest, StreamsOverlapAsFarAsTheyNeedNotWait) {
  STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan plan, TrainingPlan());
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::Chip chip, chips::FindChip("a100"));
  plan.set_streams(2);
  plan.mutable_steps(1)->set_stream(1);
  plan.mutable_steps(2)->set_stream(1);
  plan.mutable_steps(2)->add_wait_for(0);
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::Timeline timeline, PredictTimeline(plan, chip));
  EXPECT_OK(chips::ValidateTimeline(timeline));
  std::vector<int64_t> start(3), end(3);
  for (const chips::TimelineEvent& event : timeline.events()) {
    if (event.step() >= 3) continue;
    start[static_cast<size_t>(event.step())] = event.start_ns();
    end[static_cast<size_t>(event.step())] = event.start_ns() + event.duration_ns();
  }
  EXPECT_EQ(start[0], 0);
  EXPECT_EQ(start[1], 0);
  EXPECT_EQ(start[2], std::max(end[0], end[1]));
}

TEST(DeviceRegistryTest, AnUnknownNameListsTheOthers) {
  RegisterAllDevices();
  EXPECT_THAT(
      DeviceRegistry().Create("tpu", DeviceOptions()),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("there is: cpu, model, null, reference")));
}

}  // namespace
}  // namespace strata::compiler
