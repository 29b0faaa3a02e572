#include <cmath>
#include <limits>
#include <map>

#include "base/status_matchers.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/interpreter.h"
#include "framework/nn/linear.h"
#include "framework/optim/adamw.h"
#include "framework/optim/loss_scale.h"
#include "framework/optim/schedule.h"
#include "framework/tensor/tensor.h"

namespace strata::framework {
namespace {

using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::ValueId;
using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

HostTensor Scalar(double value) { return HostTensor::FromDoubles(chips::F64, {}, {value}); }

// One AdamW step by step in the textbook's own words (Loshchilov and Hutter 2019, algorithm 2).
struct Textbook {
  double p, m = 0, v = 0;
  void Step(double g, double lr, int t, double decay, const AdamWOptions& o) {
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const double m_hat = m / (1 - std::pow(o.beta1, t)), v_hat = v / (1 - std::pow(o.beta2, t));
    p = p - lr * decay * p - lr * m_hat / (std::sqrt(v_hat) + o.epsilon);
  }
};

// A matrix and a vector parameter with gradients that are fed.
struct Fixture {
  explicit Fixture(const AdamWOptions& options) {
    const graph::TensorType matrix = {chips::F64, {2, 3}}, vector = {chips::F64, {3}};
    const ValueId w = b.Input("w", matrix, graph::PARAMETER);
    const ValueId g = b.Input("g", vector, graph::PARAMETER);
    const ValueId dw = b.Input("dw", matrix, graph::DATA);
    const ValueId dg = b.Input("dg", vector, graph::DATA);
    values = AddAdamW(b, {w, g}, {dw, dg}, options);
    if (values.gradient_norm != graph::kNoValue)
      b.Output(values.gradient_norm, "norm", graph::REPLICATED);
  }
  Builder b{"optimizer"};
  OptimizerValues values;
};

TEST(AdamWTest, FiveStepsMatchTheTextbook) {
  const AdamWOptions options = {.beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-3, .weight_decay = 0.3};
  Fixture f(options);
  STRATA_ASSERT_OK_AND_ASSIGN(Graph graph, std::move(f.b).Build());
  ASSERT_EQ(graph.updates_size(), 6);
  HostTensor w = HostTensor::FromVector<double>({2, 3}, {1, -2, 3, 0, 0.5, 9});
  HostTensor g = HostTensor::FromVector<double>({3}, {1, 1, -1});
  std::vector<HostTensor> state;
  for (int i = 0; i < 2; ++i) state.push_back(HostTensor::Zeros(chips::F64, {2, 3}));
  for (int i = 0; i < 2; ++i) state.push_back(HostTensor::Zeros(chips::F64, {3}));
  std::vector<Textbook> expected_w, expected_g;
  for (double p : w.ToDoubles()) expected_w.push_back({p});
  for (double p : g.ToDoubles()) expected_g.push_back({p});
  graph::Interpreter interpreter;
  for (int t = 1; t <= 5; ++t) {
    const double lr = 0.1 / t;
    std::vector<double> dw, dg;
    for (int i = 0; i < 6; ++i) dw.push_back(std::sin(i + 10 * t));
    for (int i = 0; i < 3; ++i) dg.push_back(std::cos(i + 10 * t));
    for (size_t i = 0; i < 6; ++i) expected_w[i].Step(dw[i], lr, t, options.weight_decay, options);
    for (size_t i = 0; i < 3; ++i) expected_g[i].Step(dg[i], lr, t, /*decay=*/0, options);
    ASSERT_OK(interpreter.Evaluate(graph, {w, g, HostTensor::FromVector<double>({2, 3}, dw),
                                           HostTensor::FromVector<double>({3}, dg), Scalar(lr),
                                           Scalar(t), state[0], state[1], state[2], state[3]}));
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_NEAR(w.data<double>()[i], expected_w[i].p, 1e-12) << "step " << t << " w " << i;
      EXPECT_NEAR(state[0].data<double>()[i], expected_w[i].m, 1e-12);
      EXPECT_NEAR(state[1].data<double>()[i], expected_w[i].v, 1e-12);
    }
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(g.data<double>()[i], expected_g[i].p, 1e-12) << "step " << t << " g " << i;
    }
  }
}

// With a constant gradient the bias corrections cancel: each step without decay moves by lr ·
// sign(g).
TEST(AdamWTest, ConstantGradientMovesByTheLearningRate) {
  Fixture f({.epsilon = 0, .weight_decay = 0});
  STRATA_ASSERT_OK_AND_ASSIGN(Graph graph, std::move(f.b).Build());
  HostTensor w = HostTensor::Zeros(chips::F64, {2, 3}), g = HostTensor::Zeros(chips::F64, {3});
  HostTensor m = w.Clone(), v = w.Clone(), gm = g.Clone(), gv = g.Clone();
  const HostTensor dw = HostTensor::FromVector<double>({2, 3}, {1, -1, 100, -100, 0.01, -0.01});
  const HostTensor dg = HostTensor::FromVector<double>({3}, {1, 2, 3});
  graph::Interpreter interpreter;
  for (int t = 1; t <= 10; ++t) {
    ASSERT_OK(interpreter.Evaluate(graph, {w, g, dw, dg, Scalar(0.01), Scalar(t), m, v, gm, gv}));
  }
  EXPECT_THAT(w.ToDoubles(),
              Pointwise(DoubleNear(1e-12), std::vector<double>{-0.1, 0.1, -0.1, 0.1, -0.1, 0.1}));
}

// One f32 parameter whose gradient is fed, already multiplied by the scale of the step.
TEST(LossScaleTest, BadStepsChangeNothingAndHalveGoodOnesDouble) {
  Builder b("scaled");
  const ValueId w = b.Input("w", {chips::F32, {2}}, graph::PARAMETER);
  const ValueId dw = b.Input("dw", {chips::F32, {2}}, graph::DATA);
  const LossScale scale = AddLossScale(b, {.initial = 8, .interval = 3, .max_shift = 2});
  b.Output(scale.scale, "scale", graph::REPLICATED);
  const OptimizerValues values = AddAdamW(b, {w}, {dw}, {.weight_decay = 0}, &scale);
  b.Output(values.gradient_norm, "norm", graph::REPLICATED);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());

  Builder plain("plain");
  const ValueId w2 = plain.Input("w", {chips::F32, {2}}, graph::PARAMETER);
  const ValueId dw2 = plain.Input("dw", {chips::F32, {2}}, graph::DATA);
  AddAdamW(plain, {w2}, {dw2}, {.weight_decay = 0});
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph without, std::move(plain).Build());

  const auto f32 = [](std::vector<float> v) { return HostTensor::FromVector<float>({2}, v); };
  const auto scalar = [](float v) { return HostTensor::FromVector<float>({}, {v}); };
  HostTensor p = f32({1, 2}), m = f32({0, 0}), v = f32({0, 0}), shift = scalar(0), good = scalar(0),
             taken = scalar(0);
  HostTensor q = f32({1, 2}), qm = f32({0, 0}), qv = f32({0, 0});
  graph::Interpreter interpreter;
  const float inf = std::numeric_limits<float>::infinity();
  // By step: the scale that must hold, and what the gradient is.
  const std::vector<std::pair<double, std::vector<float>>> steps = {
      {8, {3, 4}}, {8, {inf, 0}}, {4, {1, 1}}, {4, {NAN, 1}}, {2, {-inf, inf}},
      {2, {1, 2}}, {2, {2, 1}},   {2, {1, 1}}, {4, {1, 1}}};
  int counted = 0;
  for (const auto& [expected, gradient] : steps) {
    SCOPED_TRACE(expected);
    const float s = static_cast<float>(expected);
    const bool finite = std::isfinite(gradient[0]) && std::isfinite(gradient[1]);
    STRATA_ASSERT_OK_AND_ASSIGN(
        const auto outputs,
        interpreter.Evaluate(graph, {p, f32({gradient[0] * s, gradient[1] * s}), shift, good, taken,
                                     scalar(0.1f), scalar(99), m, v}));
    for (int i = 0; i < graph.outputs_size(); ++i) {
      const double value = outputs[static_cast<size_t>(i)].ToDoubles()[0];
      if (graph.outputs(i).name() == "scale") {
        EXPECT_EQ(value, expected);
      } else if (graph.outputs(i).name() == "norm" && finite) {
        EXPECT_NEAR(value, std::hypot(gradient[0], gradient[1]), 1e-6 * value);
      }
    }
    if (finite) {
      ++counted;
      ASSERT_OK(interpreter.Evaluate(
          without, {q, f32(gradient), scalar(0.1f), scalar(static_cast<float>(counted)), qm, qv}));
    }
    EXPECT_THAT(p.ToDoubles(), Pointwise(DoubleNear(1e-6), q.ToDoubles()));
    EXPECT_THAT(m.ToDoubles(), Pointwise(DoubleNear(1e-6), qm.ToDoubles()));
  }
}

TEST(LossScaleTest, BadOptionsAreNamed) {
  Builder b("bad");
  AddLossScale(b, {.initial = 0});
  EXPECT_THAT(b.status(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("initial (0)")));
}

// The norm of all gradients is 5; clipping to 1 divides them by 5, clipping to 50 leaves them.
TEST(AdamWTest, ClippingScalesByTheGlobalNorm) {
  for (double clip : {1.0, 50.0}) {
    Fixture f({.beta1 = 0, .clip_norm = clip});
    STRATA_ASSERT_OK_AND_ASSIGN(Graph graph, std::move(f.b).Build());
    HostTensor w = HostTensor::Zeros(chips::F64, {2, 3}), g = HostTensor::Zeros(chips::F64, {3});
    HostTensor m = w.Clone(), v = w.Clone(), gm = g.Clone(), gv = g.Clone();
    const HostTensor dw = HostTensor::FromVector<double>({2, 3}, {3, 0, 0, 0, 0, 0});
    const HostTensor dg = HostTensor::FromVector<double>({3}, {0, 4, 0});
    graph::Interpreter interpreter;
    STRATA_ASSERT_OK_AND_ASSIGN(
        std::vector<HostTensor> results,
        interpreter.Evaluate(graph, {w, g, dw, dg, Scalar(0.01), Scalar(1), m, v, gm, gv}));
    // With beta1 = 0 the first moment is the gradient that the optimizer saw.
    const double scale = clip < 5 ? clip / 5 : 1;
    EXPECT_NEAR(m.data<double>()[0], 3 * scale, 1e-6);
    EXPECT_NEAR(gm.data<double>()[1], 4 * scale, 1e-6);
    for (int i = 0; i < graph.outputs_size(); ++i) {
      if (graph.outputs(i).name() == "norm") {
        EXPECT_NEAR(results[static_cast<size_t>(i)].ToDoubles()[0], 5, 1e-12);
      }
    }
  }
}

TEST(AdamWTest, ErrorsStickToTheBuilder) {
  Builder b("optimizer");
  AddAdamW(b, {}, {});
  EXPECT_THAT(b.status(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no parameters")));

  Builder narrow("optimizer");
  const ValueId w = narrow.Input("w", {chips::BF16, {2}}, graph::PARAMETER);
  const ValueId dw = narrow.Input("dw", {chips::BF16, {2}}, graph::DATA);
  AddAdamW(narrow, {w}, {dw});
  EXPECT_THAT(narrow.status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("master copy in f32")));

  Builder mixed("optimizer");
  const ValueId a = mixed.Input("a", {chips::F32, {2}}, graph::PARAMETER);
  const ValueId c = mixed.Input("c", {chips::F64, {2}}, graph::PARAMETER);
  AddAdamW(mixed, {a, c}, {a, c});
  EXPECT_THAT(mixed.status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'c' is f64[2]")));

  Builder few("optimizer");
  const ValueId p = few.Input("p", {chips::F32, {2}}, graph::PARAMETER);
  AddAdamW(few, {p}, {});
  EXPECT_THAT(few.status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0 gradients for 1")));
}

TEST(CosineScheduleTest, UpDownAndLevel) {
  const CosineSchedule schedule = {
      .max_lr = 1, .min_lr = 0.1, .warmup_steps = 10, .total_steps = 110};
  EXPECT_OK(schedule.Validate());
  EXPECT_DOUBLE_EQ(schedule.At(1), 0.1);
  EXPECT_DOUBLE_EQ(schedule.At(9), 0.9);
  EXPECT_DOUBLE_EQ(schedule.At(10), 1);
  EXPECT_DOUBLE_EQ(schedule.At(60), 0.55);
  EXPECT_DOUBLE_EQ(schedule.At(35), 0.1 + 0.45 * (1 + std::sqrt(0.5)));
  EXPECT_DOUBLE_EQ(schedule.At(110), 0.1);
  EXPECT_DOUBLE_EQ(schedule.At(1000), 0.1);
  for (int64_t step = 11; step <= 110; ++step) EXPECT_LT(schedule.At(step), schedule.At(step - 1));
}

TEST(CosineScheduleTest, NoWarmupAndNoSteps) {
  const CosineSchedule schedule = {.max_lr = 1, .min_lr = 0, .warmup_steps = 0, .total_steps = 2};
  EXPECT_DOUBLE_EQ(schedule.At(0), 1);
  EXPECT_DOUBLE_EQ(schedule.At(1), 0.5);
  const CosineSchedule nothing = {.max_lr = 1, .min_lr = 0.5};
  EXPECT_DOUBLE_EQ(nothing.At(1), 0.5);
}

TEST(CosineScheduleTest, ValidateNamesTheField) {
  const auto message = [](const CosineSchedule& s) { return std::string(s.Validate().message()); };
  EXPECT_THAT(message({.max_lr = -1}), HasSubstr("max_lr"));
  EXPECT_THAT(message({.max_lr = std::nan("")}), HasSubstr("max_lr"));
  EXPECT_THAT(message({.max_lr = 1, .min_lr = 2}), HasSubstr("min_lr"));
  EXPECT_THAT(message({.max_lr = 1, .warmup_steps = 3, .total_steps = 2}),
              HasSubstr("warmup_steps"));
  EXPECT_THAT(message({.max_lr = 1, .total_steps = -1}), HasSubstr("total_steps"));
}

// The whole road: modules, autodiff, optimizer, interpreter. XOR, which no single layer can fit.
TEST(TrainingTest, TwoLayerMlpLearnsXor) {
  Builder b("xor");
  ParameterSet parameters(b, chips::F32);
  Linear hidden(parameters, {.name = "hidden", .in = 2, .out = 8, .init = Init::Normal(1)});
  Linear head(parameters, {.name = "head", .in = 8, .out = 2, .init = Init::Normal(1)});
  Tensor x = Input(b, "x", {chips::F32, {"B", 2}}, graph::DATA);
  Tensor targets = Input(b, "targets", {chips::I32, {"B"}}, graph::DATA);
  Tensor loss = Mean(CrossEntropy(head.Forward(Gelu(hidden.Forward(x))), targets));
  b.Output(loss.id(), "loss", graph::MEAN);
  STRATA_ASSERT_OK_AND_ASSIGN(std::vector<ValueId> gradients,
                              Gradients(b, loss.id(), parameters.ids()));
  AddAdamW(b, parameters.ids(), gradients, {.weight_decay = 0.001, .clip_norm = 1});
  STRATA_ASSERT_OK_AND_ASSIGN(Graph graph, std::move(b).Build());

  std::map<std::string, HostTensor> bound;
  for (const ParameterSpec& spec : parameters.specs()) {
    bound[spec.name] = InitParameter(spec, 1);
    bound[spec.name + ".m"] = HostTensor::Zeros(spec.dtype, spec.dims);
    bound[spec.name + ".v"] = HostTensor::Zeros(spec.dtype, spec.dims);
  }
  bound["x"] = HostTensor::FromVector<float>({4, 2}, {0, 0, 0, 1, 1, 0, 1, 1});
  bound["targets"] = HostTensor::FromVector<int32_t>({4}, {0, 1, 1, 0});
  bound["lr"] = HostTensor::FromVector<float>({}, {0.05f});
  graph::Interpreter interpreter;
  std::vector<double> losses;
  for (int step = 1; step <= 100; ++step) {
    bound["step"] = HostTensor::FromVector<float>({}, {static_cast<float>(step)});
    std::vector<HostTensor> inputs;
    for (const graph::Input& input : graph.inputs()) {
      inputs.push_back(bound.at(graph.values(static_cast<int>(input.value())).name()));
    }
    STRATA_ASSERT_OK_AND_ASSIGN(std::vector<HostTensor> outputs,
                                interpreter.Evaluate(graph, inputs));
    losses.push_back(outputs[0].ToDoubles()[0]);
  }
  EXPECT_GT(losses.front(), 0.5);
  EXPECT_LT(losses.back(), 0.05);
}

}  // namespace
}  // namespace strata::framework
