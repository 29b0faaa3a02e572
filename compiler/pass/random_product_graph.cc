#include "compiler/pass/random_product_graph.h"

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "framework/graph/builder.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Shape;
using graph::ValueId;

class Maker {
 public:
  Maker(uint32_t seed, int nodes)
      : random_(seed), b_(absl::StrCat("products_", seed)), nodes_(nodes) {}

  graph::Graph Make() {
    batch_ = Pick<int64_t>({1, 2, 3});
    tokens_ = Pick<int64_t>({1, 5, 16, 19});
    for (int i = 0; i < 3; ++i) values_.push_back(Input({batch_, tokens_, Width()}));
    values_.push_back(Product());
    for (int i = 0; i < nodes_; ++i) {
      const Builder::Scope scope = Builder::Scope::Exactly(b_, absl::StrCat("line ", i / 3));
      Grow();
    }
    for (size_t i = 3; i < values_.size(); ++i) {
      if (Roll(5) == 0 || i + 1 == values_.size())
        b_.Output(values_[i], absl::StrCat("y", i), graph::SHARDED);
    }
    auto graph = std::move(b_).Build();
    if (graph.ok()) return *std::move(graph);
    std::fprintf(stderr, "random products: %s\n", graph.status().ToString().c_str());
    std::abort();
  }

 private:
  uint32_t Roll(uint32_t sides) { return random_() % sides; }
  template <typename T>
  T Pick(const std::vector<T>& from) {
    return from[Roll(static_cast<uint32_t>(from.size()))];
  }
  int64_t Width() { return Pick<int64_t>({1, 7, 16, 33, 40}); }
  // Later values more often, so that chains grow.
  ValueId Value() { return Roll(3) > 0 ? values_.back() : Pick(values_); }
  std::vector<int64_t> Dims(ValueId v) { return b_.type(v).dims(); }
  int64_t LastOf(ValueId v) { return Dims(v).back(); }

  ValueId Input(const std::vector<int64_t>& dims) {
    return b_.Input(absl::StrCat("x", inputs_++), {chips::F32, Shape(dims.begin(), dims.end())},
                    graph::DATA);
  }
  ValueId Number(double value) { return b_.Constant(value, chips::F32); }

  void Grow() {
    switch (Roll(16)) {
      case 0:
      case 1:
      case 2:
        return values_.push_back(Product());
      case 3:
      case 4:
        return values_.push_back(Unary(Value()));
      case 5:
        return values_.push_back(Binary(Value(), Input({LastOf(values_.back())})));
      case 6:
        return values_.push_back(Binary(Value(), RowNumber(Value())));
      case 7:
        return values_.push_back(Binary(Value(), Number(0.25)));
      case 8:
      case 9:
      case 10:
        return values_.push_back(Binary(Value(), Pick(values_)));
      case 11:
        return values_.push_back(OtherView(Value()));
      case 12:
        return values_.push_back(Centred(Value()));
      case 13:
        return values_.push_back(Outside(Value()));
      case 14:
        return values_.push_back(Rounded(Value()));
      default:
        return values_.push_back(Gelu(Value()));
    }
  }

  // x w, w in either order, of f32 or of bf16; or x^T y summed over all rows.
  ValueId Product() {
    const ValueId x = Value();
    if (Roll(6) == 0) return Sized(Gram(x));
    const int64_t K = LastOf(x), N = Roll(2) == 0 ? LastOf(Pick(values_)) : Width();
    const bool turned = Roll(2) == 0, rounded = Roll(3) == 0;
    ValueId w = Input(turned ? std::vector<int64_t>{N, K} : std::vector<int64_t>{K, N});
    ValueId a = x;
    graph::Attributes attributes = {{"transpose_b", Attr(turned)}};
    if (rounded) {
      a = Cast(a, chips::BF16);
      w = Cast(w, chips::BF16);
      attributes["output_dtype"] = Attr(chips::F32);
    }
    return Sized(b_.Apply("matmul", {a, w}, attributes));
  }
  // [N, N], as rows of a batch where that fits.
  ValueId Gram(ValueId x) { return b_.Apply("contract_leading", {x, x}); }

  // Products grow with K: half of them are scaled, half squashed.
  ValueId Sized(ValueId product) {
    if (Roll(2) == 0) return b_.Apply("tanh", {product});
    return b_.Apply("mul", {product, Number(0.05)});
  }

  ValueId Unary(ValueId x) {
    return b_.Apply(
        Pick<std::string>({"neg", "tanh", "sigmoid", "relu", "abs", "square", "erf", "exp"}),
        {b_.Apply("tanh", {x})});
  }
  ValueId Binary(ValueId x, ValueId y) {
    if (!graph::BroadcastShapes(b_.type(x).shape, b_.type(y).shape).ok()) y = Number(-0.75);
    const ValueId z = b_.Apply(Pick<std::string>({"add", "sub", "mul", "max", "min"}), {x, y});
    return Roll(2) == 0 ? z : b_.Apply("tanh", {z});
  }
  ValueId RowNumber(ValueId x) {
    std::vector<int64_t> dims = Dims(x);
    dims.back() = 1;
    return Input(dims);
  }
  ValueId OtherView(ValueId x) {
    const int64_t rows = b_.type(x).elements() / LastOf(x);
    const std::vector<int64_t> flat = {rows, LastOf(x)}, deep = {batch_, tokens_, LastOf(x)};
    const bool fits = rows == batch_ * tokens_;
    const std::vector<int64_t>& dims = fits && Roll(2) == 0 ? deep : flat;
    return b_.Apply("reshape", {x}, {{"dims", Attr(Shape(dims.begin(), dims.end()))}});
  }
  ValueId Centred(ValueId x) {
    const std::vector<int64_t> axes = {b_.type(x).rank() - 1};
    const ValueId mean =
        b_.Apply("reduce_mean", {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(true)}});
    return b_.Apply("tanh", {b_.Apply("sub", {x, mean})});
  }
  // What no epilogue does.
  ValueId Outside(ValueId x) {
    if (Roll(2) == 0)
      return b_.Apply("select", {b_.Apply("less", {x, Number(0.1)}), x, Number(0.1)});
    return Binary(x, Input({tokens_, LastOf(x)}));
  }
  ValueId Cast(ValueId x, chips::DType dtype) {
    return b_.Apply("cast", {x}, {{"dtype", Attr(dtype)}});
  }
  ValueId Rounded(ValueId x) { return Cast(Cast(x, chips::BF16), chips::F32); }
  ValueId Gelu(ValueId x) {
    return b_.Apply("gelu", {b_.Apply("tanh", {x})}, {{"approximate", Attr(Roll(2) == 0)}});
  }

  std::mt19937 random_;
  Builder b_;
  int nodes_, inputs_ = 0;
  int64_t batch_ = 1, tokens_ = 1;
  std::vector<ValueId> values_;
};

}  // namespace

graph::Graph MakeRandomProductGraph(uint32_t seed, int nodes) { return Maker(seed, nodes).Make(); }

}  // namespace strata::compiler
