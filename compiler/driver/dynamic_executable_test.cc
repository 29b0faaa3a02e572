#include "compiler/driver/dynamic_executable.h"

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::Shape;
using graph::ValueId;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// A small network of rows: ids [B, T] -> embedding -> matmul, bias, gelu -> layer_norm -> softmax, and a causal attention
// over T. Both symbols pad.
Graph Network() {
  Builder b("network");
  const ValueId ids = b.Input("ids", {chips::I32, {"B", "T"}}, graph::DATA);
  const ValueId table = b.Input("table", {chips::F32, {11, 8}}, graph::PARAMETER);
  const ValueId w = b.Input("w", {chips::F32, {8, 8}}, graph::PARAMETER);
  const ValueId gain = b.Input("gain", {chips::F32, {8}}, graph::PARAMETER);
  const ValueId rows = b.Apply("embedding", {table, ids});
  const ValueId hidden = b.Apply("gelu", {b.Apply("add", {b.Apply("matmul", {rows, w}), gain})},
                                 {{"approximate", Attr(true)}});
  const ValueId heads = b.Apply("reshape", {hidden}, {{"dims", Attr(Shape{"B", "T", 2, 4})}});
  const ValueId attended = b.ApplyMulti("attention", {heads, heads, heads},
                                        {{"causal", Attr(true)}, {"scale", Attr(0.5)}})[0];
  const ValueId flat = b.Apply("reshape", {attended}, {{"dims", Attr(Shape{"B", "T", 8})}});
  b.Output(b.Apply("softmax", {flat}), "probabilities", graph::SHARDED);
  b.Output(b.Apply("rms_norm", {flat, gain}, {{"epsilon", Attr(1e-5)}}), "normal", graph::SHARDED);
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *graph;
}

std::vector<double> Ramp(int64_t n, double from, double step) {
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(from + step * static_cast<double>(i * 7 % 23));
  return values;
}

std::vector<HostTensor> NetworkInputs(int64_t batch, int64_t tokens) {
  HostTensor ids = HostTensor::Allocate(chips::I32, {batch, tokens});
  for (int64_t i = 0; i < ids.elements(); ++i)
    ids.data<int32_t>()[i] = static_cast<int32_t>((5 * i + batch) % 11);
  return {ids, HostTensor::FromDoubles(chips::F32, {11, 8}, Ramp(88, -1, 0.1)),
          HostTensor::FromDoubles(chips::F32, {8, 8}, Ramp(64, -0.5, 0.05)),
          HostTensor::FromDoubles(chips::F32, {8}, Ramp(8, 0.5, 0.1))};
}

std::string Mismatch(DynamicExecutable* executable, const Graph& graph,
                     const std::vector<HostTensor>& inputs) {
  auto want = graph::Interpreter().Evaluate(graph, inputs);
  auto got = executable->Run(inputs);
  if (!want.ok()) return want.status().ToString();
  if (!got.ok()) return got.status().ToString();
  if (got->size() != want->size()) return "another number of outputs";
  for (size_t o = 0; o < want->size(); ++o) {
    const std::string difference = graph::CompareTensors((*got)[o], (*want)[o], 2e-5);
    if (!difference.empty()) return difference;
  }
  return "";
}

DynamicExecutable::Options InBuckets() {
  DynamicExecutable::Options options;
  options.device_options.threads = 1;
  options.symbols["B"] = {.max = 64, .bucketing = Bucketing::kPowerOfTwo};
  options.symbols["T"] = {.max = 64, .bucketing = Bucketing::kList, .buckets = {4, 12}};
  return options;
}

std::unique_ptr<DynamicExecutable> Make(const Graph& graph, DynamicExecutable::Options options) {
  auto executable = DynamicExecutable::Create(graph, std::move(options));
  EXPECT_OK(executable.status());
  return executable.ok() ? *std::move(executable) : nullptr;
}

TEST(DynamicExecutableTest, EqualsTheInterpreterAtEverySizeWithAPlanABucket) {
  const Graph graph = Network();
  auto executable = Make(graph, InBuckets());
  EXPECT_EQ(executable->guards().WhyExact("B"), "");
  EXPECT_EQ(executable->guards().WhyExact("T"), "");
  int64_t calls = 0;
  for (int64_t batch : {1, 2, 3, 4, 5, 7, 8}) {
    for (int64_t tokens : {1, 3, 4, 5, 11, 12}) {
      EXPECT_EQ(Mismatch(executable.get(), graph, NetworkInputs(batch, tokens)), "")
          << batch << " x " << tokens;
      ++calls;
    }
  }
  const auto counts = executable->statistics();
  EXPECT_EQ(counts.calls, calls);
  EXPECT_EQ(counts.compiles, 4 * 2);  // B in {1, 2, 4, 8}, T in {4, 12}
  EXPECT_EQ(counts.hits, calls - 8);
  EXPECT_EQ(counts.padded, calls - 4 * 2);  // B in {1, 2, 4, 8} with T in {4, 12} fit exactly
  EXPECT_EQ(counts.failures + counts.evictions + counts.guard_failures, 0);
}

TEST(DynamicExecutableTest, EmptySizesHavePlansOfTheirOwn) {
  const Graph graph = Network();
  auto executable = Make(graph, InBuckets());
  EXPECT_EQ(Mismatch(executable.get(), graph, NetworkInputs(0, 3)), "");
  EXPECT_EQ(Mismatch(executable.get(), graph, NetworkInputs(3, 0)), "");
  EXPECT_EQ(executable->statistics().padded, 0);
}

TEST(DynamicExecutableTest, CompilationsAreCountedByReason) {
  const Graph graph = Network();
  DynamicExecutable::Options options = InBuckets();
  options.symbols["T"].bucketing = Bucketing::kExact;
  options.capacity = 2;
  auto executable = Make(graph, options);
  const std::pair<int64_t, int64_t> sizes[] = {
      {3, 5},  // first call
      {4, 5},  // hit: B in (2, 4]
      {5, 5},  // new bucket of B
      {5, 6},  // new size of T; the plan of (4, 5) goes
      {2, 7},  // both; (8, 5) goes
      {3, 5},  // evicted; (8, 6) goes
      {2, 7},  // hit: it was used after (8, 6)
  };
  for (const auto& [batch, tokens] : sizes)
    ASSERT_EQ(Mismatch(executable.get(), graph, NetworkInputs(batch, tokens)), "");
  const auto counts = executable->statistics();
  EXPECT_EQ(counts.compiles, 5);
  EXPECT_EQ(counts.hits, 2);
  EXPECT_EQ(counts.evictions, 3);
  EXPECT_THAT(counts.compiles_by_reason,
              ElementsAre(Pair("evicted", 1), Pair("first call", 1), Pair("new bucket of B", 1),
                          Pair("new bucket of B, new size of T", 1), Pair("new size of T", 1)));
  const auto log = executable->recompiles();
  ASSERT_EQ(log.size(), 5u);
  EXPECT_EQ(log[1].detail, "B: the last call's plan is for 4, not 8; compiled for B = 8, T = 5");
}

TEST(DynamicExecutableTest, TheLeastRecentlyUsedPlanGoes) {
  const Graph graph = Network();
  DynamicExecutable::Options options;
  options.device_options.threads = 1;
  options.capacity = 2;
  auto executable = Make(graph, options);
  const auto run = [&](int64_t batch) {
    ASSERT_OK(executable->Run(NetworkInputs(batch, 2)).status());
  };
  for (int64_t batch : {1, 2, 1, 3}) run(batch);  // 2 goes, not 1
  run(1);
  EXPECT_EQ(executable->statistics().compiles, 3);
  run(2);
  EXPECT_EQ(executable->statistics().compiles, 4);
  EXPECT_EQ(executable->statistics().compiles_by_reason["evicted"], 1);
}

TEST(DynamicExecutableTest, GuardsRefuseBeforeAnythingIsCompiled) {
  DynamicExecutable::Options options = InBuckets();
  options.symbols["T"].multiple_of = 2;
  auto executable = Make(Network(), options);
  EXPECT_THAT(executable->Run(NetworkInputs(65, 2)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("input 'ids': is i32[65, 2]; the graph asks for i32[B, T]: dim 0 "
                                 "(B) is 65; must be at most 64")));
  EXPECT_THAT(executable->Run(NetworkInputs(2, 3)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("dim 1 (T) is 3; must be a multiple of 2")));
  EXPECT_EQ(executable->statistics().guard_failures, 2);
  EXPECT_EQ(executable->statistics().calls, 0);
  EXPECT_EQ(executable->statistics().compiles, 0);
}

TEST(DynamicExecutableTest, ConcurrentCallersShareCompilationsAndNotMemory) {
  const Graph graph = Network();
  auto executable = Make(graph, InBuckets());
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t i = 0; i < 12; ++i) {
        const int64_t batch = 1 + (i + t) % 4, tokens = 1 + (3 * i) % 4;
        if (!Mismatch(executable.get(), graph, NetworkInputs(batch, tokens)).empty()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  const auto counts = executable->statistics();
  EXPECT_EQ(counts.compiles, 3);  // B in {1, 2, 4}, T in {4}
  EXPECT_EQ(counts.calls, 48);
  EXPECT_EQ(counts.hits, 45);
}

TEST(DynamicExecutableTest, UpdatesStayInPlaceWhileAnotherSymbolIsPadded) {
  Builder b("update");
  const ValueId x = b.Input("x", {chips::F32, {"B", 3}}, graph::DATA);
  const ValueId s = b.Input("s", {chips::F32, {3}}, graph::STATE);
  b.Output(b.Apply("add", {x, s}), "y", graph::SHARDED);
  b.Update(s, b.Apply("add", {s, b.Constant(1, chips::F32)}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  DynamicExecutable::Options options;
  options.symbols["B"].bucketing = Bucketing::kPowerOfTwo;
  auto executable = Make(graph, options);
  const HostTensor state = HostTensor::Zeros(chips::F32, {3});
  for (int call = 0; call < 3; ++call) {
    const HostTensor ones = HostTensor::FromDoubles(chips::F32, {3, 3}, std::vector<double>(9, 1));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, executable->Run({ones, state}));
    EXPECT_EQ(outputs[0].ToDoubles(), std::vector<double>(9, 1.0 + call));
  }
  EXPECT_EQ(state.ToDoubles(), std::vector<double>(3, 3.0));
  EXPECT_EQ(executable->statistics().compiles, 1);
}

TEST(DynamicExecutableTest, AFailedCompilationIsReportedAndTriedAgain) {
  Builder b("cut");
  const ValueId x = b.Input("x", {chips::F32, {"N"}}, graph::DATA);
  b.Output(b.Apply("slice", {x}, {{"axis", Attr(0)}, {"start", Attr(0)}, {"limit", Attr(4)}}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  auto executable = Make(graph, {});
  for (int call = 0; call < 2; ++call) {
    EXPECT_THAT(executable->Run({HostTensor::Zeros(chips::F32, {3})}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("axis of size 3")));
  }
  EXPECT_EQ(executable->statistics().failures, 2);
  EXPECT_EQ(executable->statistics().compiles_by_reason["failed before"], 1);
  EXPECT_EQ(Mismatch(executable.get(), graph, {HostTensor::Zeros(chips::F32, {5})}), "");
}

TEST(DynamicExecutableTest, OptionsAreChecked) {
  DynamicExecutable::Options none;
  none.capacity = 0;
  EXPECT_THAT(DynamicExecutable::Create(Network(), none),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("capacity: is 0")));
  DynamicExecutable::Options unknown;
  unknown.symbols["Q"] = {};
  EXPECT_THAT(DynamicExecutable::Create(Network(), unknown),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no input with a dim Q")));
  DynamicExecutable::Options compiler;
  compiler.compiler = "nosuch";
  EXPECT_THAT(DynamicExecutable::Create(Network(), compiler),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no compiler named 'nosuch'")));
}

}  // namespace
}  // namespace strata::compiler
