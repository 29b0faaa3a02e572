// Whole graphs through the compilers and the CPU device, against the interpreter.
#include "compiler/driver/compiler.h"

#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "compiler/device/device.h"
#include "compiler/driver/strata_compiler.h"
#include "compiler/driver/test_models.h"
#include "compiler/pass/pass.h"
#include "compiler/pass/random_graph.h"
#include "compiler/plan/explain.h"
#include "compiler/plan/memory_use.h"
#include "compiler/plan/validate.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::HasSubstr;

constexpr char kExample[] = "exec:compiler/driver/reference_compiler";

std::vector<graph::HostTensor> Clone(const std::vector<graph::HostTensor>& tensors) {
  std::vector<graph::HostTensor> clones;
  for (const graph::HostTensor& tensor : tensors) clones.push_back(tensor.Clone());
  return clones;
}

absl::StatusOr<plan::Plan> Compile(const std::string& compiler, const graph::Graph& graph,
                                   const CompileOptions& options = {}) {
  STRATA_ASSIGN_OR_RETURN(auto instance, CreateCompiler(compiler));
  return instance->Compile(graph, chips::Chip(), options);
}

absl::StatusOr<std::vector<graph::HostTensor>> RunPlan(
    const plan::Plan& plan, const std::vector<graph::HostTensor>& inputs) {
  RegisterAllDevices();
  DeviceOptions options;
  options.threads = 2;
  STRATA_ASSIGN_OR_RETURN(auto device, DeviceRegistry().Create("cpu", options));
  STRATA_ASSIGN_OR_RETURN(auto executable, device->Load(plan));
  return executable->Run(inputs, {});
}

// Runs `steps` steps on both; outputs and updated inputs must agree.
void ExpectAgrees(const std::string& compiler, const graph::Graph& graph,
                  const std::vector<graph::HostTensor>& inputs, int steps, double tolerance) {
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(compiler, graph));
  const std::vector<graph::HostTensor> ours = Clone(inputs), right = Clone(inputs);
  for (int step = 0; step < steps; ++step) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto got, RunPlan(plan, ours));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(graph, right));
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(graph::CompareTensors(got[i], want[i], tolerance), "")
          << "step " << step << ", output " << plan.output_names(static_cast<int>(i));
    }
    for (size_t i = 0; i < ours.size(); ++i)
      EXPECT_EQ(graph::CompareTensors(ours[i], right[i], tolerance), "");
  }
}

class CompilerTest : public ::testing::TestWithParam<std::string> {};

TEST_P(CompilerTest, TrainsAnMlp) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MlpTrainingStep(9, 20));
  ExpectAgrees(GetParam(), graph, MakeInputs(graph), 3, 1e-5);
}

TEST_P(CompilerTest, TrainsAGpt) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep({}));
  // AdamW's first step divides a gradient by its own size: where it is all rounding, the sign is too, and the
  // parameter moves by lr either way.
  ExpectAgrees(GetParam(), graph, MakeInputs(graph), 1, 2.1e-3);
}

TEST_P(CompilerTest, RandomGraphsKeepTheirMeaning) {
  for (uint32_t seed = 100; seed < 106; ++seed) {
    SCOPED_TRACE(seed);
    const RandomGraph random = MakeRandomGraph(seed, 60);
    ExpectAgrees(GetParam(), random.graph, random.inputs, 2, 1.2e-7 * 200);
  }
}

TEST_P(CompilerTest, PlansAreValidAndExplained) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MlpTrainingStep(4, 8));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(GetParam(), graph));
  EXPECT_OK(plan::ValidatePlan(plan));
  EXPECT_EQ(plan.target().device(), "cpu");
  for (const plan::Step& step : plan.steps()) EXPECT_FALSE(step.reason().empty());
  EXPECT_THAT(plan::ExplainPlan(plan), HasSubstr("plan 'mlp_step' for cpu"));
}

TEST_P(CompilerTest, SymbolsMustBeBoundBefore) {
  graph::Builder b("open");
  b.Output(b.Apply("neg", {b.Input("x", {chips::F32, {"N"}}, graph::DATA)}), "y", graph::SHARDED);
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, std::move(b).Build());
  EXPECT_THAT(Compile(GetParam(), graph),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("graph 'open': value 'x' has the symbol N")));
}

TEST_P(CompilerTest, ABadGraphIsRefused) {
  graph::Graph graph;
  graph.set_name("broken");
  EXPECT_THAT(Compile(GetParam(), graph),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("graph 'broken': version")));
}

TEST_P(CompilerTest, AnEmptyGraphIsAnEmptyPlan) {
  graph::Builder b("empty");
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(GetParam(), graph));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, RunPlan(plan, {}));
  EXPECT_TRUE(outputs.empty());
}

INSTANTIATE_TEST_SUITE_P(Compilers, CompilerTest,
                         ::testing::Values("strata", "reference", kExample), [](const auto& info) {
                           return info.param == kExample ? std::string("exec")
                                                         : std::string(info.param);
                         });

TEST(StrataCompilerTest, PicksAKernelForEachNode) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep({}));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile("strata", graph));
  std::map<std::string, int> routines;
  double flops = 0;
  for (const plan::Step& step : plan.steps()) {
    EXPECT_FALSE(step.has_host_call()) << step.name() << ": " << step.reason();
    if (!step.has_library_call()) continue;
    ++routines[step.library_call().routine()];
    if (step.library_call().routine() == "matmul") flops += step.flops();
  }
  // Two layers of four products, each forward and once backward for its input, and the output weights' two.
  EXPECT_EQ(routines["matmul"], 2 * 4 * 2 + 2);
  EXPECT_EQ(routines["contract_leading"], 2 * 4 + 1);
  EXPECT_EQ(routines["attention"], 2);
  EXPECT_EQ(routines["attention_gradient"], 2);
  const double tokens = 2 * 16, width = 32, layer = 12 * width * width, head = width * 61;
  EXPECT_EQ(flops, 2 * tokens * 2 * (2 * layer + head));
}

TEST(StrataCompilerTest, UpdatesAreWrittenInPlaceAndLayersShareKernels) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep({}));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile("strata", graph));
  int copies = 0, launches = 0;
  for (const plan::Step& step : plan.steps()) {
    copies += step.has_copy();
    launches += step.has_launch();
  }
  EXPECT_EQ(copies, 0);
  EXPECT_LT(plan.kernels_size(), launches * 2 / 3);
}

TEST(StrataCompilerTest, LogitsAreHeldOnceAndTheArenaIsNearItsBound) {
  GptSizes sizes;
  sizes.tokens = 12;
  sizes.layers = 6;
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep(sizes));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile("strata", graph));
  std::set<uint32_t> roots;  // of the logits and their gradient
  for (uint32_t id = 0; id < static_cast<uint32_t>(plan.buffers_size()); ++id) {
    const plan::Buffer& buffer = plan.buffers(static_cast<int>(id));
    if (buffer.size_bytes() == 4u * 2 * 12 * 61) roots.insert(plan::RootBuffer(plan, id));
  }
  EXPECT_EQ(roots.size(), 1u);
  const plan::MemoryUse use = plan::MemoryUseOf(plan);
  EXPECT_LE(use.arena, 1.05 * static_cast<double>(use.arena_lower_bound));
  // In the order of the graph's author all gradients wait for the optimizer at the end.
  CompileOptions options;
  options.skip_passes = {"memory_order"};
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan unordered, Compile("strata", graph, options));
  EXPECT_LT(use.arena, plan::MemoryUseOf(unordered).arena);
}

// Values that are made again in the backward pass give the same training step in less memory.
TEST(StrataCompilerTest, AMemoryBudgetIsMetWithTheSameNumbers) {
  GptSizes sizes;
  sizes.layers = 4;
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep(sizes));
  CompileOptions options;
  options.skip_passes = {"min_cut_partition"};
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan all_kept, Compile("strata", graph, options));
  double cheap = -1, dear = -1;
  options.skip_passes = {};
  options.recomputed_flops = &cheap;
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan cut, Compile("strata", graph, options));
  const plan::MemoryUse kept = plan::MemoryUseOf(all_kept), less = plan::MemoryUseOf(cut);
  EXPECT_LT(less.arena, kept.arena);
  EXPECT_GT(cheap, 0);
  options.recomputed_flops = &dear;
  options.memory_budget_bytes = less.peak() - less.arena / 8;
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan fitted, Compile("strata", graph, options));
  EXPECT_LE(plan::MemoryUseOf(fitted).peak(), options.memory_budget_bytes);
  EXPECT_GT(dear, cheap);
  const std::vector<graph::HostTensor> inputs = MakeInputs(graph);
  const auto loss = [&](const plan::Plan& plan) {
    const auto outputs = RunPlan(plan, Clone(inputs));
    EXPECT_OK(outputs.status());
    return outputs.ok() ? (*outputs)[0].ToDoubles()[0] : -1;
  };
  EXPECT_NEAR(loss(cut), loss(all_kept), 1e-6);
  EXPECT_NEAR(loss(fitted), loss(all_kept), 1e-6);

  options.memory_budget_bytes = 1000;
  EXPECT_THAT(Compile("strata", graph, options),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       ::testing::AllOf(HasSubstr("memory budget of 1000 bytes"),
                                        HasSubstr("the smallest budget reachable is"))));
  EXPECT_THAT(Compile("reference", graph, options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("memory_budget_bytes")));
}

TEST(StrataCompilerTest, PassesMayBeLeftOut) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep({}));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan whole, Compile("strata", graph));
  CompileOptions options;
  options.skip_passes = {"fusion"};
  std::vector<std::string> seen;
  options.observer = [&](absl::string_view pass, bool, const graph::Graph&) {
    seen.emplace_back(pass);
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan unfused, Compile("strata", graph, options));
  EXPECT_GT(unfused.steps_size(), 2 * whole.steps_size());
  EXPECT_THAT(seen, ::testing::Not(::testing::Contains("fusion")));
  options.skip_passes = {"fusoin"};
  EXPECT_THAT(
      Compile("strata", graph, options),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("skip_passes: no pass 'fusoin'")));
}

// The compiled step is the interpreted graph after mixed_precision: both round the same operands, so they differ as two
// f32 programs do, except where a value on the border of two bf16 numbers falls to either side.
TEST(StrataCompilerTest, MixedPrecisionTrainsLikeItsDefinition) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep({}));
  CompileOptions options;
  options.compute_dtype = chips::BF16;
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile("strata", graph, options));
  int products = 0;
  for (const plan::Step& step : plan.steps()) {
    if (!step.has_library_call() || step.reads_size() == 0) continue;
    const std::string& routine = step.library_call().routine();
    if (routine != "matmul" && routine != "contract_leading") continue;
    ++products;
    EXPECT_EQ(plan.buffers(static_cast<int>(step.reads(0))).dtype(), chips::BF16) << step.name();
    EXPECT_EQ(plan.buffers(static_cast<int>(step.writes(0))).dtype(), chips::F32) << step.name();
  }
  EXPECT_EQ(products, 3 * (4 * 2 + 1)) << "four a layer and the head: forward and two gradients";
  graph::Graph rounded = graph;
  ASSERT_OK(RunPipeline({"mixed_precision"}, {}, &rounded));
  const std::vector<graph::HostTensor> inputs = MakeInputs(graph), right = Clone(inputs),
                                       exact = Clone(inputs);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, RunPlan(plan, inputs));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(rounded, right));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto f32, graph::Interpreter().Evaluate(graph, exact));
  EXPECT_EQ(graph::CompareTensors(got[0], want[0], 1e-4), "") << "the loss";
  EXPECT_NE(got[0].ToDoubles(), f32[0].ToDoubles()) << "nothing was rounded";
  EXPECT_EQ(graph::CompareTensors(got[0], f32[0], 1e-2), "") << "and the loss in f32";

  options.compute_dtype = chips::F16;
  EXPECT_THAT(Compile("strata", graph, options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("compute_dtype: f16")));
}

TEST(StrataCompilerTest, WithoutAnyPassTheMeaningStays) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MlpTrainingStep(5, 12));
  CompileOptions options;
  options.skip_passes = StrataPipeline();
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile("strata", graph, options));
  const std::vector<graph::HostTensor> inputs = MakeInputs(graph), right = Clone(inputs);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, RunPlan(plan, inputs));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(graph, right));
  EXPECT_EQ(graph::CompareTensors(got[0], want[0], 1e-5), "");
}

TEST(StrataCompilerTest, EveryInstructionSetComputesTheSame) {
  const RandomGraph random = MakeRandomGraph(7, 50);
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    CompileOptions options;
    options.isa = isa;
    STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile("strata", random.graph, options));
    EXPECT_EQ(plan.target().isa(), isa);
    const std::vector<graph::HostTensor> inputs = Clone(random.inputs),
                                         right = Clone(random.inputs);
    const auto got = RunPlan(plan, inputs);
    if (absl::IsFailedPrecondition(got.status()))
      continue;  // this machine lacks it: the device says so
    ASSERT_OK(got.status());
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want,
                                graph::Interpreter().Evaluate(random.graph, right));
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_EQ(graph::CompareTensors((*got)[i], want[i], 2e-5), "") << isa;
  }
  CompileOptions options;
  options.isa = "sve";
  EXPECT_THAT(Compile("strata", random.graph, options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("avx512")));
}

TEST(StrataCompilerTest, OtherDevicesAreUnimplemented) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MlpTrainingStep(2, 4));
  CompileOptions options;
  options.device = "tpu";
  EXPECT_THAT(Compile("strata", graph, options),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("not 'tpu'")));
}

TEST(StrataCompilerTest, TheSameGraphGivesTheSamePlan) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep({}));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan first, Compile("strata", graph));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan second, Compile("strata", graph));
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
}

// ---- exec

std::string Script(const std::string& name, const std::string& body) {
  const std::string path = JoinPath(::testing::TempDir(), name);
  EXPECT_OK(WriteFileAtomic(path, absl::StrCat("#!/bin/sh\n", body, "\n")));
  EXPECT_EQ(std::system(absl::StrCat("chmod +x '", path, "'").c_str()), 0);
  return path;
}

TEST(ExecCompilerTest, AFailingProgramIsQuoted) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MlpTrainingStep(2, 4));
  const std::string program = Script("fails", "cat > /dev/null; echo 'no such chip' >&2; exit 3");
  EXPECT_THAT(Compile(absl::StrCat("exec:", program), graph),
              StatusIs(absl::StatusCode::kInternal,
                       ::testing::AllOf(HasSubstr(program), HasSubstr("exit code 3"),
                                        HasSubstr("no such chip"))));
}

TEST(ExecCompilerTest, WhatIsNoPlanIsRefused) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MlpTrainingStep(2, 4));
  EXPECT_THAT(
      Compile(absl::StrCat("exec:", Script("babbles", "cat > /dev/null; echo hello")), graph),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no Plan")));
  EXPECT_THAT(Compile(absl::StrCat("exec:", Script("silent", "cat > /dev/null")), graph),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("version: is 0")));
}

TEST(ExecCompilerTest, APlanForAnotherGraphIsRefused) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph small, MlpTrainingStep(2, 4));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph large, MlpTrainingStep(2, 8));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile("reference", small));
  const std::string file = JoinPath(::testing::TempDir(), "small.plan");
  ASSERT_OK(WriteFileAtomic(file, plan.SerializeAsString()));
  EXPECT_THAT(
      Compile(
          absl::StrCat("exec:", Script("other", absl::StrCat("cat > /dev/null; cat '", file, "'"))),
          large),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("inputs[0]: is f32[2, 4]; the graph has f32[2, 8]")));
}

TEST(ExecCompilerTest, AMissingProgramIsNamed) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MlpTrainingStep(2, 4));
  EXPECT_THAT(Compile("exec:/no/such/program", graph),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such/program")));
  EXPECT_THAT(CreateCompiler("exec:"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("names no program")));
}

TEST(CompilerRegistryTest, AnUnknownNameListsTheOthers) {
  EXPECT_THAT(CreateCompiler("gcc"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there is: reference, strata")));
}

}  // namespace
}  // namespace strata::compiler
