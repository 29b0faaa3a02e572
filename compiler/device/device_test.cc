// The devices through the conformance suite, and what is special to each.
#include "compiler/device/device.h"

#include <cmath>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "base/warning.h"
#include "chips/cost/roofline.h"
#include "chips/spec/catalogue.h"
#include "compiler/device/conformance.h"
#include "compiler/device/model_device.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/test_models.h"
#include "framework/graph/builder.h"
#include "framework/graph/evaluator.h"
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

// In bf16 too where the chip multiplies it.
DeviceUnderTest Npu(const std::string& name) {
  DeviceUnderTest test = Registered("npu", "strata");
  test.target = "npu";
  test.chip = name;
  const auto chip = chips::FindChip(name);
  EXPECT_OK(chip.status());
  if (!chip.ok()) return test;
  for (const chips::ComputeRate& rate : chip->rates()) {
    if (rate.dtype() == chips::BF16) test.dtypes.push_back(chips::BF16);
  }
  return test;
}

std::vector<DeviceUnderTest> Npus() {
  std::vector<DeviceUnderTest> tests;
  for (const std::string& name : chips::SimulatedChipNames()) tests.push_back(Npu(name));
  return tests;
}

std::string Label(const ::testing::TestParamInfo<DeviceUnderTest>& info) {
  return info.param.chip.empty() ? info.param.name
                                 : absl::StrCat(info.param.name, "_", info.param.chip);
}

INSTANTIATE_TEST_SUITE_P(Devices, DeviceConformanceTest,
                         ::testing::Values(Registered("cpu", "strata", {chips::F32, chips::BF16}),
                                           Registered("reference", "reference"),
                                           Registered("model", "strata"),
                                           Registered("null", "strata")),
                         Label);

INSTANTIATE_TEST_SUITE_P(Npus, DeviceConformanceTest, ::testing::ValuesIn(Npus()), Label);

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

// Losses of three training steps on the CPU.
std::vector<double> Losses(const plan::Plan& plan, chips::Timeline* timeline = nullptr) {
  const auto graph = GptTrainingStep({});
  EXPECT_OK(graph.status());
  RegisterAllDevices();
  DeviceOptions options;
  options.threads = 2;
  auto device = DeviceRegistry().Create("cpu", options);
  EXPECT_OK(device.status());
  auto executable = (*device)->Load(plan);
  EXPECT_OK(executable.status());
  std::vector<double> losses;
  if (!executable.ok()) return losses;
  const auto inputs = MakeInputs(*graph);
  for (int step = 0; step < 3; ++step) {
    const auto outputs = (*executable)->Run(inputs, {timeline});
    EXPECT_OK(outputs.status());
    if (outputs.ok()) losses.push_back((*outputs)[0].ToDoubles()[0]);
  }
  return losses;
}

void ExpectNear(const std::vector<double>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-4 * want[i]);
}

TEST(CpuDeviceTest, AKernelThatDoesNotCompileRunsOnTheInterpreter) {
  STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan plan, TrainingPlan());
  const std::vector<double> want = Losses(plan);
  plan.mutable_kernels(0)->mutable_source()->append("\nthis is not C");
  plan.mutable_kernels(2)->mutable_source()->append("\n}");
  int concerned = 0;
  std::string name, origin;
  for (const plan::Step& step : plan.steps()) {
    if (!step.has_launch() || step.launch().kernel() % 2 != 0 || step.launch().kernel() > 2)
      continue;
    ++concerned;
    if (step.launch().kernel() == 0 && name.empty()) name = step.name(), origin = step.origin();
  }
  WarningCapture warnings;
  chips::Timeline timeline;
  ExpectNear(Losses(plan, &timeline), want);
  ASSERT_EQ(warnings.messages().size(), 2u);
  EXPECT_THAT(warnings.messages(), ::testing::Contains(::testing::AllOf(
                                       HasSubstr(absl::StrCat("'", name, "'")), HasSubstr(origin),
                                       HasSubstr("interpreter"), HasSubstr("error:"))));
  int slow = 0;
  for (const auto& event : timeline.events())
    slow += event.reason() == "its kernel could not be built";
  EXPECT_EQ(slow, concerned);
}

TEST(CpuDeviceTest, WithoutACompilerEveryKernelRunsOnTheInterpreter) {
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, TrainingPlan());
  const std::vector<double> want = Losses(plan);
  WarningCapture warnings;
  setenv("STRATA_CC", "/nowhere/c++", 1);
  const std::vector<double> got = Losses(plan);
  unsetenv("STRATA_CC");
  ExpectNear(got, want);
  EXPECT_THAT(warnings.messages(), ::testing::ElementsAre(::testing::AllOf(
                                       HasSubstr("and "), HasSubstr("more run on the interpreter"),
                                       HasSubstr("install g++, or set STRATA_CC"))));
}

TEST(CpuDeviceTest, AKernelThatDoesNotCompileAndHasNoReferenceIsAnError) {
  STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan plan, TrainingPlan());
  plan.mutable_kernels(0)->mutable_source()->append("\nthis is not C");
  plan.mutable_kernels(0)->clear_reference();
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

// y = x W in bf16; K is long enough for the order and width of sums to show.
graph::Graph Bf16Product() {
  graph::Builder b("product");
  const graph::Attributes bf16 = {{"dtype", graph::Attr(chips::BF16)}};
  const auto x = b.Apply("cast", {b.Input("x", {chips::F32, {8, 200}}, graph::DATA)}, bf16);
  const auto w = b.Apply("cast", {b.Input("w", {chips::F32, {200, 8}}, graph::PARAMETER)}, bf16);
  b.Output(b.Apply("cast", {b.Apply("matmul", {x, w})}, {{"dtype", graph::Attr(chips::F32)}}), "y",
           graph::REPLICATED);
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *graph;
}

TEST(ReferenceDeviceTest, ComputesAsAnotherMachineBitForBit) {
  RegisterAllDevices();
  const graph::Graph graph = Bf16Product();
  const auto inputs = MakeInputs(graph);
  STRATA_ASSERT_OK_AND_ASSIGN(auto compiler, CreateCompiler("reference"));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan,
                              compiler->Compile(graph, chips::Chip(), CompileOptions()));
  for (const char* name : {"as_v100", "as_h100", "reference"}) {
    auto evaluator = graph::EvaluatorRegistry().Create(name);
    ASSERT_OK(evaluator.status());
    const auto want = (*evaluator)->Evaluate(graph, inputs);
    DeviceOptions options;
    options.arithmetic = name;
    STRATA_ASSERT_OK_AND_ASSIGN(auto device, DeviceRegistry().Create("reference", options));
    STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device->Load(plan));
    const auto got = executable->Run(inputs, {});
    ASSERT_EQ(got.ok(), want.ok()) << name << got.status();
    if (!got.ok()) continue;  // V100 multiplies no bf16
    EXPECT_EQ((*got)[0].ToDoubles(), (*want)[0].ToDoubles()) << name;
  }
}

TEST(ReferenceDeviceTest, AnUnknownArithmeticListsTheOthers) {
  RegisterAllDevices();
  DeviceOptions options;
  options.arithmetic = "as_abacus";
  EXPECT_THAT(DeviceRegistry().Create("reference", options),
              StatusIs(absl::StatusCode::kNotFound,
                       ::testing::AllOf(HasSubstr("arithmetic"), HasSubstr("as_h100"))));
  options.arithmetic = "as_h100";
  EXPECT_THAT(DeviceRegistry().Create("cpu", options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the device 'reference'")));
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
  EXPECT_THAT(DeviceRegistry().Create("tpu", DeviceOptions()),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("there is: cpu, model, npu, null, reference")));
}

}  // namespace
}  // namespace strata::compiler
