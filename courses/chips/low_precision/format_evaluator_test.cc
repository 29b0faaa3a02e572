#include "courses/chips/low_precision/format_evaluator.h"

#include <cmath>
#include <vector>

#include "base/status_matchers.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/builder.h"
#include "framework/graph/chip_interpreter.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using ::testing::HasSubstr;

constexpr int64_t kM = 6, kK = 40, kN = 5;

// loss = mean((x w)^2); outputs x w, the gradients of x and w; w takes a step.
Graph Step() {
  Builder b("step");
  const auto x = b.Input("x", {chips::F32, {kM, kK}}, graph::DATA);
  const auto w = b.Input("w", {chips::F32, {kK, kN}}, graph::PARAMETER);
  const auto y = b.Apply("matmul", {x, w});
  const auto loss = b.Apply("reduce_mean", {b.Apply("square", {y})},
                            {{"axes", Attr(std::vector<int64_t>{0, 1})}});
  const auto gradients = framework::Gradients(b, loss, {x, w});
  b.Output(y, "y", graph::SHARDED);
  b.Output((*gradients)[0], "dx", graph::SHARDED);
  b.Output((*gradients)[1], "dw", graph::SHARDED);
  b.Update(w, b.Apply("sub", {w, (*gradients)[1]}));
  return *std::move(b).Build();
}

std::vector<HostTensor> Inputs() {
  std::vector<float> x, w;
  for (int i = 0; i < kM * kK; ++i) x.push_back(std::sin(1.7f * static_cast<float>(i)));
  for (int i = 0; i < kK * kN; ++i) w.push_back(std::cos(2.3f * static_cast<float>(i)));
  return {HostTensor::FromVector<float>({kM, kK}, x), HostTensor::FromVector<float>({kK, kN}, w)};
}

std::vector<HostTensor> Outputs(const std::string& forward, const std::string& gradient,
                                const std::string& chip = "") {
  const auto format = MakeProductFormat(forward, gradient, chip);
  EXPECT_OK(format.status());
  FormatEvaluator evaluator(*format, 1);
  const auto outputs = evaluator.Evaluate(Step(), Inputs());
  EXPECT_OK(outputs.status());
  return *outputs;
}

TEST(FormatEvaluator, InF32ItIsTheInterpreter) {
  const auto actual = Outputs("f32", "f32");
  STRATA_ASSERT_OK_AND_ASSIGN(const auto expected, graph::Interpreter().Evaluate(Step(), Inputs()));
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(actual[i].ToDoubles(), expected[i].ToDoubles()) << i;
  }
}

TEST(FormatEvaluator, UpdatesAreMade) {
  FormatEvaluator evaluator(*MakeProductFormat("f32", "f32"), 1);
  std::vector<HostTensor> inputs = Inputs(), again = Inputs();
  STRATA_ASSERT_OK_AND_ASSIGN(const auto outputs, evaluator.Evaluate(Step(), inputs));
  for (int64_t i = 0; i < kK * kN; ++i) {
    EXPECT_EQ(inputs[1].data<float>()[i], again[1].data<float>()[i] - outputs[2].data<float>()[i]);
  }
}

TEST(FormatEvaluator, OperandsOfTheBackwardPassHaveTheirOwnFormat) {
  const auto exact = Outputs("f32", "f32"), forward = Outputs("bf16", "f32"),
             backward = Outputs("f32", "bf16");
  EXPECT_NE(forward[0].ToDoubles(), exact[0].ToDoubles());
  EXPECT_EQ(backward[0].ToDoubles(), exact[0].ToDoubles());  // y has no gradient among its operands
  EXPECT_NE(backward[1].ToDoubles(), exact[1].ToDoubles());
  EXPECT_NE(backward[2].ToDoubles(), exact[2].ToDoubles());
}

TEST(FormatEvaluator, AChipsSumsAreTheChipInterpreters) {
  const auto actual = Outputs("bf16", "bf16", "h100");
  STRATA_ASSERT_OK_AND_ASSIGN(const auto h100, graph::ChipInterpreter::Create("h100", "bf16"));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto expected, h100->Evaluate(Step(), Inputs()));
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(actual[i].ToDoubles(), expected[i].ToDoubles()) << i;
  }
}

TEST(FormatEvaluator, ScalesAreTakenBack) {
  const auto exact = Outputs("f32", "f32"), scaled = Outputs("e4m3 scaled", "e5m2 scaled");
  for (size_t i = 0; i < exact.size(); ++i) {
    const std::vector<double> x = exact[i].ToDoubles(), y = scaled[i].ToDoubles();
    double error = 0, norm = 0;
    for (size_t e = 0; e < x.size(); ++e) {
      error += (x[e] - y[e]) * (x[e] - y[e]);
      norm += x[e] * x[e];
    }
    EXPECT_GT(error, 0) << i;
    EXPECT_LT(std::sqrt(error / norm), 0.2)
        << i;  // an error of 2^-4 an operand at most, 2^-3 of E5M2
  }
}

TEST(FormatEvaluator, FormatsThatAChipDoesNotAddAreNamed) {
  EXPECT_THAT(MakeProductFormat("e4m3", "e5m2", "h100").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("one element format")));
  EXPECT_THAT(MakeProductFormat("e4m3", "e4m3", "v100").status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("volta multiplies no e4m3")));
}

}  // namespace
}  // namespace strata::courses
