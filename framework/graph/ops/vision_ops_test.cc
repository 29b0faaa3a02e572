// Images and integer arithmetic: what the ops refuse, and their results against definitions written out here.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_def.h"
#include "framework/graph/ops/all_ops.h"
#include "gtest/gtest.h"

namespace strata::graph {
namespace {

using ::testing::HasSubstr;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

Attribute Numbers(const std::vector<int64_t>& values) { return Attr(values); }

Attributes Sliding(const std::vector<int64_t>& strides = {1, 1},
                   const std::vector<int64_t>& padding = {0, 0, 0, 0}) {
  return {{"strides", Numbers(strides)}, {"padding", Numbers(padding)}};
}

Attributes With(Attributes attributes, const std::string& name, const Attribute& value) {
  attributes[name] = value;
  return attributes;
}

absl::StatusOr<std::vector<TensorType>> Infer(const std::string& op,
                                              const std::vector<TensorType>& inputs,
                                              const Attributes& attributes) {
  RegisterAllOps();
  Node node;
  node.set_op(op);
  SetAttributes(attributes, &node);
  return InferTypes(*OpRegistry::Get().Find(op), {&node, inputs, {}});
}

absl::StatusOr<std::vector<HostTensor>> Evaluate(const std::string& op,
                                                 const std::vector<HostTensor>& inputs,
                                                 const Attributes& attributes) {
  Node node;
  node.set_op(op);
  SetAttributes(attributes, &node);
  return EvaluateNode(node, inputs);
}

TEST(VisionOps, ConvolutionsInferTheirShape) {
  const TensorType x{chips::F32, {"N", 9, 8, 6}}, w{chips::F32, {3, 2, 3, 4}};
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto y,
      Infer("conv2d", {x, w}, With(Sliding({2, 3}, {1, 0, 0, 2}), "groups", Attr(2))));
  EXPECT_EQ(y[0].ToString(), "f32[N, 4, 3, 4]");
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto sums,
      Infer("conv2d", {{chips::I8, {1, 4, 4, 2}}, {chips::I8, {3, 3, 2, 5}}}, Sliding()));
  EXPECT_EQ(sums[0].ToString(), "i32[1, 2, 2, 5]");
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto wide, Infer("conv2d", {{chips::BF16, {1, 4, 4, 2}}, {chips::BF16, {3, 3, 2, 5}}},
                             With(Sliding(), "output_dtype", Attr(chips::F32))));
  EXPECT_EQ(wide[0].ToString(), "f32[1, 2, 2, 5]");
}

TEST(VisionOps, ConvolutionsRefuseWhatDoesNotFit) {
  const TensorType x{chips::F32, {1, 5, 5, 4}}, w{chips::F32, {3, 3, 4, 2}};
  const auto refused = [&](const TensorType& a, const TensorType& b, const Attributes& attributes,
                           const std::string& why) {
    EXPECT_THAT(Infer("conv2d", {a, b}, attributes), StatusIs(kInvalid, HasSubstr(why)));
  };
  refused({chips::F32, {5, 5, 4}}, w, Sliding(), "x: is [5, 5, 4]; must be [N, H, W, C]");
  refused(x, {chips::F32, {3, 3, 4}}, Sliding(), "w: is [3, 3, 4]; must be");
  refused(x, {chips::F32, {3, 3, 3, 2}}, Sliding(),
          "w: has 3 input channels; must be C / groups = 4");
  refused(x, {chips::I8, {3, 3, 4, 2}}, Sliding(), "must be of dtype f32");
  refused({chips::I32, {1, 5, 5, 4}}, {chips::I32, {3, 3, 4, 2}}, Sliding(), "a float dtype or i8");
  refused(x, w, Sliding({1, 1, 1}), "strides: is [1, 1, 1]; must be 2 numbers of at least 1");
  refused(x, w, Sliding({0, 1}), "strides: is [0, 1]");
  refused(x, w, Sliding({1, 1}, {0, -1, 0, 0}), "padding: is [0, -1, 0, 0]; must be 4");
  refused(x, w, With(Sliding(), "groups", Attr(3)), "groups: is 3; must divide C = 4 and O = 2");
  refused(x, {chips::F32, {6, 3, 4, 2}}, Sliding(), "H: is 5, with its padding 5; a window of 6");
  refused({chips::F32, {1, "H", 5, 4}}, w, Sliding(),
          "H: is the symbol H; a window slides over sizes");
  refused(x, {chips::F32, {0, 3, 4, 2}}, Sliding(), "the window is 0 x 3");
  refused({chips::I8, {1, 64, 64, 33}}, {chips::I8, {64, 64, 33, 1}}, Sliding(),
          "sums 135168 products of two i8; at most 131071");
  refused({chips::I8, {1, 5, 5, 4}}, {chips::I8, {3, 3, 4, 2}},
          With(Sliding(), "output_dtype", Attr(chips::F32)), "must be i32 for i8 operands");
  EXPECT_THAT(Infer("conv2d_gradient_input", {{chips::F32, {1, 4, 4, 2}}, w},
                    With(Sliding(), "dims", Attr(x.shape))),
              StatusIs(kInvalid, HasSubstr("must be of shape [1, 3, 3, 2]")));
  EXPECT_THAT(Infer("conv2d_gradient_weight", {x, {chips::F32, {1, 3, 3, 1}}},
                    With(Sliding(), "dims", Attr(w.shape))),
              StatusIs(kInvalid, HasSubstr("must be of shape [1, 3, 3, 2]")));
}

TEST(VisionOps, PoolsRefuseWhatDoesNotFit) {
  const auto refused = [&](const TensorType& x, const Attributes& attributes,
                           const std::string& why) {
    EXPECT_THAT(Infer("max_pool2d", {x}, attributes), StatusIs(kInvalid, HasSubstr(why)));
  };
  const Attributes two = With(Sliding(), "window", Numbers({2, 2}));
  refused({chips::F32, {4, 4, 3}}, two, "must be of rank 4");
  refused({chips::BOOL, {1, 4, 4, 3}}, two, "of a number dtype");
  refused({chips::F32, {1, 0, 4, 3}}, two, "there is no maximum of nothing");
  refused({chips::F32, {1, 4, 4, 3}}, With(two, "window", Numbers({2})),
          "window: must be 2 numbers");
  refused({chips::F32, {1, 4, 4, 3}}, With(two, "padding", Numbers({0, 2, 0, 0})),
          "padding: 2 is not smaller than the window's 2");
}

TEST(VisionOps, APoolKeepsNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const HostTensor x = HostTensor::FromVector<float>({1, 1, 4, 1}, {1, nan, 2, 3});
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto y, Evaluate("max_pool2d", {x}, With(Sliding({1, 2}), "window", Numbers({1, 2}))));
  EXPECT_TRUE(std::isnan(y[0].data<float>()[0]));
  EXPECT_EQ(y[0].data<float>()[1], 3);
}

TEST(VisionOps, OfEqualMaximaTheFirstGetsTheGradient) {
  const HostTensor x = HostTensor::FromVector<float>({1, 2, 2, 1}, {5, 7, 7, 7});
  const HostTensor dy = HostTensor::FromVector<float>({1, 1, 1, 1}, {3});
  STRATA_ASSERT_OK_AND_ASSIGN(const auto dx, Evaluate("max_pool2d_gradient", {x, dy},
                                                      With(Sliding(), "window", Numbers({2, 2}))));
  EXPECT_EQ(dx[0].ToDoubles(), (std::vector<double>{0, 3, 0, 0}));
}

// clamp(zero + floor(x m / 2^s + 1/2)): the definition in 128 bits, by a division that floors.
int64_t Requantized(int64_t x, int64_t m, int s, int64_t zero, int64_t low, int64_t high) {
  const __int128 unit = __int128{1} << s;
  const __int128 doubled = __int128{2} * x * m + (s == 0 ? 0 : unit);  // twice the numerator
  __int128 steps = doubled / (2 * unit);
  if (steps * 2 * unit > doubled) --steps;
  const __int128 y = zero + steps;
  return static_cast<int64_t>(y < low ? low : y > high ? high : y);
}

TEST(VisionOps, RequantizeIsItsDefinition) {
  constexpr int32_t kLeast = std::numeric_limits<int32_t>::lowest(),
                    kMost = std::numeric_limits<int32_t>::max();
  const std::vector<int32_t> xs = {kLeast, kLeast + 1, -12345, -3, -2, -1, 0, 1, 2, 3, 777, kMost};
  const std::vector<int32_t> ms = {kLeast, -1, 0, 1, 3, 1 << 30, kMost};
  for (const int32_t s : {0, 1, 2, 7, 31, 32, 45, 61, 62}) {
    for (const auto& [zero, low, high] :
         std::vector<std::tuple<int, int, int>>{{0, -128, 127}, {-7, -7, 127}, {127, -3, -3}}) {
      for (const int32_t m : ms) {
        const auto n = static_cast<int64_t>(xs.size());
        STRATA_ASSERT_OK_AND_ASSIGN(
            const auto y,
            Evaluate("requantize",
                     {HostTensor::FromVector<int32_t>({n, 1}, xs),
                      HostTensor::FromVector<int32_t>({1}, {m}),
                      HostTensor::FromVector<int32_t>({1}, {s})},
                     {{"zero_point", Attr(zero)}, {"low", Attr(low)}, {"high", Attr(high)}}));
        for (size_t i = 0; i < xs.size(); ++i)
          ASSERT_EQ(y[0].data<int8_t>()[i], Requantized(xs[i], m, s, zero, low, high))
              << xs[i] << " * " << m << " >> " << s;
      }
    }
  }
}

TEST(VisionOps, RequantizeRefusesWhatDoesNotFit) {
  const TensorType x{chips::I32, {2, 3}}, c{chips::I32, {3}};
  const auto refused = [](const std::vector<TensorType>& inputs, const Attributes& attributes,
                          const std::string& why) {
    EXPECT_THAT(Infer("requantize", inputs, attributes), StatusIs(kInvalid, HasSubstr(why)));
  };
  refused({{chips::F32, {2, 3}}, c, c}, {}, "x: is f32[2, 3]; must be of dtype i32");
  refused({{chips::I32, {}}, c, c}, {}, "x: is i32[]; must be [..., C]");
  refused({x, {chips::I32, {2}}, c}, {}, "multiplier: is i32[2]; must be of shape [3]");
  refused({x, c, {chips::I64, {3}}}, {}, "shift: is i64[3]; must be of dtype i32");
  refused({x, c, c}, {{"low", Attr(-129)}}, "low, high: are -129 and 127");
  refused({x, c, c}, {{"low", Attr(5)}, {"high", Attr(4)}}, "low, high: are 5 and 4");
  refused({x, c, c}, {{"zero_point", Attr(128)}}, "zero_point: is 128");
  EXPECT_THAT(Evaluate("requantize",
                       {HostTensor::FromVector<int32_t>({1}, {1}),
                        HostTensor::FromVector<int32_t>({1}, {1}),
                        HostTensor::FromVector<int32_t>({1}, {-1})},
                       {}),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("shift[0]: is -1")));
}

TEST(VisionOps, ProductsOfBytes) {
  const TensorType i8{chips::I8, {4, 4}}, e4m3{chips::F8_E4M3, {4, 4}},
      e5m2{chips::F8_E5M2, {4, 4}};
  STRATA_ASSERT_OK_AND_ASSIGN(const auto sums, Infer("matmul", {i8, i8}, {}));
  EXPECT_EQ(sums[0].ToString(), "i32[4, 4]");
  STRATA_ASSERT_OK_AND_ASSIGN(const auto floats, Infer("matmul", {e5m2, e5m2}, {}));
  EXPECT_EQ(floats[0].ToString(), "f32[4, 4]");
  EXPECT_THAT(Infer("matmul", {e4m3, e5m2}, {}), StatusIs(kInvalid, HasSubstr("of dtype f8_e4m3")));
  EXPECT_THAT(Infer("matmul", {{chips::I32, {4, 4}}, {chips::I32, {4, 4}}}, {}),
              StatusIs(kInvalid, HasSubstr("an 8-bit float or i8")));
  EXPECT_THAT(Infer("matmul", {i8, i8}, {{"output_dtype", Attr(chips::F32)}}),
              StatusIs(kInvalid, HasSubstr("i32 for i8 operands")));
  EXPECT_THAT(Infer("matmul", {{chips::I8, {1, 131072}}, {chips::I8, {131072, 1}}}, {}),
              StatusIs(kInvalid, HasSubstr("sums 131072 products of two i8")));
}

}  // namespace
}  // namespace strata::graph
