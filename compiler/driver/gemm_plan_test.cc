// Plans whose matrix products are emitted kernels, against the interpreter.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/status_matchers.h"
#include "compiler/codegen/emit.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/lowering.h"
#include "compiler/driver/strata_compiler.h"
#include "compiler/driver/test_models.h"
#include "compiler/plan/validate.h"
#include "compiler/schedule/emit_c.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::HasSubstr;

std::vector<graph::HostTensor> Clone(const std::vector<graph::HostTensor>& tensors) {
  std::vector<graph::HostTensor> clones;
  for (const graph::HostTensor& tensor : tensors) clones.push_back(tensor.Clone());
  return clones;
}

absl::StatusOr<plan::Plan> Compile(const graph::Graph& graph, const CompileOptions& options) {
  return CreateStrataCompiler()->Compile(graph, chips::Chip(), options);
}

void ExpectAgrees(const plan::Plan& plan, const graph::Graph& graph,
                  const std::vector<graph::HostTensor>& ours, double tolerance) {
  RegisterAllDevices();
  DeviceOptions options;
  options.threads = 2;
  STRATA_ASSERT_OK_AND_ASSIGN(auto device, DeviceRegistry().Create("cpu", options));
  STRATA_ASSERT_OK_AND_ASSIGN(auto executable, device->Load(plan));
  const std::vector<graph::HostTensor> right = Clone(ours);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, executable->Run(ours, {}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(graph, right));
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(graph::CompareTensors(got[i], want[i], tolerance), "")
        << plan.output_names(static_cast<int>(i));
}

int StepsBecause(const plan::Plan& plan, const std::string& why) {
  int count = 0;
  for (const plan::Step& step : plan.steps()) count += absl::StrContains(step.reason(), why);
  return count;
}

int LibraryProducts(const plan::Plan& plan) {
  int count = 0;
  for (const plan::Step& step : plan.steps()) {
    const std::string& routine = step.library_call().routine();
    count += routine == "matmul" || routine == "contract_leading";
  }
  return count;
}

TEST(GemmPlanTest, ATrainingStepWithEmittedProducts) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MlpTrainingStep(33, 20));
  CompileOptions options;
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan library, Compile(graph, options));
  EXPECT_EQ(StepsBecause(library, "emitted product"), 0);  // nothing was measured
  options.gemm = "emitted";
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan emitted, Compile(graph, options));
  EXPECT_EQ(LibraryProducts(emitted), 0);
  EXPECT_EQ(StepsBecause(emitted, "emitted product"), LibraryProducts(library));
  EXPECT_EQ(StepsBecause(emitted, "panels of the left operand"), LibraryProducts(library));
  ExpectAgrees(emitted, graph, MakeInputs(graph), 1e-5);
}

// The plan's text is enough to make each product's kernel again, to the letter; what is damaged is no plan.
TEST(GemmPlanTest, SchedulesOfAPlanMakeItsKernels) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MlpTrainingStep(33, 20));
  CompileOptions options;
  options.gemm = "emitted";
  STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan plan, Compile(graph, options));
  int replayed = 0;
  for (const plan::Kernel& kernel : plan.kernels()) {
    if (kernel.schedule().empty()) continue;
    STRATA_ASSERT_OK_AND_ASSIGN(const plan::Kernel again, schedule::EmitRecipe(kernel.schedule()));
    EXPECT_EQ(again.source(), kernel.source());
    ++replayed;
  }
  EXPECT_GT(replayed, 4);
  for (plan::Kernel& kernel : *plan.mutable_kernels()) {
    if (kernel.schedule().empty()) continue;
    kernel.mutable_schedule()->erase(kernel.schedule().find("schedule\n") + 9, 3);
    EXPECT_THAT(plan::ValidatePlan(plan),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         ::testing::AllOf(HasSubstr(".schedule: "), HasSubstr("line 1"),
                                          HasSubstr("compile the graph again"))));
    break;
  }
}

// y = x w^T in bf16: the library has no such routine.
TEST(GemmPlanTest, WhatTheLibraryLacksIsEmitted) {
  graph::Builder b("bf16");
  const graph::ValueId x = b.Input("x", {chips::BF16, {21, 30}}, graph::DATA);
  const graph::ValueId w = b.Input("w", {chips::BF16, {17, 30}}, graph::DATA);
  b.Output(b.Apply("matmul", {x, w}, {{"transpose_b", graph::Attr(true)}}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(graph, {}));
  EXPECT_EQ(StepsBecause(plan, "no library routine"), 1);
  std::vector<graph::HostTensor> inputs;
  for (const std::vector<int64_t>& dims : {std::vector<int64_t>{21, 30}, {17, 30}}) {
    std::vector<double> numbers;
    for (int i = 0; i < dims[0] * dims[1]; ++i) numbers.push_back((i * 37 % 64 - 32) / 16.0);
    inputs.push_back(graph::HostTensor::FromDoubles(chips::BF16, dims, numbers));
  }
  ExpectAgrees(plan, graph, inputs, 0x1p-7);
}

// A record whose config packs all of B first: a step more, the same numbers.
TEST(GemmPlanTest, ARecordThatPacksTheRightOperandFirst) {
  graph::Builder b("packed");
  const graph::ValueId x = b.Input("x", {chips::F32, {37, 70}}, graph::DATA);
  const graph::ValueId w = b.Input("w", {chips::F32, {70, 41}}, graph::DATA);
  b.Output(b.Apply("matmul", {x, w}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, std::move(b).Build());
  GemmConfig config;
  config.rows = 4;
  config.vectors = 2;
  config.depth = 64;
  config.panels = 1;
  config.pack_b_first = true;
  LoweringTarget target;
  target.device = "cpu";
  target.isa = HostIsa();
  target.gemm_records = [&](const GemmProblem&) { return GemmRecord{config, 1e-6, 2e-6}; };
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, LowerGraph(graph, target));
  EXPECT_EQ(StepsBecause(plan, "panels of the left operand"), 1);
  EXPECT_EQ(StepsBecause(plan, "panels of the right operand"), 1);
  EXPECT_EQ(StepsBecause(plan, "100.0 % faster"), 1);
  ExpectAgrees(plan, graph, MakeInputs(graph), 1e-5);
}

TEST(GemmPlanTest, AnUnknownPolicyIsRefused) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MlpTrainingStep(2, 4));
  CompileOptions options;
  options.gemm = "fast";
  EXPECT_THAT(Compile(graph, options), StatusIs(absl::StatusCode::kInvalidArgument,
                                                HasSubstr("gemm: 'fast' is none of fastest")));
}

}  // namespace
}  // namespace strata::compiler
