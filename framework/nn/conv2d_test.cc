#include "framework/nn/conv2d.h"

#include <cmath>

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "framework/nn/batch_norm.h"
#include "gtest/gtest.h"

namespace strata::framework {
namespace {

using graph::HostTensor;
using ::testing::HasSubstr;

HostTensor Made(const std::string& name, std::vector<int64_t> dims, double deviation = 1) {
  return InitParameter({name, std::move(dims), chips::F64, Init::Normal(deviation)}, 1);
}

TEST(Conv2dTest, MakesItsParametersAndAConvolution) {
  graph::Builder b("conv");
  ParameterSet parameters(b, chips::F32);
  const Conv2d conv(
      parameters,
      {.name = "a.conv", .in = 6, .out = 4, .kernel = 5, .stride = 2, .padding = 2, .groups = 2});
  const Tensor x = Input(b, "x", {chips::F32, {"N", 9, 7, 6}}, graph::DATA);
  EXPECT_EQ(conv.Forward(x).type().ToString(), "f32[N, 5, 4, 4]");
  ASSERT_EQ(parameters.specs().size(), 2u);
  EXPECT_EQ(parameters.specs()[0].name, "a.conv.weight");
  EXPECT_EQ(parameters.specs()[0].dims, (std::vector<int64_t>{5, 5, 3, 4}));
  EXPECT_NEAR(parameters.specs()[0].init.standard_deviation, std::sqrt(2.0 / 75), 1e-15);
  EXPECT_EQ(parameters.specs()[1].dims, (std::vector<int64_t>{4}));
  EXPECT_EQ(MaxPool2d(x, {.window = 3, .stride = 2, .padding = 1}).type().ToString(),
            "f32[N, 5, 4, 6]");
  EXPECT_OK(b.status());
}

TEST(Conv2dTest, ChannelsThatDoNotFitAreAFaultOfTheBuilder) {
  graph::Builder b("conv");
  ParameterSet parameters(b, chips::F32);
  const Conv2d conv(parameters, {.name = "conv", .in = 3, .out = 4});
  EXPECT_FALSE(conv.Forward(Input(b, "x", {chips::F32, {1, 8, 8, 5}}, graph::DATA)).valid());
  EXPECT_THAT(b.status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("C / groups = 5")));
}

// conv2d and a normalisation after it, written out, are the folded convolution.
TEST(BatchNormTest, TheFoldedConvolutionIsTheNormalisedOne) {
  const HostTensor x = Made("x", {2, 5, 5, 3}), weight = Made("w", {3, 3, 3, 4}),
                   bias = Made("b", {4});
  BatchNorm norm{Made("gamma", {4}), Made("beta", {4}), Made("mean", {4}), Made("variance", {4}),
                 1e-3};
  for (int i = 0; i < 4; ++i)
    norm.variance.data<double>()[i] = std::fabs(norm.variance.data<double>()[i]);
  for (const bool has_bias : {true, false}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const FoldedConv folded,
                                FoldBatchNorm(weight, has_bias ? bias : HostTensor(), norm));
    graph::Node node;
    node.set_op("conv2d");
    graph::SetAttributes({{"strides", graph::Attr(std::vector<int64_t>{1, 1})},
                          {"padding", graph::Attr(std::vector<int64_t>{1, 1, 1, 1})}},
                         &node);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto before, graph::EvaluateNode(node, {x, weight}));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto after, graph::EvaluateNode(node, {x, folded.weight}));
    for (int64_t i = 0; i < before[0].elements(); ++i) {
      const int64_t c = i % 4;
      const double y = before[0].data<double>()[i] + (has_bias ? bias.data<double>()[c] : 0);
      const double normal =
          (y - norm.mean.data<double>()[c]) / std::sqrt(norm.variance.data<double>()[c] + 1e-3);
      ASSERT_NEAR(after[0].data<double>()[i] + folded.bias.data<double>()[c],
                  normal * norm.gamma.data<double>()[c] + norm.beta.data<double>()[c], 1e-9);
    }
  }
}

TEST(BatchNormTest, RefusesWhatDoesNotFit) {
  const HostTensor weight = Made("w", {1, 1, 3, 4}), four = Made("c", {4}), three = Made("c", {3});
  const auto refused = [](const absl::StatusOr<FoldedConv>& folded, const std::string& why) {
    EXPECT_THAT(folded, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused(FoldBatchNorm(HostTensor::Zeros(chips::I8, {4}), {}, {four, four, four, four}),
          "weight: is i8[4]");
  refused(FoldBatchNorm(weight, three, {four, four, four, four}),
          "bias: is f64[3]; must be f64[4]");
  refused(FoldBatchNorm(weight, {}, {four, four, three, four}), "mean: is f64[3]");
  refused(FoldBatchNorm(weight, {}, {four, four, four, HostTensor::Zeros(chips::F64, {4}), 0}),
          "variance[0]: is 0");
}

}  // namespace
}  // namespace strata::framework
