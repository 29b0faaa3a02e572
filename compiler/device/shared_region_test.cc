// Plans run on the CPU with a parallel region for each kernel and with shared ones: the same bits,
// errors and events.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "base/warning.h"
#include "chips/timeline/validate.h"
#include "compiler/device/cpu_device.h"
#include "compiler/device/launch_schedule.h"
#include "compiler/device/twin_collectives.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/test_models.h"
#include "framework/graph/builder.h"
#include "framework/graph/host_tensor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::HostTensor;
using graph::ValueId;
using ::testing::HasSubstr;

using Tensors = std::vector<HostTensor>;

absl::StatusOr<plan::Plan> Compile(const graph::Graph& graph,
                                   std::vector<std::string> skip_passes = {}) {
  RegisterAllCompilers();
  STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));
  CompileOptions options;
  options.skip_passes = std::move(skip_passes);
  return compiler->Compile(graph, chips::Chip(), options);
}

absl::StatusOr<std::unique_ptr<Executable>> Load(const plan::Plan& plan, int threads,
                                                 LaunchSharing sharing,
                                                 Collectives* collectives = nullptr) {
  DeviceOptions options;
  options.threads = threads;
  options.collectives = collectives;
  return CreateCpuDevice(options, sharing)->Load(plan);
}

bool SameBits(const HostTensor& a, const HostTensor& b) {
  return a.dtype() == b.dtype() && a.dims() == b.dims() &&
         std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

void ExpectSameBits(const Tensors& got, const Tensors& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(SameBits(got[i], want[i])) << i;
}

Tensors Clone(const Tensors& tensors) {
  Tensors clones;
  for (const HostTensor& tensor : tensors) clones.push_back(tensor.Clone());
  return clones;
}

// Outputs of two runs, then the inputs as they were left.
absl::StatusOr<Tensors> TwoRuns(const plan::Plan& plan, const Tensors& inputs, int threads,
                                LaunchSharing sharing, Collectives* collectives = nullptr,
                                chips::Timeline* timeline = nullptr) {
  STRATA_ASSIGN_OR_RETURN(auto executable, Load(plan, threads, sharing, collectives));
  const Tensors mine = Clone(inputs);
  Tensors results;
  for (int run = 0; run < 2; ++run) {
    STRATA_ASSIGN_OR_RETURN(const Tensors outputs, executable->Run(mine, {timeline}));
    for (const HostTensor& output : outputs) results.push_back(output.Clone());
  }
  results.insert(results.end(), mine.begin(), mine.end());
  return results;
}

int RegionsOf(const plan::Plan& plan, int threads, LaunchSharing sharing) {
  std::vector<bool> is_kernel;
  for (const plan::Step& step : plan.steps()) is_kernel.push_back(step.has_launch());
  return static_cast<int>(ScheduleLaunches(plan, is_kernel, threads, sharing).size());
}

// Sums, a library's product, a product on the host, two collectives, and kernels of many parts and
// of one between them; w is updated.
absl::StatusOr<graph::Graph> MixedGraph() {
  Builder b("mixed");
  const graph::TensorType wide{chips::F32, {96, 512}};
  const ValueId x = b.Input("x", wide, graph::DATA), w = b.Input("w", wide, graph::STATE),
                table = b.Input("table", {chips::F32, {16, 512}}, graph::PARAMETER),
                ids = b.Input("ids", {chips::I32, {96}}, graph::DATA);
  ValueId y = b.Apply("tanh", {b.Apply("add", {x, w})});
  y = b.Apply("mul", {y, b.Apply("exp", {b.Apply("neg", {x})})});
  y = b.Apply("all_reduce", {y}, {{"reduction", Attr("sum")}});
  y = b.Apply("softmax", {b.Apply("sqrt", {b.Apply("abs", {y})})});
  ValueId square = b.Apply("matmul", {y, w}, {{"transpose_b", Attr(true)}});  // [96, 96]
  square = b.Apply("add", {b.Apply("sigmoid", {square}), b.Apply("square", {square})});
  const ValueId exact = b.Apply("cast", {square}, {{"dtype", Attr(chips::F64)}});
  const ValueId host =
      b.Apply("cast", {b.Apply("matmul", {exact, exact})}, {{"dtype", Attr(chips::F32)}});
  y = b.Apply("add", {y, b.Apply("embedding", {table, ids})});
  const ValueId next = b.Apply("add", {b.Apply("mul", {w, w}), b.Apply("matmul", {host, y})});
  b.Output(next, "next", graph::REPLICATED);
  b.Output(b.Apply("all_reduce", {b.Apply("log", {b.Apply("abs", {next})})},
                   {{"reduction", Attr("mean")}}),
           "log", graph::REPLICATED);
  b.Update(w, next);
  return std::move(b).Build();
}

TEST(SharedRegionTest, ATrainingStepHasTheSameBitsOnAnyNumberOfThreads) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const graph::Graph graph,
      GptTrainingStep(
          {.batch = 2, .tokens = 48, .vocabulary = 97, .width = 96, .heads = 4, .layers = 2}));
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(graph));
  const Tensors inputs = MakeInputs(graph);
  for (int threads = 1; threads <= 4; ++threads) {
    SCOPED_TRACE(threads);
    STRATA_ASSERT_OK_AND_ASSIGN(const Tensors want,
                                TwoRuns(plan, inputs, threads, LaunchSharing::kNever));
    for (LaunchSharing sharing : {LaunchSharing::kAlways, LaunchSharing::kWhereItPays}) {
      EXPECT_EQ(RegionsOf(plan, threads, sharing) > 0, threads > 1);
      STRATA_ASSERT_OK_AND_ASSIGN(const Tensors got, TwoRuns(plan, inputs, threads, sharing));
      ExpectSameBits(got, want);
    }
  }
}

TEST(SharedRegionTest, LaunchesBetweenOtherStepsHaveTheSameBits) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MixedGraph());
  for (const std::vector<std::string>& skip :
       {std::vector<std::string>{}, std::vector<std::string>{"fusion"}}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(graph, skip));
    const auto has = [&](plan::Step::StepCase kind) {
      return std::any_of(plan.steps().begin(), plan.steps().end(),
                         [&](const plan::Step& step) { return step.step_case() == kind; });
    };
    EXPECT_TRUE(has(plan::Step::kLibraryCall) && has(plan::Step::kHostCall) &&
                has(plan::Step::kCollective));
    for (int threads = 1; threads <= 4; ++threads) {
      SCOPED_TRACE(threads);
      TwinCollectives twin;
      STRATA_ASSERT_OK_AND_ASSIGN(const Tensors want, TwoRuns(plan, MakeInputs(graph), threads,
                                                              LaunchSharing::kNever, &twin));
      STRATA_ASSERT_OK_AND_ASSIGN(const Tensors got, TwoRuns(plan, MakeInputs(graph), threads,
                                                             LaunchSharing::kAlways, &twin));
      ExpectSameBits(got, want);
    }
  }
}

TEST(SharedRegionTest, EveryLaunchHasItsEvent) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MixedGraph());
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(graph, {"fusion"}));
  chips::Timeline timeline;
  ASSERT_OK(TwoRuns(plan, MakeInputs(graph), 2, LaunchSharing::kAlways, nullptr, &timeline));
  EXPECT_OK(chips::ValidateTimeline(timeline));
  ASSERT_EQ(timeline.events_size(), plan.steps_size());
  for (int i = 0; i < plan.steps_size(); ++i) {
    EXPECT_EQ(timeline.events(i).step(), i);
    EXPECT_EQ(timeline.events(i).name(), plan.steps(i).name());
    if (i == 0) continue;
    const chips::TimelineEvent& before = timeline.events(i - 1);
    EXPECT_GE(timeline.events(i).start_ns(), before.start_ns() + before.duration_ns());
  }
}

TEST(SharedRegionTest, AKernelOnTheInterpreterStandsBetweenRegions) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MixedGraph());
  STRATA_ASSERT_OK_AND_ASSIGN(plan::Plan plan, Compile(graph, {"fusion"}));
  plan.mutable_kernels(1)->mutable_source()->append("\nthis is not C");
  WarningCapture warnings;
  STRATA_ASSERT_OK_AND_ASSIGN(const Tensors want,
                              TwoRuns(plan, MakeInputs(graph), 2, LaunchSharing::kNever));
  chips::Timeline timeline;
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Tensors got,
      TwoRuns(plan, MakeInputs(graph), 2, LaunchSharing::kAlways, nullptr, &timeline));
  ExpectSameBits(got, want);
  EXPECT_EQ(warnings.messages().size(), 2u);
  EXPECT_OK(chips::ValidateTimeline(timeline));
  EXPECT_TRUE(std::any_of(timeline.events().begin(), timeline.events().end(), [](const auto& e) {
    return e.reason() == "its kernel could not be built";
  }));
}

// The error is that of the step, and what stands after it does not run: w keeps its values.
TEST(SharedRegionTest, AFailingStepEndsTheRun) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MixedGraph());
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(graph, {"fusion"}));
  plan::Plan broken = plan;
  const uint32_t kernel = broken.steps(0).launch().kernel();
  broken.mutable_kernels(static_cast<int>(kernel))->mutable_source()->append("\nthis is not C");
  broken.mutable_kernels(static_cast<int>(kernel))->mutable_reference()->clear_outputs();
  for (LaunchSharing sharing : {LaunchSharing::kNever, LaunchSharing::kAlways}) {
    Tensors inputs = MakeInputs(graph);
    const HostTensor w = inputs[1].Clone();
    WarningCapture warnings;
    STRATA_ASSERT_OK_AND_ASSIGN(auto executable, Load(broken, 2, sharing));
    EXPECT_THAT(executable->Run(inputs, {}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         ::testing::AllOf(HasSubstr("step 0 '" + plan.steps(0).name() + "'"),
                                          HasSubstr("the kernel's reference takes"))));
    EXPECT_TRUE(SameBits(inputs[1], w));

    STRATA_ASSERT_OK_AND_ASSIGN(executable, Load(plan, 2, sharing));
    inputs[3].data<int32_t>()[95] = 16;  // an id beyond the table
    EXPECT_THAT(executable->Run(inputs, {}),
                StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("is 16")));
    EXPECT_TRUE(SameBits(inputs[1], w));
    inputs[3].data<int32_t>()[95] = 15;
    EXPECT_OK(executable->Run(inputs, {}).status());
    EXPECT_FALSE(SameBits(inputs[1], w));
  }
}

// Two inputs of one memory, one of them updated: kernels that have nothing to do with each other by
// the plan then do.
TEST(SharedRegionTest, InputsThatShareMemoryRunInOrder) {
  Builder b("shared");
  const graph::TensorType type{chips::F32, {64, 1024}};
  const ValueId x = b.Input("x", type, graph::DATA), w = b.Input("w", type, graph::STATE);
  b.Output(b.Apply("tanh", {x}), "y", graph::REPLICATED);
  b.Update(w, b.Apply("exp", {w}));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(graph, {"fusion"}));
  ASSERT_EQ(plan.steps_size(), 2);
  std::vector<Tensors> results;
  for (LaunchSharing sharing : {LaunchSharing::kNever, LaunchSharing::kAlways}) {
    STRATA_ASSERT_OK_AND_ASSIGN(auto executable, Load(plan, 2, sharing));
    const HostTensor one = MakeInputs(graph)[0];
    STRATA_ASSERT_OK_AND_ASSIGN(const Tensors outputs, executable->Run({one, one}, {}));
    results.push_back({outputs[0].Clone(), one});
  }
  ExpectSameBits(results[1], results[0]);
}

// Threads of this process.
int64_t Tasks() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                       std::filesystem::directory_iterator());
}

TEST(SharedRegionTest, RegionsAndRoutinesShareTheirThreads) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, MixedGraph());
  STRATA_ASSERT_OK_AND_ASSIGN(const plan::Plan plan, Compile(graph));
  const int64_t before = Tasks();
  for (int threads = 2; threads <= 4; ++threads) {
    ASSERT_OK(TwoRuns(plan, MakeInputs(graph), threads, LaunchSharing::kAlways));
    EXPECT_LE(Tasks(), std::max<int64_t>(before, threads));
  }
}

}  // namespace
}  // namespace strata::compiler
