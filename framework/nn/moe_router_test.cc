// Routers against their formulas written out in plain loops.
#include "framework/nn/moe_router.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/status_matchers.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/interpreter.h"

namespace strata::framework {
namespace {

using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t G = 2, N = 6, C = 4, E = 5, k = 2;

// A graph under construction and the values of its inputs.
class RouterTest : public ::testing::Test {
 protected:
  Tensor Data(const std::string& name, const std::vector<int64_t>& dims, std::vector<double> values,
              graph::DType dtype = chips::F64) {
    inputs_.push_back(HostTensor::FromDoubles(dtype, dims, values));
    const graph::Shape shape(dims.begin(), dims.end());
    return Input(b_, name, {dtype, shape}, graph::DATA);
  }
  Tensor RandomData(const std::string& name, const std::vector<int64_t>& dims, uint64_t seed) {
    const ParameterSpec spec{name, dims, chips::F64, Init::Normal(1)};
    return Data(name, dims, InitParameter(spec, seed).ToDoubles());
  }
  // The router's parameter, and its bias of the values given.
  Router MakeRouter(RouterOptions options, const std::vector<double>& bias = {}) {
    options.name = "router";
    options.width = C;
    options.experts = E;
    options.init = Init::Normal(1);
    Router router(parameters_, options);
    inputs_.push_back(InitParameter(parameters_.specs()[0], 3));
    if (options.balance_bias) inputs_.push_back(HostTensor::FromVector<double>({E}, bias));
    return router;
  }
  void Output(const Tensor& tensor) {
    b_.Output(tensor.id(), "y" + std::to_string(b_.graph().outputs_size()), graph::SHARDED);
  }

  std::vector<std::vector<double>> Run() {
    absl::StatusOr<Graph> graph = std::move(b_).Build();
    EXPECT_THAT(graph, IsOk());
    if (!graph.ok()) return {};
    const auto outputs = graph::Interpreter().Evaluate(*graph, inputs_);
    EXPECT_THAT(outputs, IsOk());
    std::vector<std::vector<double>> values;
    if (outputs.ok()) {
      for (const HostTensor& output : *outputs) values.push_back(output.ToDoubles());
    }
    return values;
  }

  Builder b_{"router"};
  ParameterSet parameters_{b_, chips::F64};
  std::vector<HostTensor> inputs_;
};

// The scores of one token, best first.
std::vector<size_t> Order(const double* scores) {
  std::vector<size_t> order(E);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return order;
}

TEST_F(RouterTest, SoftmaxOfTheLogitsAndTheBestOfIt) {
  const Tensor x = RandomData("x", {G, N, C}, 1);
  const Router router = MakeRouter({.per_token = k});
  const Routing routing = router.Forward(x);
  for (const Tensor& t : {routing.logits, routing.scores, routing.weights, routing.ids}) Output(t);
  const auto y = Run();
  ASSERT_EQ(y.size(), 4u);
  for (size_t token = 0; token < G * N; ++token) {
    const double *logits = &y[0][token * E], *scores = &y[1][token * E];
    double sum = 0;
    for (size_t e = 0; e < E; ++e) sum += std::exp(logits[e]);
    const std::vector<size_t> order = Order(scores);
    for (size_t e = 0; e < E; ++e) EXPECT_NEAR(scores[e], std::exp(logits[e]) / sum, 1e-14);
    for (size_t j = 0; j < k; ++j) {
      EXPECT_EQ(y[3][token * k + j], static_cast<double>(order[j]));
      EXPECT_EQ(y[2][token * k + j], scores[order[j]]);
    }
  }
}

TEST_F(RouterTest, WeightsAddUpToTheScaleWhenRenormalised) {
  const Tensor x = RandomData("x", {G, N, C}, 1);
  const Router router = MakeRouter({.per_token = 3, .renormalize = true, .scale = 2.5});
  Output(router.Forward(x).weights);
  const auto y = Run();
  ASSERT_EQ(y.size(), 1u);
  for (size_t token = 0; token < G * N; ++token) {
    EXPECT_NEAR(y[0][3 * token] + y[0][3 * token + 1] + y[0][3 * token + 2], 2.5, 1e-14);
  }
}

TEST_F(RouterTest, TheBiasDecidesTheChoiceAndNotTheWeights) {
  const Tensor x = RandomData("x", {G, N, C}, 1);
  const std::vector<double> bias = {0, 0, 10, 0, -10};  // 2 always, 4 never
  const Router router = MakeRouter(
      {.per_token = k, .scores = RouterScores::kSigmoid, .renormalize = true, .balance_bias = true},
      bias);
  const Routing routing = router.Forward(x);
  for (const Tensor& t : {routing.logits, routing.scores, routing.weights, routing.ids}) Output(t);
  const auto y = Run();
  ASSERT_EQ(y.size(), 4u);
  for (size_t token = 0; token < G * N; ++token) {
    std::vector<double> choice(E);
    for (size_t e = 0; e < E; ++e) {
      const double score = y[1][token * E + e];
      EXPECT_NEAR(score, 1 / (1 + std::exp(-y[0][token * E + e])), 1e-14);
      choice[e] = score + bias[e];
    }
    const std::vector<size_t> order = Order(choice.data());
    EXPECT_EQ(order[0], 2u);
    const double sum = y[1][token * E + order[0]] + y[1][token * E + order[1]];
    for (size_t j = 0; j < k; ++j) {
      EXPECT_EQ(y[3][token * k + j], static_cast<double>(order[j]));
      EXPECT_NEAR(y[2][token * k + j], y[1][token * E + order[j]] / sum, 1e-14);
    }
  }
}

TEST_F(RouterTest, ExpertsThatChooseAreAllFull) {
  constexpr int64_t kCapacity = 3;
  const Tensor x = RandomData("x", {G, N, C}, 1);
  const Router router = MakeRouter({.per_token = 1});
  const ExpertChoice choice = router.Choose(x, kCapacity);
  for (const Tensor& t : {choice.logits, choice.weights, choice.tokens}) Output(t);
  const auto y = Run();
  ASSERT_EQ(y.size(), 3u);
  ASSERT_EQ(y[2].size(), static_cast<size_t>(G * E * kCapacity));
  for (size_t g = 0; g < G; ++g) {
    for (size_t e = 0; e < E; ++e) {
      std::vector<double> scores;  // of the group's tokens for this expert
      for (size_t n = 0; n < N; ++n) {
        const double* logits = &y[0][(g * N + n) * E];
        double sum = 0;
        for (size_t f = 0; f < E; ++f) sum += std::exp(logits[f]);
        scores.push_back(std::exp(logits[e]) / sum);
      }
      std::vector<double> sorted = scores;
      std::sort(sorted.rbegin(), sorted.rend());
      for (size_t p = 0; p < kCapacity; ++p) {
        const size_t at = (g * E + e) * kCapacity + p;
        EXPECT_NEAR(y[1][at], sorted[p], 1e-14);
        EXPECT_NEAR(scores[static_cast<size_t>(y[2][at])], sorted[p], 1e-14);
      }
    }
  }
}

TEST_F(RouterTest, LoadCountsTheChoices) {
  const Tensor ids = Data("ids", {2, 3, 2}, {0, 1, 0, 2, 0, 1, 3, 2, 3, 1, -1, -1}, chips::I32);
  Output(ExpertLoad(ids, 4));
  EXPECT_THAT(Run()[0], ElementsAre(3, 2, 1, 0, 0, 1, 1, 2));
}

TEST_F(RouterTest, BalanceLossIsOneWhenAllAreEqualAndEWhenOneHasAll) {
  const std::vector<double> equal(2 * 4 * 4, 0.25);
  std::vector<double> one(2 * 4 * 4, 0.0);
  for (size_t token = 0; token < 8; ++token) one[token * 4] = 1;
  const Tensor balanced = Data("balanced", {2, 4, 4}, equal),
               skewed = Data("skewed", {2, 4, 4}, one);
  const Tensor even = Data("even", {2, 4}, std::vector<double>(8, 2));
  const Tensor all = Data("all", {2, 4}, {8, 0, 0, 0, 8, 0, 0, 0});
  for (const bool per_group : {true, false}) {
    Output(LoadBalanceLoss(balanced, even, per_group));
    Output(LoadBalanceLoss(skewed, all, per_group));
  }
  const auto y = Run();
  ASSERT_EQ(y.size(), 4u);
  for (size_t i : {0, 2}) {
    EXPECT_NEAR(y[i][0], 1, 1e-14);
    EXPECT_NEAR(y[i + 1][0], 4, 1e-14);
  }
}

// Groups that differ, but make up for each other: balanced over all tokens, not within a group.
TEST_F(RouterTest, TheLossOverAllTokensLetsGroupsDiffer) {
  const Tensor scores = Data("scores", {2, 1, 2}, {1, 0, 0, 1});
  const Tensor load = Data("load", {2, 2}, {1, 0, 0, 1});
  Output(LoadBalanceLoss(scores, load, /*per_group=*/true));
  Output(LoadBalanceLoss(scores, load, /*per_group=*/false));
  const auto y = Run();
  EXPECT_NEAR(y[0][0], 2, 1e-14);
  EXPECT_NEAR(y[1][0], 1, 1e-14);
}

TEST_F(RouterTest, TheGradientOfTheBalanceLossTakesFromTheBusy) {
  const Tensor logits = Data("logits", {1, 1, 2}, {0, 0});
  const Tensor load = Data("load", {1, 2}, {3, 1});
  const Tensor loss = LoadBalanceLoss(Softmax(logits), load);
  const auto gradients = Gradients(b_, loss.id(), {logits.id()});
  ASSERT_OK(gradients);
  b_.Output((*gradients)[0], "g", graph::SHARDED);
  // loss = 2 (3/4 p + 1/4 (1 - p)), dp/dlogit = p (1 - p) = 1/4.
  const auto y = Run();
  EXPECT_NEAR(y[0][0], 0.25, 1e-14);
  EXPECT_NEAR(y[0][1], -0.25, 1e-14);
}

TEST_F(RouterTest, ZLossIsTheMeanSquareOfLogSumExp) {
  const Tensor logits = Data("logits", {1, 2, 2}, {std::log(3.0), 0, 1000, 1000});
  Output(RouterZLoss(logits));
  const double first = std::log(4.0), second = 1000 + std::log(2.0);
  EXPECT_NEAR(Run()[0][0], (first * first + second * second) / 2, 1e-8);
}

TEST_F(RouterTest, TheBiasMovesAgainstTheLoad) {
  const Tensor bias = Data("bias", {3}, {0.5, 0, -0.25});
  const Tensor load = Data("load", {2, 3}, {4, 1, 0, 2, 2, 3}, chips::F32);  // 6, 3, 3; mean 4
  Output(BalancedBias(bias, load, 0.125));
  Output(BalancedBias(bias, Data("even", {1, 3}, {2, 2, 2}, chips::F32), 0.125));
  const auto y = Run();
  EXPECT_THAT(y[0], ElementsAre(0.375, 0.125, -0.125));
  EXPECT_THAT(y[1], ElementsAre(0.5, 0, -0.25));
}

// Experts whose scores are far apart share tokens evenly once the bias has had time; nothing but the bias is trained.
TEST(BalancedBiasTest, BringsUnequalExpertsToEqualLoads) {
  constexpr int64_t kTokens = 256;
  Builder b("step");
  const Tensor scores = Input(b, "scores", {chips::F32, {1, kTokens, E}}, graph::DATA);
  const Tensor bias = Input(b, "bias", {chips::F32, {E}}, graph::STATE);
  const Tensor ids = ApplyMulti("top_k", {scores + bias}, {{"k", graph::Attr(k)}})[1];
  const Tensor load = ExpertLoad(ids, E);
  b.Output(load.id(), "load", graph::SHARDED);
  b.Output(BalancedBias(bias, load, 0.01).id(), "bias", graph::SHARDED);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph step, std::move(b).Build());
  HostTensor state = HostTensor::Zeros(chips::F32, {E});
  std::vector<double> first, last;
  for (int i = 0; i < 120; ++i) {
    HostTensor tokens = InitParameter({"scores", {1, kTokens, E}, chips::F32, Init::Normal(0.25)},
                                      static_cast<uint64_t>(i));
    for (int64_t t = 0; t < kTokens * E; ++t)
      tokens.data<float>()[t] += 0.2f * static_cast<float>(t % E);
    STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<HostTensor> out,
                                graph::Interpreter().Evaluate(step, {tokens, state}));
    if (i == 0) first = out[0].ToDoubles();
    last = out[0].ToDoubles();
    state = out[1];
  }
  const double mean = static_cast<double>(kTokens * k) / static_cast<double>(E);
  EXPECT_GT(*std::max_element(first.begin(), first.end()), 1.8 * mean);
  EXPECT_LT(*std::max_element(last.begin(), last.end()), 1.3 * mean);
}

TEST_F(RouterTest, BadCountsAreErrorsThatNameTheRouter) {
  Router bad(parameters_, {.name = "h.0.router", .width = 4, .experts = 2, .per_token = 3});
  EXPECT_THAT(b_.status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                    HasSubstr("h.0.router: chooses 3 of 2 experts from 4")));
}

}  // namespace
}  // namespace strata::framework
