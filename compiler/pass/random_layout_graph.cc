#include "compiler/pass/random_layout_graph.h"

#include <algorithm>
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

constexpr int64_t kSize = 4;

class Maker {
 public:
  Maker(uint32_t seed, const LayoutGraphOptions& options)
      : random_(seed), options_(options), b_(absl::StrCat("layout_", seed)) {}

  graph::Graph Make() {
    for (int i = 0; i < 2; ++i) {
      Push(Input(absl::StrCat("m", i), 2));
      Push(Input(absl::StrCat("c", i), 3));
    }
    vector_ = b_.Input("vector", {chips::F32, {kSize}}, graph::DATA);
    for (int i = 0; i < options_.nodes; ++i) {
      const Builder::Scope scope = Builder::Scope::Exactly(b_, absl::StrCat("line ", i));
      Grow();
    }
    if (!options_.tree) b_.Output(values_[Roll(static_cast<uint32_t>(values_.size()))], "any");
    for (ValueId value : Unread()) b_.Output(value, b_.name(value));
    auto graph = std::move(b_).Build();
    if (!graph.ok()) {
      std::fprintf(stderr, "random graph: %s\n", graph.status().ToString().c_str());
      std::abort();
    }
    return *std::move(graph);
  }

 private:
  uint32_t Roll(uint32_t sides) { return random_() % sides; }
  void Push(ValueId value) { values_.push_back(value); }
  int64_t RankOf(ValueId value) { return b_.type(value).rank(); }

  // Nothing is dead.
  std::vector<ValueId> Unread() const {
    std::vector<bool> read(static_cast<size_t>(b_.graph().values_size()), false);
    for (const graph::Node& node : b_.graph().nodes()) {
      for (uint32_t input : node.inputs()) read[input] = true;
    }
    std::vector<ValueId> unread;
    for (const graph::Node& node : b_.graph().nodes()) {
      if (!read[node.outputs(0)]) unread.push_back(node.outputs(0));
    }
    return unread;
  }

  ValueId Input(const std::string& name, int rank) {
    return b_.Input(name, {chips::F32, Shape(static_cast<size_t>(rank), kSize)}, graph::DATA);
  }

  // A value of a rank (0: any). In a tree it is gone then; a fresh input when there is none.
  ValueId Take(int64_t rank) {
    std::vector<size_t> fitting;
    for (size_t i = 0; i < values_.size(); ++i) {
      if (rank == 0 || RankOf(values_[i]) == rank) fitting.push_back(i);
    }
    if (fitting.empty())
      return Input(absl::StrCat("more", more_++), rank == 0 ? 2 : static_cast<int>(rank));
    const size_t i = fitting[Roll(static_cast<uint32_t>(fitting.size()))];
    const ValueId value = values_[i];
    if (options_.tree) values_.erase(values_.begin() + static_cast<int64_t>(i));
    return value;
  }

  ValueId Turn(ValueId x) {
    std::vector<int64_t> p(static_cast<size_t>(RankOf(x)));
    for (size_t d = 0; d < p.size(); ++d) p[d] = static_cast<int64_t>(d);
    do {
      std::shuffle(p.begin(), p.end(), random_);
    } while (std::is_sorted(p.begin(), p.end()));
    return b_.Apply("transpose", {x}, {{"permutation", Attr(p)}});
  }
  ValueId Bound(ValueId x) { return b_.Apply("tanh", {x}); }
  graph::Attribute Coin() { return Attr(Roll(2) == 0); }

  ValueId Product() {
    const ValueId x = Take(0);
    const int64_t rank = RankOf(x);
    const ValueId y = Take(Roll(3) == 0 ? 2 : rank);
    if (Roll(4) == 0 && RankOf(y) == rank) return b_.Apply("contract_leading", {x, y});
    return b_.Apply("matmul", {x, y}, {{"transpose_a", Coin()}, {"transpose_b", Coin()}});
  }

  ValueId Reduced() {
    const ValueId x = Take(3);
    const std::vector<int64_t> axes = {static_cast<int64_t>(Roll(3))};
    const bool keep = Roll(2) == 0;
    const ValueId y = b_.Apply(Roll(2) == 0 ? "reduce_max" : "reduce_mean", {x},
                               {{"axes", Attr(axes)}, {"keep_dims", Attr(keep)}});
    return keep ? b_.Apply("mul", {y, Take(3)}) : y;
  }

  ValueId SlicedAndJoined() {
    const ValueId x = Take(0);
    const int64_t axis = static_cast<int64_t>(Roll(static_cast<uint32_t>(RankOf(x))));
    const auto part = [&](int64_t start, int64_t limit) {
      return b_.Apply("slice", {x},
                      {{"axis", Attr(axis)}, {"start", Attr(start)}, {"limit", Attr(limit)}});
    };
    const ValueId first = part(0, 1);
    return b_.Apply("concat", {part(1, kSize), first}, {{"axis", Attr(axis)}});
  }

  void Grow() {
    switch (Roll(11)) {
      case 0:
        return Push(b_.Apply("sin", {Take(0)}));
      case 1: {
        const ValueId x = Take(0);
        return Push(b_.Apply("add", {x, vector_}));
      }
      case 2: {
        const ValueId x = Take(0);
        return Push(Bound(b_.Apply("mul", {x, Take(RankOf(x))})));
      }
      case 3:  // a matrix against each slice of a cube
        return Push(Bound(b_.Apply("sub", {Take(2), Take(3)})));
      case 4:
        return Push(b_.Apply("softmax", {Take(0)}));
      case 5:
        return Push(Bound(Product()));
      case 6:
        return Push(Bound(Reduced()));
      case 7:
        return Push(SlicedAndJoined());
      default:
        return Push(Turn(Take(0)));
    }
  }

  std::mt19937 random_;
  LayoutGraphOptions options_;
  Builder b_;
  std::vector<ValueId> values_;
  ValueId vector_ = graph::kNoValue;
  int more_ = 0;
};

}  // namespace

graph::Graph RandomLayoutGraph(uint32_t seed, const LayoutGraphOptions& options) {
  return Maker(seed, options).Make();
}

int64_t TransposedBytes(const graph::Graph& graph) {
  int64_t bytes = 0;
  for (const graph::Node& node : graph.nodes()) {
    if (node.op() == "transpose")
      bytes += 2 * graph::TypeOf(graph.values(static_cast<int>(node.outputs(0)))).size_bytes();
  }
  return bytes;
}

}  // namespace strata::compiler
