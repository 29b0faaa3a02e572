#include "compiler/driver/compiled_evaluator.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "framework/graph/evaluator_conformance.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

CompiledEvaluator::Options OptionsOf(const std::string& compiler, const std::string& device) {
  CompiledEvaluator::Options options;
  options.compiler = compiler;
  options.device = device;
  options.device_options.threads = 2;
  return options;
}

graph::EvaluatorUnderTest UnderTest(const std::string& name, const std::string& compiler,
                                    const std::string& device, std::vector<chips::DType> dtypes,
                                    Bucketing bucketing = Bucketing::kExact) {
  return {name,
          [=]() -> absl::StatusOr<std::unique_ptr<graph::Evaluator>> {
            CompiledEvaluator::Options options = OptionsOf(compiler, device);
            options.symbols["B"].bucketing = bucketing;
            STRATA_ASSIGN_OR_RETURN(auto evaluator, CompiledEvaluator::Create(options));
            return evaluator;
          },
          dtypes};
}

}  // namespace
}  // namespace strata::compiler

namespace strata::graph {
namespace {

// The fast road in every float format, the slow one with each reference part, and both in buckets.
INSTANTIATE_TEST_SUITE_P(
    Compiled, EvaluatorConformanceTest,
    ::testing::Values(compiler::UnderTest("strata_cpu", "strata", "cpu",
                                          {chips::F32, chips::BF16, chips::F16, chips::F64}),
                      compiler::UnderTest("reference_cpu", "reference", "cpu", {chips::F32}),
                      compiler::UnderTest("reference_reference", "reference", "reference",
                                          {chips::F32}),
                      compiler::UnderTest("strata_cpu_buckets", "strata", "cpu", {chips::F32},
                                          compiler::Bucketing::kPowerOfTwo)),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strata::graph

namespace strata::compiler {
namespace {

graph::Graph Square() {
  graph::Builder b("square");
  const graph::ValueId x = b.Input("x", {chips::F32, {"N"}}, graph::DATA);
  b.Output(b.Apply("square", {x}), "y", graph::SHARDED);
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *graph;
}

TEST(CompiledEvaluatorTest, CompilesOnceForEachSize) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto evaluator,
                              CompiledEvaluator::Create(OptionsOf("strata", "cpu")));
  STRATA_ASSERT_OK_AND_ASSIGN(CompiledEvaluator::Loaded * four,
                              evaluator->Load(Square(), {{"N", 4}}));
  STRATA_ASSERT_OK_AND_ASSIGN(CompiledEvaluator::Loaded * five,
                              evaluator->Load(Square(), {{"N", 5}}));
  STRATA_ASSERT_OK_AND_ASSIGN(CompiledEvaluator::Loaded * again,
                              evaluator->Load(Square(), {{"N", 4}}));
  EXPECT_NE(four, five);
  EXPECT_EQ(four, again);
  EXPECT_EQ(four->plan.buffers(0).dims(0), 4);
}

TEST(CompiledEvaluatorTest, CountsTheCompilationsOfEachGraph) {
  CompiledEvaluator::Options options = OptionsOf("strata", "cpu");
  options.symbols["N"].bucketing = Bucketing::kPowerOfTwo;
  options.symbols["OfAnotherGraph"].min = 1;
  STRATA_ASSERT_OK_AND_ASSIGN(auto evaluator, CompiledEvaluator::Create(options));
  for (int64_t n : {3, 4, 5}) {
    const auto x = graph::HostTensor::Zeros(chips::F32, {n});
    ASSERT_OK(evaluator->Evaluate(Square(), {x}).status());
  }
  STRATA_ASSERT_OK_AND_ASSIGN(DynamicExecutable * square, evaluator->Dynamic(Square()));
  EXPECT_EQ(square->statistics().compiles, 2);
  EXPECT_EQ(square->statistics().hits, 1);
}

TEST(CompiledEvaluatorTest, IsRegisteredByName) {
  RegisterCompiledEvaluator();
  STRATA_ASSERT_OK_AND_ASSIGN(auto evaluator, graph::EvaluatorRegistry().Create("compiled"));
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto outputs,
      evaluator->Evaluate(Square(), {graph::HostTensor::FromVector<float>({2}, {3, 4})}));
  EXPECT_EQ(outputs[0].ToDoubles(), (std::vector<double>{9, 16}));
}

TEST(CompiledEvaluatorTest, UnknownPartsAreNamed) {
  EXPECT_THAT(
      CompiledEvaluator::Create(OptionsOf("nosuch", "cpu")),
      StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("no compiler named 'nosuch'")));
  EXPECT_THAT(
      CompiledEvaluator::Create(OptionsOf("strata", "nosuch")),
      StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("no device named 'nosuch'")));
}

}  // namespace
}  // namespace strata::compiler
