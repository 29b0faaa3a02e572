// Every form of the experts against the dense one: the results and all gradients, in float64.
#include "framework/nn/moe.h"

#include <algorithm>
#include <cmath>

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

struct Sizes {
  int64_t G, N, C, F, E, k;
};

constexpr Sizes kSizes[] = {
    {1, 1, 1, 1, 1, 1}, {1, 7, 5, 3, 4, 2}, {3, 6, 4, 9, 5, 1}, {2, 5, 8, 4, 3, 3}};

MoeOptions OptionsOf(const Sizes& s) {
  MoeOptions options;
  options.name = "moe";
  options.width = s.C;
  options.hidden = s.F;
  options.router = {.experts = s.E, .per_token = s.k, .init = Init::Normal(1)};
  options.init = options.down_init = Init::Normal(0.5);
  return options;
}

// A loss whose slope differs from element to element.
Tensor Loss(const Tensor& y) {
  const int64_t n = y.type().elements();
  Builder& b = *y.builder();
  const Tensor number(b, b.Apply("iota", {},
                                 {{"dtype", graph::Attr(y.dtype())},
                                  {"dims", graph::Attr(graph::Shape{n})},
                                  {"axis", graph::Attr(0)}}));
  const Tensor slope(b, b.Apply("sin", {(number * 1.3 + 1).id()}));
  return Sum(Reshape(y, {n}) * slope);
}

// A layer on random tokens, with what its results and gradients are.
class Layer {
 public:
  explicit Layer(const Sizes& s, const MoeOptions& options, const char* groups = nullptr)
      : sizes_(s), parameters_(b_, chips::F64), moe(parameters_, options) {
    const graph::Size G = groups == nullptr ? graph::Size(s.G) : graph::Size(groups);
    x = Input(b_, "x", {chips::F64, {G, s.N, s.C}}, graph::DATA);
  }

  // `y`, then the gradients of x and of all parameters.
  std::vector<std::vector<double>> Run(const Tensor& y) {
    std::vector<graph::ValueId> wrt = {x.id()};
    for (graph::ValueId id : parameters_.ids()) wrt.push_back(id);
    Builder b(b_.graph());
    const Tensor result(b, y.id());
    const auto gradients = Gradients(b, Loss(result).id(), wrt);
    EXPECT_OK(gradients);
    if (!gradients.ok()) return {};
    b.Output(y.id(), "y", graph::SHARDED);
    for (graph::ValueId id : *gradients)
      b.Output(id, "g" + std::to_string(b.graph().outputs_size()), graph::SHARDED);
    return Evaluate(std::move(b));
  }
  std::vector<double> Values(const Tensor& y) {
    Builder b(b_.graph());
    b.Output(y.id(), "y", graph::SHARDED);
    return Evaluate(std::move(b))[0];
  }

 private:
  std::vector<std::vector<double>> Evaluate(Builder b) {
    std::vector<HostTensor> inputs;
    for (const ParameterSpec& spec : parameters_.specs()) inputs.push_back(InitParameter(spec, 5));
    inputs.push_back(
        InitParameter({"x", {sizes_.G, sizes_.N, sizes_.C}, chips::F64, Init::Normal(1)}, 9));
    const auto graph = std::move(b).Build();
    EXPECT_OK(graph.status());
    if (!graph.ok()) return {{}};
    const auto outputs = graph::Interpreter().Evaluate(*graph, inputs);
    EXPECT_OK(outputs.status());
    std::vector<std::vector<double>> values;
    if (outputs.ok()) {
      for (const HostTensor& output : *outputs) values.push_back(output.ToDoubles());
    }
    return values;
  }

  Sizes sizes_;
  Builder b_{"layer"};
  ParameterSet parameters_;

 public:
  Moe moe;
  Tensor x;
};

// Sums of different orders: at most one rounding a term on the longest way through the layer and back (features, hidden
// features, experts, tokens, and 32 elementwise steps), each of a size within 16 times the largest result.
void ExpectEqual(const Sizes& s, const std::vector<std::vector<double>>& got,
                 const std::vector<std::vector<double>>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t o = 0; o < want.size(); ++o) {
    ASSERT_EQ(got[o].size(), want[o].size());
    double largest = 1;
    for (double value : want[o]) largest = std::max(largest, std::fabs(value));
    const double tolerance =
        0x1p-53 * 16 * largest * static_cast<double>(s.C + s.F + s.E + s.G * s.N + 32);
    for (size_t i = 0; i < want[o].size(); ++i)
      ASSERT_NEAR(got[o][i], want[o][i], tolerance) << "output " << o << " element " << i;
  }
}

MoeOptions WithForm(MoeOptions options, ExpertForm form, double factor = 0) {
  options.form = form;
  options.capacity_factor = factor;
  return options;
}

void ExpectLikeDense(const Sizes& s, const MoeOptions& options) {
  Layer dense(s, WithForm(options, ExpertForm::kDense, options.capacity_factor));
  Layer other(s, options);
  ExpectEqual(s, other.Run(other.moe.Forward(other.x).y), dense.Run(dense.moe.Forward(dense.x).y));
}

TEST(MoeTest, GroupedRowsAreTheDenseReference) {
  for (const Sizes& s : kSizes) ExpectLikeDense(s, WithForm(OptionsOf(s), ExpertForm::kGrouped));
}

TEST(MoeTest, BuffersForEveryTokenAreTheDenseReference) {
  for (const Sizes& s : kSizes) ExpectLikeDense(s, WithForm(OptionsOf(s), ExpertForm::kCapacity));
}

TEST(MoeTest, EveryRouterWorksWithEveryForm) {
  const Sizes s = kSizes[1];
  for (const RouterScores scores : {RouterScores::kSoftmax, RouterScores::kSigmoid}) {
    for (const bool renormalize : {false, true}) {
      for (const ExpertForm form : {ExpertForm::kGrouped, ExpertForm::kCapacity}) {
        MoeOptions options = WithForm(OptionsOf(s), form);
        options.router.scores = scores;
        options.router.renormalize = renormalize;
        options.router.scale = 1.5;
        options.shared_hidden = 3;
        ExpectLikeDense(s, options);
      }
    }
  }
}

TEST(MoeTest, ExpertsThatChooseAreTheDenseReference) {
  for (const Sizes& s : kSizes) {
    for (const double factor : {0.0, 0.5, 1.0, 2.0}) {
      MoeOptions options = WithForm(OptionsOf(s), ExpertForm::kCapacity, factor);
      options.experts_choose = true;
      ExpectLikeDense(s, options);
    }
  }
}

// Too few places: what is dropped counts as a weight of 0, and all gradients agree with that.
TEST(MoeTest, DroppedChoicesWeighNothing) {
  for (const Sizes& s : kSizes) {
    for (const double factor : {0.3, 0.75, 1.0}) {
      Layer layer(s, WithForm(OptionsOf(s), ExpertForm::kCapacity, factor));
      const MoeOutput out = layer.moe.Forward(layer.x);
      const Tensor kept = DenseWeights(out.routing.ids, out.routing.weights, s.E, out.slot);
      const Tensor reference = DenseExperts(layer.moe.experts, layer.x, kept);
      ExpectEqual(s, layer.Run(out.y), layer.Run(reference));
    }
  }
  const Sizes s = kSizes[1];
  Layer layer(s, WithForm(OptionsOf(s), ExpertForm::kCapacity, 0.3));
  const std::vector<double> slots = layer.Values(layer.moe.Forward(layer.x).slot);
  EXPECT_GT(std::count(slots.begin(), slots.end(), -1.0), 0);
}

TEST(MoeTest, DroppedAreThoseOverTheCapacity) {
  const Sizes s = kSizes[3];
  Layer layer(s, WithForm(OptionsOf(s), ExpertForm::kCapacity, 0.6));
  const MoeOutput out = layer.moe.Forward(layer.x);
  const int64_t capacity = ExpertCapacity(s.N, s.k, s.E, 0.6);
  const std::vector<double> slots = layer.Values(out.slot), load = layer.Values(out.load);
  double over = 0;
  for (double choices : load) over += std::max(0.0, choices - static_cast<double>(capacity));
  EXPECT_EQ(static_cast<double>(std::count(slots.begin(), slots.end(), -1.0)), over);
}

TEST(MoeTest, ParametersHaveTheirNames) {
  Builder b("moe");
  ParameterSet parameters(b, chips::F32);
  MoeOptions options = OptionsOf({1, 1, 4, 6, 3, 2});
  options.shared_hidden = 5;
  const Moe moe(parameters, options);
  std::vector<std::string> names;
  for (const ParameterSpec& spec : parameters.specs()) names.push_back(spec.name);
  EXPECT_THAT(names, ElementsAre("moe.router.weight", "moe.experts.gate", "moe.experts.up",
                                 "moe.experts.down", "moe.shared.gate.weight",
                                 "moe.shared.up.weight", "moe.shared.down.weight"));
  EXPECT_THAT(parameters.specs()[1].dims, ElementsAre(3, 4, 6));
  EXPECT_THAT(parameters.specs()[3].dims, ElementsAre(3, 6, 4));
}

TEST(MoeTest, SixteenBitTokensAreRoutedInF32) {
  for (const ExpertForm form : {ExpertForm::kDense, ExpertForm::kCapacity, ExpertForm::kGrouped}) {
    Builder b("moe");
    ParameterSet parameters(b, chips::BF16);
    const Moe moe(parameters, WithForm(OptionsOf({2, 6, 4, 3, 4, 2}), form, 1.0));
    const MoeOutput out = moe.Forward(Input(b, "x", {chips::BF16, {2, 6, 4}}, graph::DATA));
    EXPECT_OK(b.status());
    EXPECT_EQ(out.y.type().ToString(), "bf16[2, 6, 4]");
    EXPECT_EQ(out.routing.weights.type().ToString(), "f32[2, 6, 2]");
  }
}

TEST(MoeTest, UnknownSizesAreErrorsThatNameTheLayer) {
  Builder b("moe");
  ParameterSet parameters(b, chips::F32);
  const Moe moe(parameters, OptionsOf({1, 1, 4, 6, 3, 2}));
  moe.Forward(Input(b, "x", {chips::F32, {"B", "T", 4}}, graph::DATA));
  EXPECT_THAT(b.status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                   HasSubstr("moe: x is f32[B, T, 4]; must be [G, N, C] with N")));
}

// The number of groups may be known only when the graph runs.
TEST(MoeTest, GroupsMayBeASymbol) {
  const Sizes s = kSizes[2];
  for (const ExpertForm form : {ExpertForm::kCapacity, ExpertForm::kGrouped}) {
    for (const bool choose : {false, true}) {
      MoeOptions options = WithForm(OptionsOf(s), form, 0.75);
      options.experts_choose = choose;
      Layer known(s, options), symbol(s, options, "G");
      ExpectEqual(s, {symbol.Values(symbol.moe.Forward(symbol.x).y)},
                  {known.Values(known.moe.Forward(known.x).y)});
    }
  }
}

TEST(MoeTest, NothingFollowsAnError) {
  for (const ExpertForm form : {ExpertForm::kDense, ExpertForm::kCapacity, ExpertForm::kGrouped}) {
    for (const bool choose : {false, true}) {
      Builder b("moe");
      ParameterSet parameters(b, chips::F32);
      MoeOptions options = WithForm(OptionsOf({2, 6, 4, 3, 4, 5}), form, 1.0);
      options.experts_choose = choose;
      options.router.balance_bias = true;
      options.shared_hidden = 2;
      const Moe moe(parameters, options);
      const MoeOutput out = moe.Forward(Input(b, "x", {chips::F32, {2, 6, 4}}, graph::DATA));
      LoadBalanceLoss(out.routing.scores, out.load);
      RouterZLoss(out.routing.logits);
      BalancedBias(moe.router.balance, out.load, 1e-3);
      EXPECT_THAT(b.status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr("moe.router: chooses 5 of 4 experts")));
    }
  }
}

TEST(MoeTest, CapacityIsTheShareTimesItsFactor) {
  EXPECT_EQ(ExpertCapacity(64, 2, 8, 1.0), 16);
  EXPECT_EQ(ExpertCapacity(64, 2, 8, 1.25), 20);
  EXPECT_EQ(ExpertCapacity(65, 2, 8, 1.0), 17);  // rounded up
  EXPECT_EQ(ExpertCapacity(64, 2, 8, std::nan("")), 64);
  EXPECT_EQ(ExpertCapacity(64, 2, 8, 100), 64);  // a token once at most
  EXPECT_EQ(ExpertCapacity(64, 2, 8, 0), 64);    // drop-less
  EXPECT_EQ(ExpertCapacity(3, 1, 100, 1.0), 1);
}

}  // namespace
}  // namespace strata::framework
