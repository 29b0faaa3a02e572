// What every Evaluator must do. An implementation instantiates the suite:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, EvaluatorConformanceTest,
//                            ::testing::Values(EvaluatorUnderTest{"mine", [] { return MakeMine(); }}),
//                            [](const auto& info) { return info.param.name; });
//
// and links it with //framework/graph:evaluator_conformance.
#ifndef STRATA_FRAMEWORK_GRAPH_EVALUATOR_CONFORMANCE_H_
#define STRATA_FRAMEWORK_GRAPH_EVALUATOR_CONFORMANCE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/op_case_batch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::graph {

struct EvaluatorUnderTest {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<Evaluator>>()> create;
  std::vector<DType> dtypes = {chips::F32};  // of the op cases it is put through
};

class EvaluatorConformanceTest : public ::testing::TestWithParam<EvaluatorUnderTest> {
 protected:
  void SetUp() override {
    auto evaluator = GetParam().create();
    ASSERT_OK(evaluator.status());
    evaluator_ = *std::move(evaluator);
  }

  // y = x * 2 + w over [B, 3]; w takes the value y when `update`.
  static Graph Scale(bool update) {
    Builder b("scale");
    const ValueId x = b.Input("x", {chips::F32, {"B", 3}}, DATA);
    const ValueId w = b.Input("w", {chips::F32, {"B", 3}}, STATE);
    const ValueId y = b.Apply("add", {b.Apply("mul", {x, b.Constant(2, chips::F32)}), w});
    b.Output(y, "y", SHARDED);
    if (update) b.Update(w, y);
    auto graph = std::move(b).Build();
    EXPECT_OK(graph.status());
    return *graph;
  }
  static HostTensor Ones(int64_t rows) {
    return HostTensor::FromDoubles(chips::F32, {rows, 3},
                                   std::vector<double>(static_cast<size_t>(3 * rows), 1.0));
  }

  std::unique_ptr<Evaluator> evaluator_;
};

TEST_P(EvaluatorConformanceTest, EveryOpAgreesWithTheInterpreter) {
  for (DType dtype : GetParam().dtypes) {
    SCOPED_TRACE(chips::DTypeName(dtype));
    const OpCaseBatch batch = MakeOpCaseBatch(AllOpCases(dtype));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs,
                                evaluator_->Evaluate(batch.graph, batch.CloneInputs()));
    EXPECT_EQ(batch.Compare(outputs), "");
  }
}

TEST_P(EvaluatorConformanceTest, SymbolsTakeTheirSizeFromTheInputsAtEachCall) {
  const Graph graph = Scale(false);
  for (int64_t rows : {2, 5, 1, 0, 2}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs,
                                evaluator_->Evaluate(graph, {Ones(rows), Ones(rows)}));
    ASSERT_EQ(outputs.size(), 1u);
    EXPECT_EQ(outputs[0].ToDoubles(), std::vector<double>(static_cast<size_t>(3 * rows), 3.0));
  }
}

TEST_P(EvaluatorConformanceTest, InputsStayAsTheyAreWithoutAnUpdate) {
  const HostTensor x = Ones(2), w = Ones(2);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, evaluator_->Evaluate(Scale(false), {x, w}));
  EXPECT_EQ(x.ToDoubles(), Ones(2).ToDoubles());
  EXPECT_EQ(w.ToDoubles(), Ones(2).ToDoubles());
  EXPECT_NE(outputs[0].raw(), x.raw());
  EXPECT_NE(outputs[0].raw(), w.raw());
}

TEST_P(EvaluatorConformanceTest, UpdatesAreMadeInPlaceAndAddUp) {
  const Graph graph = Scale(true);
  const HostTensor x = Ones(2), w = Ones(2);
  for (int call = 1; call <= 3; ++call) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, evaluator_->Evaluate(graph, {x, w}));
    EXPECT_EQ(w.ToDoubles(), std::vector<double>(6, 1.0 + 2.0 * call));
    EXPECT_EQ(outputs[0].raw(), w.raw());
  }
  EXPECT_EQ(x.ToDoubles(), Ones(2).ToDoubles());
}

TEST_P(EvaluatorConformanceTest, EarlierOutputsStayWhenItRunsAgain) {
  const Graph graph = Scale(false);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto first, evaluator_->Evaluate(graph, {Ones(2), Ones(2)}));
  const HostTensor zeros = HostTensor::Zeros(chips::F32, {2, 3});
  STRATA_ASSERT_OK_AND_ASSIGN(const auto second, evaluator_->Evaluate(graph, {zeros, zeros}));
  EXPECT_EQ(first[0].ToDoubles(), std::vector<double>(6, 3.0));
  EXPECT_EQ(second[0].ToDoubles(), std::vector<double>(6, 0.0));
}

// All reads see the old contents: two states change places.
TEST_P(EvaluatorConformanceTest, StatesMayChangePlaces) {
  Builder b("swap");
  const ValueId p = b.Input("p", {chips::F32, {4}}, STATE),
                q = b.Input("q", {chips::F32, {4}}, STATE);
  b.Output(q, "new_p", REPLICATED);
  b.Output(p, "new_q", REPLICATED);
  b.Output(b.Apply("add", {p, q}), "sum", REPLICATED);
  b.Update(p, q);
  b.Update(q, p);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  const HostTensor first = HostTensor::FromVector<float>({4}, {1, 2, 3, 4});
  const HostTensor second = HostTensor::FromVector<float>({4}, {10, 20, 30, 40});
  STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, evaluator_->Evaluate(graph, {first, second}));
  EXPECT_EQ(outputs[2].ToDoubles(), (std::vector<double>{11, 22, 33, 44}));
  EXPECT_EQ(first.ToDoubles(), (std::vector<double>{10, 20, 30, 40}));
  EXPECT_EQ(second.ToDoubles(), (std::vector<double>{1, 2, 3, 4}));
}

TEST_P(EvaluatorConformanceTest, ResultsMayBeInputsViewsAndConstants) {
  Builder b("plain");
  const ValueId x = b.Input("x", {chips::F32, {2, 3}}, DATA);
  const ValueId y = b.Apply("neg", {x});
  const graph::Attributes flat = {{"dims", Attr(Shape{6})}};
  b.Output(x, "input", REPLICATED);
  b.Output(b.Apply("reshape", {x}, flat), "view_of_input", REPLICATED);
  b.Output(y, "y", REPLICATED);
  b.Output(b.Apply("reshape", {y}, flat), "view_of_y", REPLICATED);
  b.Output(y, "y_again", REPLICATED);
  b.Output(b.Constant(7, chips::F32, {2}), "constant", REPLICATED);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, evaluator_->Evaluate(graph, {Ones(2)}));
  ASSERT_EQ(outputs.size(), 6u);
  EXPECT_EQ(outputs[0].ToDoubles(), std::vector<double>(6, 1.0));
  EXPECT_EQ(outputs[1].TypeString(), "f32[6]");
  EXPECT_EQ(outputs[1].ToDoubles(), std::vector<double>(6, 1.0));
  for (size_t i : {2, 3, 4}) EXPECT_EQ(outputs[i].ToDoubles(), std::vector<double>(6, -1.0));
  EXPECT_EQ(outputs[5].ToDoubles(), std::vector<double>(2, 7.0));
}

TEST_P(EvaluatorConformanceTest, AWrongInputIsNamed) {
  const Graph graph = Scale(false);
  EXPECT_THAT(
      evaluator_->Evaluate(graph, {Ones(2)}),
      StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("takes 2 inputs; 1")));
  EXPECT_THAT(evaluator_->Evaluate(graph, {Ones(2), HostTensor::Zeros(chips::F64, {2, 3})}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("input 'w': is f64[2, 3]")));
  EXPECT_THAT(evaluator_->Evaluate(graph, {Ones(2), Ones(3)}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::HasSubstr("input 'w': is f32[3, 3]")));
}

TEST_P(EvaluatorConformanceTest, DataOutsideItsDomainIsReportedAndDoesNoHarm) {
  Builder b("lookup");
  const ValueId table = b.Input("table", {chips::F32, {4, 2}}, PARAMETER);
  const ValueId ids = b.Input("ids", {chips::I32, {3}}, DATA);
  b.Output(b.Apply("embedding", {table, ids}), "rows", SHARDED);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  const HostTensor rows = HostTensor::FromVector<float>({4, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  EXPECT_THAT(evaluator_->Evaluate(graph, {rows, HostTensor::FromVector<int32_t>({3}, {0, 4, 1})}),
              StatusIs(absl::StatusCode::kOutOfRange, ::testing::HasSubstr("element 1 is 4")));
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto outputs,
      evaluator_->Evaluate(graph, {rows, HostTensor::FromVector<int32_t>({3}, {0, 3, 1})}));
  EXPECT_EQ(outputs[0].ToDoubles(), (std::vector<double>{0, 1, 6, 7, 2, 3}));
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EvaluatorConformanceTest);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_EVALUATOR_CONFORMANCE_H_
