#include "framework/graph/interpreter.h"

#include <cmath>
#include <limits>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "gtest/gtest.h"

namespace strata::graph {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

HostTensor Vector(const std::vector<float>& values) {
  return HostTensor::FromVector<float>({static_cast<int64_t>(values.size())}, values);
}

TEST(Interpreter, BindsSymbolsToTheInputs) {
  Builder b("mean");
  const ValueId x = b.Input("x", {chips::F32, {"B"}}, DATA);
  b.Output(b.Apply("reduce_mean", {x}, {{"axes", Attr(std::vector<int64_t>{0})}}), "mean");
  b.Output(b.Constant(2, chips::F32, {"B"}), "twos");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  for (size_t size : {1u, 2u, 17u}) {
    STRATA_ASSERT_OK_AND_ASSIGN(
        const auto results, Interpreter().Evaluate(graph, {Vector(std::vector<float>(size, 3))}));
    EXPECT_EQ(results[0].ToDoubles(), (std::vector<double>{3}));
    EXPECT_EQ(results[1].ToDoubles(), std::vector<double>(size, 2));
  }
}

TEST(Interpreter, RefusesInputsThatDoNotFit) {
  Builder b("g");
  const ValueId x = b.Input("x", {chips::F32, {"B", 2}}, DATA);
  const ValueId y = b.Input("y", {chips::F32, {"B", 1}}, DATA);
  b.Output(b.Apply("add", {x, y}), "z");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  const auto f32 = [](std::vector<int64_t> dims) {
    return HostTensor::Zeros(chips::F32, std::move(dims));
  };
  const auto run = [&](const std::vector<HostTensor>& inputs) {
    return Interpreter().Evaluate(graph, inputs);
  };
  EXPECT_OK(run({f32({3, 2}), f32({3, 1})}));
  EXPECT_THAT(run({f32({3, 2})}), StatusIs(kInvalid, HasSubstr("takes 2 inputs; 1 were given")));
  EXPECT_THAT(run({f32({3, 2}), f32({3})}),
              StatusIs(kInvalid, HasSubstr("input 'y': is f32[3]; the graph asks for")));
  EXPECT_THAT(run({f32({3, 3}), f32({3, 1})}),
              StatusIs(kInvalid, HasSubstr("input 'x': is f32[3, 3]")));
  EXPECT_THAT(run({HostTensor(), f32({3, 1})}), StatusIs(kInvalid, HasSubstr("input 'x'")));
  EXPECT_THAT(run({HostTensor::Zeros(chips::F64, {3, 2}), f32({3, 1})}),
              StatusIs(kInvalid, HasSubstr("is f64[3, 2]")));
  EXPECT_THAT(run({f32({3, 2}), f32({4, 1})}),
              StatusIs(kInvalid, HasSubstr("but B is 3 from another input")));
}

TEST(Interpreter, ASymbolNobodyGivesIsAnError) {
  Builder b("g");
  b.Output(b.Constant(1, chips::F32, {"B"}), "ones");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  EXPECT_THAT(Interpreter().Evaluate(graph, {}),
              StatusIs(kInvalid, HasSubstr("no input gives B a size")));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph bound, BindSymbols(graph, {{"B", 3}}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto results, Interpreter().Evaluate(bound, {}));
  EXPECT_EQ(results[0].TypeString(), "f32[3]");
  EXPECT_THAT(BindSymbols(graph, {{"B", -3}}),
              StatusIs(kInvalid, HasSubstr("B: is -3; must be >= 0")));
}

TEST(Interpreter, UpdatesInputsInPlaceAfterAllReads) {
  Builder b("step");
  const ValueId w = b.Input("w", {chips::F32, {2}}, PARAMETER);
  const ValueId g = b.Input("g", {chips::F32, {2}}, DATA);
  const ValueId next = b.Apply("sub", {w, g});
  b.Update(w, next);
  b.Output(b.Apply("mul", {w, next}), "product");  // reads the old w
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  const HostTensor weights = Vector({5, 7});
  for (int step = 1; step <= 2; ++step) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto results,
                                Interpreter().Evaluate(graph, {weights, Vector({1, 2})}));
    EXPECT_EQ(results[0].raw(), weights.raw());
    const std::vector<double> products[] = {{5 * 4, 7 * 5}, {4 * 3, 5 * 3}};
    EXPECT_EQ(results[1].ToDoubles(), products[step - 1]);
  }
  EXPECT_EQ(weights.ToDoubles(), (std::vector<double>{3, 3}));
}

TEST(Interpreter, TwoStatesMaySwap) {
  Builder b("swap");
  const ValueId p = b.Input("p", {chips::F32, {2}}, STATE);
  const ValueId q = b.Input("q", {chips::F32, {2}}, STATE);
  b.Update(p, q);
  b.Update(q, p);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  const HostTensor first = Vector({1, 2}), second = Vector({3, 4});
  ASSERT_OK(Interpreter().Evaluate(graph, {first, second}));
  EXPECT_EQ(first.ToDoubles(), (std::vector<double>{3, 4}));
  EXPECT_EQ(second.ToDoubles(), (std::vector<double>{1, 2}));
}

TEST(Interpreter, ErrorsCarryTheModelLine) {
  Builder b("g");
  const ValueId x = b.Input("x", {chips::I32, {2}}, DATA);
  {
    Builder::Scope scope(b, "mlp");
    b.Output(b.Apply("div", {x, x}), "y");
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  EXPECT_THAT(Interpreter().Evaluate(graph, {HostTensor::FromVector<int32_t>({2}, {1, 0})}),
              StatusIs(kInvalid,
                       AllOf(HasSubstr("nodes[0] (mlp ("), HasSubstr("integer division by zero"))));
}

TEST(Interpreter, ASymbolicRangeIsCheckedOnceItHasASize) {
  Builder b("g");
  const ValueId x = b.Input("x", {chips::F32, {"B"}}, DATA);
  b.Output(b.Apply("slice", {x}, {{"axis", Attr(0)}, {"start", Attr(0)}, {"limit", Attr(3)}}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  EXPECT_OK(Interpreter().Evaluate(graph, {Vector({1, 2, 3})}));
  EXPECT_THAT(Interpreter().Evaluate(graph, {Vector({1, 2})}),
              StatusIs(kInvalid, HasSubstr("not a range of an axis")));
}

TEST(Interpreter, MoreRanksThanOneNeedADevice) {
  Builder b("g");
  const ValueId x = b.Input("x", {chips::F32, {2}}, DATA);
  b.Output(b.Apply("all_gather", {x}, {{"ranks", Attr(4)}}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  EXPECT_THAT(Interpreter().Evaluate(graph, {Vector({1, 2})}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("knows one rank, not 4")));
}

TEST(Interpreter, NoMemoryIsAnError) {
  Builder b("g");
  b.Output(b.Constant(0, chips::F32, {int64_t{1} << 60}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  EXPECT_THAT(Interpreter().Evaluate(graph, {}), StatusIs(absl::StatusCode::kResourceExhausted,
                                                          HasSubstr("f32[1152921504606846976]")));
}

// One op on vectors.
std::vector<double> ResultOf(const std::string& op, const std::vector<HostTensor>& inputs,
                             const Attributes& attributes = {}) {
  Builder b("g");
  std::vector<ValueId> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Shape shape(inputs[i].dims().begin(), inputs[i].dims().end());
    values.push_back(b.Input(absl::StrCat("x", i), {inputs[i].dtype(), shape}, DATA));
  }
  b.Output(b.Apply(op, values, attributes), "y");
  return Interpreter().Evaluate(std::move(b).Build().value(), inputs).value()[0].ToDoubles();
}

TEST(Reference, SpecialValues) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const std::vector<double> max =
      ResultOf("max", {Vector({1, nan, 2, inf}), Vector({2, 1, nan, 5})});
  EXPECT_EQ(max[0], 2);
  EXPECT_TRUE(std::isnan(max[1]) && std::isnan(max[2]));
  EXPECT_EQ(max[3], inf);
  EXPECT_TRUE(std::isnan(ResultOf("relu", {Vector({nan})})[0]));
  EXPECT_TRUE(std::isnan(
      ResultOf("reduce_max", {Vector({1, nan, 2})}, {{"axes", Attr(std::vector<int64_t>{0})}})[0]));
  EXPECT_EQ(ResultOf("reduce_max", {Vector({})}, {{"axes", Attr(std::vector<int64_t>{0})}})[0],
            -inf);
  EXPECT_EQ(ResultOf("equal", {Vector({nan}), Vector({nan})})[0], 0);
  EXPECT_EQ(ResultOf("sigmoid", {Vector({-1000, 1000})}), (std::vector<double>{0, 1}));
}

TEST(Reference, KnownValues) {
  const HostTensor a = HostTensor::FromVector<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  const HostTensor b = HostTensor::FromVector<float>({3, 2}, {7, 8, 9, 10, 11, 12});
  EXPECT_EQ(ResultOf("matmul", {a, b}), (std::vector<double>{58, 64, 139, 154}));
  EXPECT_EQ(ResultOf("contract_leading", {a, a}),
            (std::vector<double>{17, 22, 27, 22, 29, 36, 27, 36, 45}));
  EXPECT_EQ(ResultOf("transpose", {a}, {{"permutation", Attr(std::vector<int64_t>{1, 0})}}),
            (std::vector<double>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(ResultOf("sum_to", {a}, {{"dims", Attr(Shape{3})}}), (std::vector<double>{5, 7, 9}));
  EXPECT_EQ(ResultOf("pad", {Vector({1, 2})},
                     {{"axis", Attr(0)}, {"before", Attr(1)}, {"after", Attr(2)}}),
            (std::vector<double>{0, 1, 2, 0, 0}));
  EXPECT_EQ(ResultOf("div", {HostTensor::FromVector<int32_t>({2}, {7, -7}),
                             HostTensor::FromVector<int32_t>({}, {2})}),
            (std::vector<double>{3, -3}));
}

TEST(Evaluators, TheInterpreterRegistersAsReference) {
  RegisterInterpreter();
  STRATA_ASSERT_OK_AND_ASSIGN(const auto evaluator, EvaluatorRegistry().Create("reference"));
  EXPECT_NE(evaluator, nullptr);
  EXPECT_THAT(EvaluatorRegistry().Create("none"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("reference")));
}

}  // namespace
}  // namespace strata::graph
