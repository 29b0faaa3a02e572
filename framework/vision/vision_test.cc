// The models: sizes as the papers have them, any input size, results that are numbers and differ by image.
#include <cmath>

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_def.h"
#include "framework/graph/types.h"
#include "framework/vision/lenet.h"
#include "framework/vision/mobilenet.h"
#include "framework/vision/resnet.h"
#include "gtest/gtest.h"

namespace strata::framework {
namespace {

int64_t Elements(const VisionModel& model) {
  int64_t total = 0;
  for (const ParameterSpec& spec : model.parameters) {
    int64_t n = 1;
    for (int64_t dim : spec.dims) n *= dim;
    total += n;
  }
  return total;
}

// Multiply-adds of convolutions and matrices.
double Products(const VisionModel& model) {
  double products = 0;
  for (const graph::Node& node : model.graph.nodes()) {
    const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
    if (node.op() == "conv2d" || node.op() == "matmul")
      products += def->flops(CallOf(model.graph, node)) / 2;
  }
  return products;
}

TEST(VisionTest, SizesAreThePapers) {
  // torchvision's resnet18 has 11,689,512 parameters, 4,800 of them in the scales and shifts of normalisation, one pair a
  // channel; folded, a bias a channel remains. 1.814e9 multiply-adds.
  STRATA_ASSERT_OK_AND_ASSIGN(const VisionModel resnet, BuildResNet18({}));
  EXPECT_EQ(Elements(resnet), 11689512 - 4800);
  EXPECT_EQ(Products(resnet), 1814073344);
  // Howard et al., table 4: 4.2 M parameters and 569 M multiply-adds; table 6: 0.5 M and 41 M for alpha = 0.25.
  STRATA_ASSERT_OK_AND_ASSIGN(const VisionModel mobilenet, BuildMobileNetV1({}));
  EXPECT_NEAR(static_cast<double>(Elements(mobilenet)), 4.2e6, 0.05e6);
  EXPECT_NEAR(Products(mobilenet), 569e6, 0.5e6);
  STRATA_ASSERT_OK_AND_ASSIGN(const VisionModel narrow, BuildMobileNetV1({}, 0.25));
  EXPECT_NEAR(static_cast<double>(Elements(narrow)), 0.5e6, 0.05e6);
  EXPECT_NEAR(Products(narrow), 41e6, 0.5e6);
  // 5 x 5 x 6 + 6, 5 x 5 x 6 x 16 + 16, 400 x 120 + 120, 120 x 84 + 84, 84 x 10 + 10.
  STRATA_ASSERT_OK_AND_ASSIGN(
      const VisionModel lenet,
      BuildLeNet5({.height = 28, .width = 28, .channels = 1, .classes = 10}));
  EXPECT_EQ(Elements(lenet), 156 + 2416 + 48120 + 10164 + 850);
}

void ExpectLogits(const VisionModel& model, int64_t batch, int64_t height, int64_t width,
                  int64_t channels, int64_t classes) {
  SCOPED_TRACE(model.graph.name());
  std::vector<graph::HostTensor> inputs = {MadeImages(batch, height, width, channels, 3)};
  for (const graph::HostTensor& weight : MadeWeights(model, 1)) inputs.push_back(weight);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto logits,
                              graph::Interpreter().Evaluate(model.graph, inputs));
  ASSERT_EQ(logits[0].dims(), (std::vector<int64_t>{batch, classes}));
  const std::vector<double> values = logits[0].ToDoubles();
  double square = 0;
  for (double value : values) square += value * value / static_cast<double>(values.size());
  // Made weights keep the size of what passes: nothing dies out and nothing explodes.
  EXPECT_GT(square, 1e-6);  // small images are mostly padding
  EXPECT_LT(square, 1e3);
  bool differ = false;
  for (int64_t c = 0; c < classes; ++c)
    differ = differ || values[static_cast<size_t>(c)] !=
                           values[static_cast<size_t>(c + (batch - 1) * classes)];
  EXPECT_EQ(differ, batch > 1);
}

TEST(VisionTest, AnyImageSizeAndASymbolicBatch) {
  for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{{32, 32}, {33, 47}}) {
    STRATA_ASSERT_OK_AND_ASSIGN(
        const VisionModel resnet,
        BuildResNet18({.batch = "N", .height = height, .width = width, .classes = 10}));
    ExpectLogits(resnet, 2, height, width, 3, 10);
    STRATA_ASSERT_OK_AND_ASSIGN(
        const VisionModel mobilenet,
        BuildMobileNetV1({.batch = 1, .height = height, .width = width, .classes = 7}, 0.25));
    ExpectLogits(mobilenet, 1, height, width, 3, 7);
    STRATA_ASSERT_OK_AND_ASSIGN(
        const VisionModel lenet,
        BuildLeNet5(
            {.batch = "N", .height = height, .width = width, .channels = 1, .classes = 10}));
    ExpectLogits(lenet, 3, height, width, 1, 10);
  }
}

TEST(VisionTest, WhatCannotBeBuiltIsRefused) {
  using ::testing::HasSubstr;
  EXPECT_THAT(BuildMobileNetV1({}, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("multiplier: is 0")));
  EXPECT_THAT(BuildLeNet5({.height = 6, .width = 6}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not fit")));
}

TEST(VisionTest, MadeImagesFollowFromTheSeed) {
  const graph::HostTensor a = MadeImages(1, 4, 5, 2, 1), b = MadeImages(1, 4, 5, 2, 1),
                          c = MadeImages(1, 4, 5, 2, 2);
  EXPECT_EQ(a.ToDoubles(), b.ToDoubles());
  EXPECT_NE(a.ToDoubles(), c.ToDoubles());
}

}  // namespace
}  // namespace strata::framework
