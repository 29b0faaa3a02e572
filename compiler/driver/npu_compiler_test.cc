// Plans for the device "npu": which machine, which steps, and that they compute what the interpreter does.
#include "compiler/driver/npu_compiler.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/spec/catalogue.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/test_models.h"
#include "compiler/plan/validate.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

absl::StatusOr<plan::Plan> Compile(const graph::Graph& graph, const chips::Chip& chip = {},
                                   CompileOptions options = {}) {
  options.device = "npu";
  STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));
  return compiler->Compile(graph, chip, options);
}

graph::Graph Mlp() {
  auto graph = MlpTrainingStep(2, 4);
  EXPECT_OK(graph.status());
  return *graph;
}

TEST(NpuCompilerTest, TakesTheMachineOfTheChip) {
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan unnamed, Compile(Mlp()));
  EXPECT_EQ(unnamed.target().device(), "npu");
  EXPECT_EQ(unnamed.target().isa(), "edge_16");
  for (const std::string& name : chips::SimulatedChipNames()) {
    STRATA_ASSERT_OK_AND_ASSIGN(const chips::Chip chip, chips::FindChip(name));
    STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(Mlp(), chip));
    EXPECT_EQ(plan.target().isa(), chip.npu_machine());
    EXPECT_EQ(plan.target().chip(), name);
    EXPECT_OK(plan::ValidatePlan(plan));
  }
}

TEST(NpuCompilerTest, AChipWithoutAMachineListsThoseWithOne) {
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::Chip chip, chips::FindChip("h100"));
  EXPECT_THAT(
      Compile(Mlp(), chip),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("chip 'h100' has no npu_machine"),
                     HasSubstr("davinci_like, edge_16, edge_16_os, tpu_v1_like, tpu_v4_like"))));
}

TEST(NpuCompilerTest, AMachineThatIsNotThereIsNamed) {
  STRATA_ASSERT_OK_AND_ASSIGN(chips::Chip chip, chips::FindChip("edge_16"));
  chip.set_npu_machine("edge_17");
  EXPECT_THAT(Compile(Mlp(), chip),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no machine named 'edge_17'")));
}

TEST(NpuCompilerTest, AChipThatContradictsItsMachineIsRefused) {
  STRATA_ASSERT_OK_AND_ASSIGN(chips::Chip chip, chips::FindChip("edge_16"));
  chip.mutable_rates(0)->mutable_flops_per_second()->set_value(9e15);
  EXPECT_THAT(Compile(Mlp(), chip),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("chip 'edge_16': rates[0].flops_per_second.value: 9e+15 "
                                 "contradicts npu_machine 'edge_16'")));
}

TEST(NpuCompilerTest, OptionsOfTheCpuAreRefused) {
  const auto refuses = [](const CompileOptions& options, const char* field) {
    EXPECT_THAT(Compile(Mlp(), {}, options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
  };
  CompileOptions options;
  options.isa = "avx2";
  refuses(options, "isa: 'avx2'");
  options = {};
  options.gemm = "emitted";
  refuses(options, "gemm and tuning_log");
  options = {};
  options.memory_budget_bytes = 1000;
  refuses(options, "memory_budget_bytes");
  options = {};
  options.skip_passes = {"no_such_pass"};
  refuses(options, "no pass 'no_such_pass'; the pipeline is attention_expansion");
  options = {};
  options.compute_dtype = chips::F16;
  refuses(options, "compute_dtype");
}

TEST(NpuCompilerTest, ReasonsSayWhereAStepRuns) {
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(Mlp()));
  for (const plan::Step& step : plan.steps()) {
    EXPECT_FALSE(step.has_library_call());
    if (!step.has_host_call()) continue;
    EXPECT_THAT(step.reason(), HasSubstr("on the host: "));
  }
}

// A convolution-free layer in bf16 with its bias and activation is one launch; without the pass, several.
TEST(NpuCompilerTest, GroupsAreOneProgram) {
  graph::Builder b("layer");
  const auto x = b.Input("x", {chips::BF16, {40, 48}}, graph::DATA);
  const auto w = b.Input("w", {chips::BF16, {48, 20}}, graph::PARAMETER);
  const auto bias = b.Input("bias", {chips::F32, {20}}, graph::PARAMETER);
  const auto product =
      b.Apply("cast", {b.Apply("matmul", {x, w})}, {{"dtype", graph::Attr(chips::F32)}});
  b.Output(b.Apply("relu", {b.Apply("add", {product, bias})}), "y", graph::REPLICATED);
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan fused, Compile(graph));
  ASSERT_EQ(fused.steps_size(), 1);
  EXPECT_TRUE(fused.steps(0).has_launch()) << fused.steps(0).reason();
  const plan::Kernel& kernel = fused.kernels(0);
  EXPECT_EQ(kernel.language(), plan::NPU);
  EXPECT_THAT(kernel.entry(), HasSubstr("npu_matmul_fused_"));
  EXPECT_FALSE(kernel.loop_nest().empty());
  CompileOptions options;
  options.skip_passes = {"npu_fusion"};
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan apart, Compile(graph, {}, options));
  EXPECT_GT(apart.steps_size(), 1);
}

// Two equal nodes share a program.
TEST(NpuCompilerTest, EqualGroupsShareAKernel) {
  graph::Builder b("twice");
  const auto x = b.Input("x", {chips::F32, {6, 8}}, graph::DATA);
  const auto y = b.Input("y", {chips::F32, {6, 8}}, graph::DATA);
  b.Output(b.Apply("tanh", {x}), "a", graph::REPLICATED);
  b.Output(b.Apply("tanh", {y}), "b", graph::REPLICATED);
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(graph));
  EXPECT_EQ(plan.steps_size(), 2);
  EXPECT_EQ(plan.kernels_size(), 1);
}

TEST(NpuCompilerTest, ATrainingStepComputesWhatTheInterpreterDoes) {
  const graph::Graph graph = Mlp();
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(graph));
  RegisterAllDevices();
  STRATA_ASSERT_OK_AND_ASSIGN(auto device, DeviceRegistry().Create("npu", DeviceOptions()));
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device->Load(plan));
  const auto ours = MakeInputs(graph), right = MakeInputs(graph);
  for (int step = 0; step < 2; ++step) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto got, executable->Run(ours, {}));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(graph, right));
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_EQ(graph::CompareTensors(got[i], want[i], 2e-5), "") << "step " << step;
  }
}

}  // namespace
}  // namespace strata::compiler
