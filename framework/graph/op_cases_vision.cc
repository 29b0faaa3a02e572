// Cases of images and of integer arithmetic: convolutions, pools, products of 8-bit operands, requantisation.
#include "absl/strings/str_cat.h"
#include "framework/graph/case_maker.h"
#include "framework/graph/op_cases.h"

namespace strata::graph {
namespace {

struct Conv {
  const char* name;
  Shape x;  // [N, H, W, C]
  Shape w;  // [KH, KW, C / groups, O]
  Shape y;  // [N, OH, OW, O]
  std::vector<int64_t> strides = {1, 1};
  std::vector<int64_t> padding = {0, 0, 0, 0};
  int64_t groups = 1;
};

std::vector<Conv> Convs() {
  return {
      {"one_by_one", {2, 3, 5, 7}, {1, 1, 7, 9}, {2, 3, 5, 9}},
      {"pixel", {1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}},
      {"same", {2, 5, 4, 3}, {3, 3, 3, 17}, {2, 5, 4, 17}, {1, 1}, {1, 1, 1, 1}},
      {"stride", {1, 9, 8, 2}, {3, 2, 2, 5}, {1, 4, 4, 5}, {2, 2}, {0, 0, 0, 0}},
      {"stem", {1, 11, 10, 3}, {7, 7, 3, 8}, {1, 6, 5, 8}, {2, 2}, {3, 3, 3, 3}},
      {"uneven", {1, 4, 6, 2}, {2, 3, 2, 3}, {1, 7, 3, 3}, {1, 3}, {1, 3, 2, 1}},
      {"skips_pixels", {1, 7, 7, 2}, {1, 1, 2, 3}, {1, 3, 3, 3}, {3, 3}, {0, 0, 0, 0}},
      {"groups", {2, 4, 4, 6}, {3, 3, 3, 4}, {2, 4, 4, 4}, {1, 1}, {1, 1, 1, 1}, 2},
      {"depthwise", {1, 6, 5, 19}, {3, 3, 1, 19}, {1, 3, 3, 19}, {2, 2}, {1, 1, 1, 1}, 19},
      {"multiplier", {1, 4, 4, 3}, {2, 2, 1, 6}, {1, 3, 3, 6}, {1, 1}, {0, 0, 0, 0}, 3},
      {"whole_image", {3, 4, 5, 2}, {4, 5, 2, 3}, {3, 1, 1, 3}},
      {"no_images", {0, 4, 4, 2}, {3, 3, 2, 3}, {0, 2, 2, 3}},
      {"symbols", {"B", 5, 5, 2}, {3, 3, 2, 4}, {"B", 5, 5, 4}, {1, 1}, {1, 1, 1, 1}},
      {"any_image", {"B", "T", "S", 3}, {1, 1, 3, 2}, {"B", "T", "S", 2}},
  };
}

Attributes WindowOf(const Conv& c) {
  return {{"strides", Attr(c.strides)}, {"padding", Attr(c.padding)}, {"groups", Attr(c.groups)}};
}

int64_t Terms(const Shape& shape) {
  int64_t terms = 1;
  for (const Size& size : shape) terms *= size.is_symbol() ? 7 : size.size();
  return terms;
}

void ConvCases(CaseMaker& make) {
  for (const Conv& c : Convs()) {
    const Attributes window = WindowOf(c);
    const int64_t terms = Terms({c.w[0], c.w[1], c.w[2]});
    make.Op(absl::StrCat("conv2d.", c.name), "conv2d", {F(c.x), F(c.w)}, window, terms);
    make.Op(absl::StrCat("conv2d.i8.", c.name), "conv2d",
            {I(c.x, -128, 127, chips::I8), I(c.w, -128, 127, chips::I8)}, window);
    Attributes input = window, weight = window;
    input["dims"] = Attr(c.x);
    weight["dims"] = Attr(c.w);
    make.Op(absl::StrCat("conv2d_gradient_input.", c.name), "conv2d_gradient_input",
            {F(c.y), F(c.w)}, input, terms * 7);
    make.Op(absl::StrCat("conv2d_gradient_weight.", c.name), "conv2d_gradient_weight",
            {F(c.x), F(c.y)}, weight, Terms(c.y));
  }
}

void PoolCases(CaseMaker& make) {
  struct Pool {
    const char* name;
    Shape x, y;
    std::vector<int64_t> window, strides, padding;
  };
  const Pool pools[] = {
      {"halves", {2, 4, 6, 3}, {2, 2, 3, 3}, {2, 2}, {2, 2}, {0, 0, 0, 0}},
      {"overlaps", {1, 7, 8, 5}, {1, 4, 4, 5}, {3, 3}, {2, 2}, {1, 1, 1, 1}},
      {"uneven", {1, 5, 4, 2}, {1, 3, 5, 2}, {3, 2}, {2, 1}, {2, 0, 1, 1}},
      {"leaves_pixels", {1, 5, 5, 1}, {1, 2, 2, 1}, {2, 2}, {2, 2}, {0, 0, 0, 0}},
      {"as_it_is", {1, 2, 2, 17}, {1, 2, 2, 17}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
      {"no_images", {0, 3, 3, 2}, {0, 2, 2, 2}, {2, 2}, {1, 1}, {0, 0, 0, 0}},
      {"symbols", {"B", 4, 4, 3}, {"B", 2, 2, 3}, {2, 2}, {2, 2}, {0, 0, 0, 0}},
  };
  for (const Pool& p : pools) {
    const Attributes window = {
        {"window", Attr(p.window)}, {"strides", Attr(p.strides)}, {"padding", Attr(p.padding)}};
    make.Op(absl::StrCat("max_pool2d.", p.name), "max_pool2d", {F(p.x)}, window);
    make.Op(absl::StrCat("max_pool2d.i8.", p.name), "max_pool2d", {I(p.x, -128, 127, chips::I8)},
            window);
    make.Op(absl::StrCat("max_pool2d_gradient.", p.name), "max_pool2d_gradient", {F(p.x), F(p.y)},
            window, 4);
  }
  make.Op("max_pool2d.i32", "max_pool2d", {I({1, 4, 4, 3}, -100000, 100000)},
          {{"window", Attr(std::vector<int64_t>{2, 2})},
           {"strides", Attr(std::vector<int64_t>{2, 2})},
           {"padding", Attr(std::vector<int64_t>{0, 0, 0, 0})}});
}

void RequantizeCases(CaseMaker& make) {
  const int64_t kSums = 2000000, kMost = 2147483647;
  for (const Shape& x : std::vector<Shape>{{7}, {3, 17}, {2, 3, 4, 5}, {0, 4}, {"B", "T", 6}}) {
    const Shape channels = {x.back()};
    make.Op(absl::StrCat("requantize.rank", x.size(), ".", x.back().ToString()), "requantize",
            {I(x, -kSums, kSums), I(channels, 1 << 30, kMost), I(channels, 40, 47)});
  }
  make.Op("requantize.relu", "requantize",
          {I({5, 33}, -kSums, kSums), I({33}, 1 << 30, kMost), I({33}, 43, 46)},
          {{"zero_point", Attr(-3)}, {"low", Attr(-3)}, {"high", Attr(100)}});
  make.Op("requantize.no_shift", "requantize", {I({3, 9}, -90, 90), I({9}, -1, 1), I({9}, 0, 0)},
          {{"zero_point", Attr(5)}});
  make.Op("requantize.widest", "requantize",
          {I({4, 5}, -kMost - 1, kMost), I({5}, -kMost - 1, kMost), I({5}, 55, 62)});
}

// Whole numbers, and small ones: an 8-bit float holds them.
void ByteProductCases(CaseMaker& make) {
  const auto byte = [](Shape shape) { return I(std::move(shape), -128, 127, chips::I8); };
  for (int flags = 0; flags < 4; ++flags) {
    const bool ta = (flags & 1) != 0, tb = (flags & 2) != 0;
    const Attributes turned = {{"transpose_a", Attr(ta)}, {"transpose_b", Attr(tb)}};
    const std::string suffix = absl::StrCat(ta ? ".transpose_a" : "", tb ? ".transpose_b" : "");
    const Shape a = ta ? Shape{33, 17} : Shape{17, 33}, b = tb ? Shape{19, 33} : Shape{33, 19};
    make.Op("matmul.i8" + suffix, "matmul", {byte(a), byte(b)}, turned);
    for (const DType dtype : {chips::F8_E4M3, chips::F8_E5M2}) {
      make.Op(absl::StrCat("matmul.", chips::DTypeName(dtype), suffix), "matmul",
              {I(a, -8, 8, dtype), I(b, -8, 8, dtype)}, turned);
    }
  }
  make.Op("matmul.i8.batch", "matmul", {byte({3, 4, 5}), byte({3, 5, 6})});
  make.Op("matmul.i8.shared", "matmul", {byte({"B", 4, 5}), byte({5, 6})});
  make.Op("matmul.i8.one", "matmul", {byte({1, 1}), byte({1, 1})});
  make.Op("matmul.i8.no_terms", "matmul", {byte({2, 0}), byte({0, 4})});
}

}  // namespace

std::vector<OpCase> VisionOpCases(DType dtype) {
  CaseMaker make(dtype);
  ConvCases(make);
  PoolCases(make);
  RequantizeCases(make);
  ByteProductCases(make);
  return make.Take();
}

}  // namespace strata::graph
