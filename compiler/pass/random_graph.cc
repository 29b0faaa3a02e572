#include "compiler/pass/random_graph.h"

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "framework/graph/builder.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Shape;
using graph::ValueId;

constexpr int64_t kRows = 6, kColumns = 20;

// All values are [rows, columns] of a few kinds, so that most pairs of them fit.
class Maker {
 public:
  Maker(uint32_t seed, int nodes)
      : random_(seed), b_(absl::StrCat("random_", seed)), nodes_(nodes) {}

  RandomGraph Make() {
    for (int i = 0; i < 3; ++i)
      full_.push_back(Input(absl::StrCat("x", i), {kRows, kColumns}, graph::DATA));
    const ValueId state = Input("state", {kRows, kColumns}, graph::STATE);
    full_.push_back(state);
    rows_.push_back(Input("row", {kColumns}, graph::PARAMETER));
    columns_.push_back(Input("column", {kRows, 1}, graph::DATA));
    for (int i = 0; i < nodes_; ++i) {
      const Builder::Scope scope = Builder::Scope::Exactly(b_, absl::StrCat("line ", i / 3));
      Grow();
    }
    b_.Output(full_.back(), "last", graph::REPLICATED);
    b_.Output(Pick(full_), "any", graph::REPLICATED);
    b_.Output(columns_.back(), "column", graph::REPLICATED);
    b_.Output(rows_.back(), "row", graph::REPLICATED);
    b_.Update(state, Bound(b_.Apply("add", {state, Pick(full_)})));
    auto graph = std::move(b_).Build();
    if (!graph.ok()) {
      std::fprintf(stderr, "random graph: %s\n", graph.status().ToString().c_str());
      std::abort();
    }
    return {*std::move(graph), std::move(inputs_)};
  }

 private:
  uint32_t Roll(uint32_t sides) { return random_() % sides; }
  ValueId Pick(const std::vector<ValueId>& from) {
    return from[Roll(static_cast<uint32_t>(from.size()))];
  }

  ValueId Input(const std::string& name, const Shape& shape, graph::InputKind kind) {
    const graph::TensorType type{chips::F32, shape};
    graph::HostTensor tensor = graph::HostTensor::Allocate(chips::F32, type.dims());
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      tensor.data<float>()[i] = static_cast<float>(random_() % 2001) / 1000.0f - 1.0f;
    }
    inputs_.push_back(std::move(tensor));
    return b_.Input(name, type, kind);
  }

  // tanh keeps values small, however deep the graph.
  ValueId Bound(ValueId x) { return b_.Apply("tanh", {x}); }

  void Grow() {
    switch (Roll(12)) {
      case 0:
        return Push(b_.Apply(Unary(), {Pick(full_)}));
      case 1:
        return Push(Bound(b_.Apply(Binary(), {Pick(full_), Pick(full_)})));
      case 2:
        return Push(Bound(b_.Apply(Binary(), {Pick(full_), Pick(rows_)})));
      case 3:
        return Push(Bound(b_.Apply(Binary(), {Pick(columns_), Pick(full_)})));
      case 4:
        return Push(Bound(b_.Apply(Binary(), {Pick(full_), b_.Constant(Number(), chips::F32)})));
      case 5:
        columns_.push_back(Reduce(Pick(full_), {1}, true));
        return;
      case 6:
        rows_.push_back(Reduce(Pick(full_), {0}, false));
        return;
      case 7:
        return Push(ThroughViews(Pick(full_)));
      case 8:
        return Push(b_.Apply("softmax", {Pick(full_)}));
      case 9:
        return Push(Bound(Product(Pick(full_), Pick(full_))));
      case 10:
        return Push(Halves(Pick(full_), Pick(full_)));
      default:
        columns_.push_back(b_.Apply("exp", {Pick(columns_)}));
        columns_.back() = Bound(columns_.back());
        return;
    }
  }

  void Push(ValueId value) { full_.push_back(value); }

  const char* Unary() {
    static const char* kOps[] = {"neg", "tanh", "sigmoid", "relu", "abs", "square", "sin", "cos"};
    return kOps[Roll(std::size(kOps))];
  }
  const char* Binary() {
    static const char* kOps[] = {"add", "sub", "mul", "max", "min"};
    return kOps[Roll(std::size(kOps))];
  }
  double Number() {
    static const double kNumbers[] = {0, 1, -1, 0.5, 2, 3, -0.25};
    return kNumbers[Roll(std::size(kNumbers))];
  }

  ValueId Reduce(ValueId x, std::vector<int64_t> axes, bool keep) {
    static const char* kOps[] = {"reduce_sum", "reduce_max", "reduce_mean"};
    return Bound(b_.Apply(kOps[Roll(3)], {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(keep)}}));
  }

  ValueId ThroughViews(ValueId x) {
    const std::vector<int64_t> swap = {1, 0};
    const ValueId turned = b_.Apply("transpose", {x}, {{"permutation", Attr(swap)}});
    if (Roll(2) == 0)
      return b_.Apply("transpose", {b_.Apply("neg", {turned})}, {{"permutation", Attr(swap)}});
    return b_.Apply("reshape", {turned}, {{"dims", Attr(Shape{kRows, kColumns})}});
  }

  ValueId Product(ValueId x, ValueId y) {
    const ValueId square = b_.Apply("matmul", {x, y}, {{"transpose_b", Attr(true)}});
    return b_.Apply("matmul", {square, y});
  }

  // Left columns of x beside right columns of y.
  ValueId Halves(ValueId x, ValueId y) {
    const int64_t cut = 1 + static_cast<int64_t>(Roll(kColumns - 1));
    const auto slice = [&](ValueId v, int64_t start, int64_t limit) {
      return b_.Apply("slice", {v},
                      {{"axis", Attr(1)}, {"start", Attr(start)}, {"limit", Attr(limit)}});
    };
    return b_.Apply("concat", {slice(x, 0, cut), slice(y, cut, kColumns)}, {{"axis", Attr(1)}});
  }

  std::mt19937 random_;
  Builder b_;
  int nodes_;
  std::vector<ValueId> full_, rows_, columns_;  // [rows, columns], [columns], [rows, 1]
  std::vector<graph::HostTensor> inputs_;
};

}  // namespace

RandomGraph MakeRandomGraph(uint32_t seed, int nodes) { return Maker(seed, nodes).Make(); }

}  // namespace strata::compiler
