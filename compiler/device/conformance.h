// What every Device must do. An implementation instantiates the suite:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, DeviceConformanceTest,
//                            ::testing::Values(DeviceUnderTest{"mine", &CreateMine, "strata"}),
//                            [](const auto& info) { return info.param.name; });
//
// and links it with //compiler/device:conformance. What a device says it cannot do (DeviceCapabilities) must fail with
// the right error; the rest must work.
#ifndef STRATA_COMPILER_DEVICE_CONFORMANCE_H_
#define STRATA_COMPILER_DEVICE_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "chips/spec/catalogue.h"
#include "chips/timeline/validate.h"
#include "compiler/device/device.h"
#include "compiler/device/twin_collectives.h"
#include "compiler/driver/compiler.h"
#include "framework/graph/builder.h"
#include "framework/graph/op_case_batch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {

struct DeviceUnderTest {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<Device>>(const DeviceOptions&)> create;
  std::string compiler;                             // whose plans it runs: "strata" or "reference"
  std::vector<chips::DType> dtypes = {chips::F32};  // of the op cases it is put through
  std::string target = "cpu";                       // CompileOptions.device of its plans
  std::string chip = "";                            // of the catalogue; "": none is named
};

class DeviceConformanceTest : public ::testing::TestWithParam<DeviceUnderTest> {
 protected:
  using Tensors = std::vector<graph::HostTensor>;

  void SetUp() override {
    auto device = Make(nullptr);
    ASSERT_OK(device.status());
    device_ = *std::move(device);
  }

  static absl::StatusOr<std::unique_ptr<Device>> Make(Collectives* collectives) {
    DeviceOptions options;
    options.threads = 2;
    options.collectives = collectives;
    STRATA_ASSIGN_OR_RETURN(options.chip, chips::FindChip("h100"));
    return GetParam().create(options);
  }

  static absl::StatusOr<plan::Plan> Compile(const graph::Graph& graph) {
    chips::Chip chip;
    if (!GetParam().chip.empty()) {
      STRATA_ASSIGN_OR_RETURN(chip, chips::FindChip(GetParam().chip));
    }
    STRATA_ASSIGN_OR_RETURN(auto instance, CreateCompiler(GetParam().compiler));
    CompileOptions options;
    options.device = GetParam().target;
    return instance->Compile(graph, chip, options);
  }

  // For the CPU: with kernels in C.
  static absl::StatusOr<plan::Plan> CompileToC(const graph::Graph& graph) {
    STRATA_ASSIGN_OR_RETURN(auto instance, CreateCompiler("strata"));
    return instance->Compile(graph, chips::Chip(), CompileOptions());
  }

  bool computes() const { return device_->capabilities().computes; }

  // y = exp(x) + w; w := y.
  static plan::Plan UpdatingPlan() {
    graph::Builder b("update");
    const auto x = b.Input("x", {chips::F32, {5, 3}}, graph::DATA);
    const auto w = b.Input("w", {chips::F32, {5, 3}}, graph::STATE);
    const auto y = b.Apply("add", {b.Apply("exp", {x}), w});
    b.Output(y, "y", graph::REPLICATED);
    b.Update(w, y);
    return CompileBuilt(std::move(b));
  }

  // One collective over x [4]; `grown` and `shrunk` for those that change the size, on two ranks.
  static plan::Plan CollectivePlan(const std::string& op, const graph::Attributes& attributes) {
    graph::Builder b(op);
    const auto x = b.Input("x", {chips::F32, {4}}, graph::DATA);
    b.Output(b.Apply(op, {x}, attributes), "y", graph::REPLICATED);
    return CompileBuilt(std::move(b));
  }

  static plan::Plan CompileBuilt(graph::Builder b) {
    auto graph = std::move(b).Build();
    EXPECT_OK(graph.status());
    auto plan = Compile(*graph);
    EXPECT_OK(plan.status());
    return plan.ok() ? *plan : plan::Plan();
  }

  absl::StatusOr<Tensors> LoadAndRun(const plan::Plan& plan, const Tensors& inputs) {
    STRATA_ASSIGN_OR_RETURN(auto executable, device_->Load(plan));
    return executable->Run(inputs, {});
  }

  static graph::HostTensor Filled(std::vector<int64_t> dims, double value) {
    graph::HostTensor tensor = graph::HostTensor::Zeros(chips::F32, std::move(dims));
    tensor.SetFromDoubles(std::vector<double>(static_cast<size_t>(tensor.elements()), value));
    return tensor;
  }

  std::unique_ptr<Device> device_;
};

TEST_P(DeviceConformanceTest, HasItsName) { EXPECT_EQ(device_->name(), GetParam().name); }

TEST_P(DeviceConformanceTest, EveryOpAgreesWithTheInterpreter) {
  for (chips::DType dtype : GetParam().dtypes) {
    SCOPED_TRACE(chips::DTypeName(dtype));
    const graph::OpCaseBatch batch = graph::MakeOpCaseBatch(graph::AllOpCases(dtype));
    STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(batch.graph));
    STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device_->Load(plan));
    chips::Timeline timeline;
    STRATA_ASSERT_OK_AND_ASSIGN(const Tensors outputs,
                                executable->Run(batch.CloneInputs(), {&timeline}));
    EXPECT_OK(chips::ValidateTimeline(timeline));
    if (computes()) {
      EXPECT_EQ(batch.Compare(outputs), "");
    } else {
      EXPECT_TRUE(outputs.empty());
    }
  }
}

TEST_P(DeviceConformanceTest, UpdatesAreMadeInPlace) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device_->Load(UpdatingPlan()));
  const graph::HostTensor x = Filled({5, 3}, 0), w = Filled({5, 3}, 1);
  for (int run = 1; run <= 3; ++run) {
    STRATA_ASSERT_OK_AND_ASSIGN(const Tensors outputs, executable->Run({x, w}, {}));
    if (!computes()) {
      EXPECT_TRUE(outputs.empty());
      EXPECT_EQ(w.ToDoubles(), std::vector<double>(15, 1.0));
      continue;
    }
    EXPECT_EQ(outputs[0].raw(), w.raw());
    EXPECT_EQ(w.ToDoubles(), std::vector<double>(15, 1.0 + run));
    EXPECT_EQ(x.ToDoubles(), std::vector<double>(15, 0.0));
  }
}

TEST_P(DeviceConformanceTest, OtherOutputsAreFresh) {
  if (!computes()) return;  // there are none
  graph::Builder b("fresh");
  b.Output(b.Apply("neg", {b.Input("x", {chips::F32, {6}}, graph::DATA)}), "y", graph::REPLICATED);
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device_->Load(CompileBuilt(std::move(b))));
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors first, executable->Run({Filled({6}, 1)}, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors second, executable->Run({Filled({6}, 2)}, {}));
  executable.reset();
  EXPECT_EQ(first[0].ToDoubles(), std::vector<double>(6, -1.0));
  EXPECT_EQ(second[0].ToDoubles(), std::vector<double>(6, -2.0));
}

TEST_P(DeviceConformanceTest, TimelineHasOneEventAStep) {
  const plan::Plan plan = UpdatingPlan();
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device_->Load(plan));
  chips::Timeline timeline;
  ASSERT_OK(executable->Run({Filled({5, 3}, 0), Filled({5, 3}, 1)}, {&timeline}).status());
  EXPECT_OK(chips::ValidateTimeline(timeline));
  EXPECT_EQ(timeline.source(), device_->capabilities().timeline);
  EXPECT_EQ(timeline.lanes_size(), 1);
  ASSERT_EQ(timeline.events_size(), plan.steps_size());
  for (int i = 0; i < plan.steps_size(); ++i) {
    const chips::TimelineEvent& event = timeline.events(i);
    EXPECT_EQ(event.step(), i);
    EXPECT_EQ(event.name(), plan.steps(i).name());
    EXPECT_EQ(event.origin(), plan.steps(i).origin());
    EXPECT_EQ(event.flops(), plan.steps(i).flops());
    EXPECT_EQ(event.bytes(), plan.steps(i).bytes_read() + plan.steps(i).bytes_written());
  }
}

TEST_P(DeviceConformanceTest, AWrongInputIsNamed) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device_->Load(UpdatingPlan()));
  const graph::HostTensor good = Filled({5, 3}, 0);
  EXPECT_THAT(executable->Run({good}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("takes 2 inputs; 1 were given")));
  EXPECT_THAT(
      executable->Run({good, Filled({5, 4}, 0)}, {}),
      StatusIs(absl::StatusCode::kInvalidArgument,
               ::testing::HasSubstr("input 'w': is f32[5, 4]; the plan asks for f32[5, 3]")));
  EXPECT_THAT(executable->Run({graph::HostTensor::Zeros(chips::I32, {5, 3}), good}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("input 'x': is i32[5, 3]")));
  EXPECT_OK(executable->Run({good, Filled({5, 3}, 0)}, {}).status());
}

TEST_P(DeviceConformanceTest, ABadPlanIsRefused) {
  plan::Plan plan = UpdatingPlan();
  plan.set_version(7);
  EXPECT_THAT(device_->Load(plan), StatusIs(absl::StatusCode::kInvalidArgument,
                                            ::testing::HasSubstr("plan 'update': version: is 7")));
}

TEST_P(DeviceConformanceTest, APlanForAnotherDeviceAsksToCompileAgain) {
  plan::Plan plan = UpdatingPlan();
  plan.mutable_target()->set_device("abacus");
  if (!computes()) {
    EXPECT_OK(device_->Load(plan).status());  // a prediction needs the work only
    return;
  }
  EXPECT_THAT(device_->Load(plan),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::AllOf(::testing::HasSubstr("'abacus'"),
                                        ::testing::HasSubstr("compile again"))));
}

TEST_P(DeviceConformanceTest, EmittedKernelsRunOrAreUnimplemented) {
  graph::Builder b("kernel");
  const auto x = b.Input("x", {chips::F32, {40}}, graph::DATA);
  b.Output(b.Apply("tanh", {b.Apply("square", {x})}), "y", graph::REPLICATED);
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan plan, CompileToC(graph));
  ASSERT_TRUE(plan.steps(0).has_launch());
  if (!device_->capabilities().emitted_c) {
    plan.mutable_target()->set_device(GetParam().target);
    EXPECT_THAT(device_->Load(plan),
                StatusIs(absl::StatusCode::kUnimplemented, ::testing::HasSubstr("launch")));
    return;
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors outputs, LoadAndRun(plan, {Filled({40}, 0)}));
  if (!computes()) return;
  EXPECT_EQ(outputs[0].ToDoubles(), std::vector<double>(40, 0.0));
}

TEST_P(DeviceConformanceTest, BadDataIsReportedWithItsModelLine) {
  if (!computes()) return;  // it reads no data
  graph::Builder b("lookup");
  const auto table = b.Input("table", {chips::F32, {4, 2}}, graph::PARAMETER);
  const auto ids = b.Input("ids", {chips::I32, {2}}, graph::DATA);
  {
    const auto scope = graph::Builder::Scope::Exactly(b, "model.wte (model.cc:7)");
    b.Output(b.Apply("embedding", {table, ids}), "rows", graph::SHARDED);
  }
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device_->Load(CompileBuilt(std::move(b))));
  const graph::HostTensor rows = Filled({4, 2}, 3);
  EXPECT_THAT(executable->Run({rows, graph::HostTensor::FromVector<int32_t>({2}, {0, 9})}, {}),
              StatusIs(absl::StatusCode::kOutOfRange,
                       ::testing::AllOf(::testing::HasSubstr("model.wte (model.cc:7)"),
                                        ::testing::HasSubstr("is 9"))));
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Tensors outputs,
      executable->Run({rows, graph::HostTensor::FromVector<int32_t>({2}, {0, 3})}, {}));
  EXPECT_EQ(outputs[0].ToDoubles(), std::vector<double>(4, 3.0));
}

TEST_P(DeviceConformanceTest, AnEmptyPlanDoesNothing) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors outputs,
                              LoadAndRun(CompileBuilt(graph::Builder("empty")), {}));
  EXPECT_TRUE(outputs.empty());
}

// The twin is a second rank with the same data.
TEST_P(DeviceConformanceTest, CollectivesTalkToTheOtherRanks) {
  if (!computes() || !device_->capabilities().collectives) return;
  TwinCollectives twin;
  STRATA_ASSERT_OK_AND_ASSIGN(device_, Make(&twin));
  const graph::HostTensor x = graph::HostTensor::FromVector<float>({4}, {1, 2, 3, 4});
  const auto result = [&](const std::string& op, const graph::Attributes& attributes) {
    const auto outputs = LoadAndRun(CollectivePlan(op, attributes), {x});
    EXPECT_OK(outputs.status());
    return outputs.ok() ? (*outputs)[0].ToDoubles() : std::vector<double>();
  };
  const auto sum = graph::Attr("sum"), mean = graph::Attr("mean");
  EXPECT_EQ(result("all_reduce", {{"reduction", sum}}), (std::vector<double>{2, 4, 6, 8}));
  EXPECT_EQ(result("all_reduce", {{"reduction", mean}}), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(result("all_gather", {{"ranks", graph::Attr(2)}}),
            (std::vector<double>{1, 2, 3, 4, 1, 2, 3, 4}));
  EXPECT_EQ(result("reduce_scatter", {{"ranks", graph::Attr(2)}, {"reduction", sum}}),
            (std::vector<double>{2, 4}));
  EXPECT_EQ(result("broadcast", {{"root", graph::Attr(0)}}), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(twin.calls, 5);
  EXPECT_EQ(x.ToDoubles(), (std::vector<double>{1, 2, 3, 4}));
}

TEST_P(DeviceConformanceTest, OneRankNeedsNoCollectives) {
  if (!computes()) return;
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Tensors outputs,
      LoadAndRun(CollectivePlan("all_reduce", {{"reduction", graph::Attr("sum")}}),
                 {Filled({4}, 2)}));
  EXPECT_EQ(outputs[0].ToDoubles(), std::vector<double>(4, 2.0));
  EXPECT_THAT(
      LoadAndRun(CollectivePlan("all_gather", {{"ranks", graph::Attr(2)}}), {Filled({4}, 2)}),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               ::testing::HasSubstr("the plan is for 2 ranks")));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DeviceConformanceTest);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_CONFORMANCE_H_
