// Random optimizers: the pass keeps their results, interpreted to the bit and emitted up to
// rounding. Seeds are fixed.
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/codegen/expect_equal.h"
#include "compiler/pass/optimizer_fusion.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::Shape;
using graph::ValueId;

class Fuzzer {
 public:
  explicit Fuzzer(unsigned seed) : random_(seed) {}

  absl::StatusOr<Graph> Make() {
    shared_.push_back(b_.Input("lr", {chips::F32, {}}, graph::DATA));
    shared_.push_back(b_.Apply("tanh", {shared_[0]}));
    const int64_t parameters = 1 + Below(9);
    for (int64_t p = 0; p < parameters; ++p) AddParameter(absl::StrCat("p", p));
    return std::move(b_).Build();
  }

 private:
  int64_t Below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  bool Chance(int64_t one_in) { return Below(one_in) == 0; }
  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[static_cast<size_t>(Below(static_cast<int64_t>(from.size())))];
  }

  ValueId Gradient(const std::string& name, const Shape& shape) {
    const int64_t rank = static_cast<int64_t>(shape.size());
    if (rank == 2 && Chance(2)) {
      return b_.Apply("contract_leading",
                      {b_.Input(name + ".x", {chips::F32, {3, shape[0]}}, graph::DATA),
                       b_.Input(name + ".dy", {chips::F32, {3, shape[1]}}, graph::DATA)});
    }
    if (Chance(2)) {
      Shape wide = {4};
      for (int64_t d = 0; d < rank; ++d) wide.push_back(shape[static_cast<size_t>(d)]);
      return b_.Apply("reduce_mean", {b_.Input(name + ".rows", {chips::F32, wide}, graph::DATA)},
                      {{"axes", Attr(std::vector<int64_t>{0})}, {"keep_dims", Attr(false)}});
    }
    return b_.Input(name + ".g", {chips::F32, shape}, graph::DATA);
  }

  ValueId Number() { return Chance(2) ? Pick(shared_) : b_.Constant(0.25, chips::F32); }

  // Elementwise work on values of one shape, and on numbers.
  ValueId Mix(std::vector<ValueId> values) {
    for (int64_t steps = 1 + Below(4); steps > 0; --steps) {
      const ValueId x = Pick(values), y = Chance(3) ? Number() : Pick(values);
      const ValueId z = b_.Apply(Pick<std::string>({"add", "sub", "mul", "max"}), {x, y});
      values.push_back(Chance(3) ? b_.Apply(Pick<std::string>({"tanh", "neg", "abs"}), {z}) : z);
    }
    return values.back();
  }

  void AddParameter(const std::string& name) {
    const Shape shape =
        Pick(std::vector<Shape>{{}, {1}, {17}, {17}, {0}, {3, 5}, {40, 120}, {5, 3}});
    std::vector<ValueId> values = {b_.Input(name, {chips::F32, shape}, graph::PARAMETER)};
    const ValueId parameter = values[0];
    values.push_back(Gradient(name, shape));
    if (Chance(3)) b_.Output(b_.Apply("square", {values[1]}), name + ".norm");  // another reader
    if (Chance(4)) b_.Output(values[1], name + ".gradient");
    if (Chance(3)) shared_.push_back(b_.Apply("sigmoid", {Number()}));
    for (int64_t state = Below(3); state > 0; --state) {
      const ValueId old =
          b_.Input(absl::StrCat(name, ".s", state), {chips::F32, shape}, graph::STATE);
      const ValueId next = Mix({old, values.back()});
      b_.Update(old, next);
      values.push_back(next);
    }
    const ValueId next = Mix(values);
    b_.Update(parameter, next);
    if (Chance(4))
      b_.Output(b_.Apply("exp", {b_.Apply("neg", {b_.Apply("abs", {next})})}), name + ".read");
  }

  Builder b_{"fuzz"};
  std::mt19937 random_;
  std::vector<ValueId> shared_;  // numbers
};

void ExpectSame(const Graph& before, const Graph& after) {
  const std::vector<graph::HostTensor> inputs = RandomInputs(before);
  const auto clone = [&] {
    std::vector<graph::HostTensor> copies;
    for (const graph::HostTensor& input : inputs) copies.push_back(input.Clone());
    return copies;
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(before, clone()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(after, clone()));
  ASSERT_EQ(got.size(), want.size());
  for (size_t o = 0; o < want.size(); ++o)
    EXPECT_EQ(got[o].ToDoubles(), want[o].ToDoubles())
        << before.outputs(static_cast<int>(o)).name();
}

TEST(OptimizerFusionFuzzTest, KeepsResults) {
  RegisterAllPasses();
  int changed = 0;
  for (unsigned seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    STRATA_ASSERT_OK_AND_ASSIGN(Graph before, Fuzzer(seed).Make());
    ASSERT_OK(RunPipeline({"dce"}, PassContext(), &before));
    Graph after = before;
    ASSERT_OK(RunPipeline({"optimizer_fusion"}, PassContext(), &after));
    changed += after.nodes_size() < before.nodes_size();
    ExpectSame(before, after);
    Graph whole = after;
    ASSERT_OK(RunPipeline({"fusion", "dce"}, PassContext(), &whole));
    ExpectSame(before, whole);
    if (seed % 60 != 0) continue;
    before.clear_updates();  // the runner of kernels updates nothing
    whole.clear_updates();
    ExpectEmittedEquals(whole, before, {.tolerance = 1e-4, .allow_host = true});
  }
  EXPECT_GT(changed, 150);
}

}  // namespace
}  // namespace strata::compiler
