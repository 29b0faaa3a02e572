// Random graphs of what the pass fuses: the pass keeps their results, interpreted and emitted. Seeds are fixed.
#include <random>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/codegen/expect_equal.h"
#include "compiler/pass/fusion.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::Shape;
using graph::ValueId;

// Grows components in one graph, so that one library holds their kernels.
class Fuzzer {
 public:
  Fuzzer(Builder* b, unsigned seed) : b_(*b), random_(seed), prefix_(absl::StrCat("c", seed)) {}

  void Grow(int nodes) {
    const std::vector<int64_t> extents = {1, 2, 3, 5, 16, 17, 40};
    const int64_t a = Pick(extents), m = Pick(extents), c = Pick(extents);
    for (const Shape& shape :
         std::vector<Shape>{{a, m, c}, {a, m, c}, {c}, {m, 1}, {a, 1, 1}, {}}) {
      values_.push_back(
          b_.Input(absl::StrCat(prefix_, ".x", values_.size()), {chips::F32, shape}, graph::DATA));
    }
    const size_t inputs = values_.size();
    for (int n = 0; n < nodes; ++n) AddNode();
    for (size_t i = inputs; i < values_.size(); ++i) {
      if (Chance(4) || i + 1 == values_.size())
        b_.Output(values_[i], absl::StrCat(prefix_, ".y", i));
    }
  }

 private:
  int64_t Below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  bool Chance(int64_t one_in) { return Below(one_in) == 0; }
  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[static_cast<size_t>(Below(static_cast<int64_t>(from.size())))];
  }
  // Later values more often, so that chains grow.
  ValueId Value() { return Chance(2) ? values_.back() : Pick(values_); }
  std::vector<int64_t> Dims(ValueId value) { return b_.type(value).dims(); }

  void Push(const std::string& op, const std::vector<ValueId>& inputs,
            const graph::Attributes& attributes = {}) {
    values_.push_back(b_.Apply(op, inputs, attributes));
  }

  void AddNode() {
    const int64_t choice = Below(16);
    if (choice < 5)
      return Push(Pick<std::string>({"tanh", "sigmoid", "neg", "abs", "relu", "sin"}), {Value()});
    if (choice < 10) return AddBinary();
    if (choice < 12) return AddReduction();
    if (choice == 12) return AddReshape();
    if (choice == 13) return AddTranspose();
    if (choice == 14) return AddCut();
    AddSelect();
  }

  bool Broadcasts(ValueId x, ValueId y) {
    return graph::BroadcastShapes(b_.type(x).shape, b_.type(y).shape).ok();
  }

  void AddBinary() {
    const ValueId x = Value();
    ValueId y = Value();
    for (int tries = 0; tries < 8 && !Broadcasts(x, y); ++tries) y = Value();
    if (!Broadcasts(x, y)) y = b_.Constant(0.5, chips::F32);
    // Results stay of order one: a product or sum goes through tanh half of the time.
    Push(Pick<std::string>({"add", "sub", "mul", "max", "min"}), {x, y});
    if (Chance(2)) Push("tanh", {values_.back()});
  }

  void AddReduction() {
    const ValueId x = Value();
    const int64_t rank = static_cast<int64_t>(Dims(x).size());
    if (rank == 0) return Push("square", {x});
    std::vector<int64_t> axes;
    if (Chance(2)) {
      axes = {rank - 1};
    } else {
      for (int64_t d = 0; d < rank; ++d) {
        if (Chance(2)) axes.push_back(d);
      }
      if (axes.empty()) axes = {0};
    }
    Push(Pick<std::string>({"reduce_mean", "reduce_max", "reduce_sum"}), {x},
         {{"axes", Attr(axes)}, {"keep_dims", Attr(!Chance(3))}});
    Push("tanh", {values_.back()});
  }

  void AddReshape() {
    const ValueId x = Value();
    const std::vector<int64_t> dims = Dims(x);
    Shape shape;
    if (dims.size() >= 2 && Chance(2)) {  // joins the first two
      shape.push_back(dims[0] * dims[1]);
      for (size_t d = 2; d < dims.size(); ++d) shape.push_back(dims[d]);
    } else {  // takes a factor off each
      for (int64_t dim : dims) {
        const int64_t factor = dim % 4 == 0 ? 4 : dim % 2 == 0 ? 2 : 1;
        if (factor > 1) shape.push_back(dim / factor);
        shape.push_back(factor > 1 ? factor : dim);
      }
    }
    Push("reshape", {x}, {{"dims", Attr(shape)}});
  }

  void AddTranspose() {
    const ValueId x = Value();
    std::vector<int64_t> permutation(Dims(x).size());
    for (size_t d = 0; d < permutation.size(); ++d) permutation[d] = static_cast<int64_t>(d);
    for (size_t d = permutation.size(); d > 1; --d) {
      std::swap(permutation[d - 1],
                permutation[static_cast<size_t>(Below(static_cast<int64_t>(d)))]);
    }
    Push("transpose", {x}, {{"permutation", Attr(permutation)}});
  }

  void AddCut() {
    const ValueId x = Value();
    const std::vector<int64_t> dims = Dims(x);
    if (dims.empty()) return Push("neg", {x});
    const int64_t axis = Below(static_cast<int64_t>(dims.size()));
    const int64_t extent = dims[static_cast<size_t>(axis)];
    const int64_t kind = Below(3);
    if (kind == 0 && extent > 1) {
      const int64_t start = Below(extent - 1);
      return Push("slice", {x},
                  {{"axis", Attr(axis)},
                   {"start", Attr(start)},
                   {"limit", Attr(start + 1 + Below(extent - start))}});
    }
    if (kind == 1 || extent > 100)
      return Push("pad", {x},
                  {{"axis", Attr(axis)}, {"before", Attr(Below(3))}, {"after", Attr(Below(3))}});
    Push("concat", {x, x}, {{"axis", Attr(axis)}});
  }

  void AddSelect() {
    const ValueId x = Value();
    const ValueId zero = b_.Constant(0.25, chips::F32);
    Push("select", {b_.Apply("less", {x, zero}), x, zero});
  }

  Builder& b_;
  std::mt19937 random_;
  std::string prefix_;
  std::vector<ValueId> values_;
};

class FusionFuzzTest : public testing::TestWithParam<unsigned> {};

TEST_P(FusionFuzzTest, KeepsResults) {
  RegisterAllPasses();
  Builder b("fuzz");
  for (unsigned component = 0; component < 12; ++component)
    Fuzzer(&b, GetParam() + component).Grow(14);
  STRATA_ASSERT_OK_AND_ASSIGN(Graph before, std::move(b).Build());
  ASSERT_OK(RunPipeline({"dce"}, PassContext(), &before));
  Graph after = before;
  ASSERT_OK(RunPipeline({"fusion"}, PassContext(), &after));
  EXPECT_LT(after.nodes_size(), before.nodes_size());

  const std::vector<graph::HostTensor> inputs = RandomInputs(before);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(before, inputs));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(after, inputs));
  for (size_t o = 0; o < want.size(); ++o) EXPECT_EQ(want[o].ToDoubles(), got[o].ToDoubles());
  ExpectEmittedEquals(after, before, {.tolerance = 1e-4});
}

INSTANTIATE_TEST_SUITE_P(Seeds, FusionFuzzTest, testing::Values(1000u, 2000u, 3000u, 4000u));

}  // namespace
}  // namespace strata::compiler
