#include "distributed/partition/op_rules.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/partition/rule_maker.h"

namespace strata::distributed {
namespace {

using graph::OpCall;
using graph::Shape;
using graph::Size;

// ---- Rows that are a spec.

struct Row {
  const char* spec;
  const char* linear = "";  // sets of operands, see RuleMaker::Linear
  const char* own =
      "";  // letters whose cut the op's own lowering deals with; a capital: its results are pending sums
};

const std::map<std::string, Row>& Rows() {
  static const auto* const rows = new std::map<std::string, Row>{
      {"contract_leading", {"...m, ...n -> mn", "0|1"}},
      {"embedding", {"vc, ... -> ...c", "0", "V"}},
      {"embedding_gradient", {"..., ...c -> vc", "1", "v"}},
      {"softmax", {"...* -> ...*"}},
      {"layer_norm", {"...*, *, * -> ...*"}},
      {"rms_norm", {"...*, * -> ...*"}},
      {"rope", {"bth*, bt, * -> bth*", "0"}},
      {"cross_entropy", {"...v, ... -> ..., ...", "", "v"}},
      {"cross_entropy_gradient", {"...v, ..., ..., ... -> ...v", "3", "v"}},
      {"top_k", {"...* -> ...*, ...*"}},
      {"cache_update", {"b*kd, b*kd, b -> b*kd"}},
      {"max_pool2d", {"n**c -> n**c"}},
      {"max_pool2d_gradient", {"n**c, n**c -> n**c", "1"}},
      {"requantize", {"...c, c, c -> ...c"}},
      {"matmul_packed", {"...*, ** -> ...*", "0"}},
      {"embedding_packed", {"**, ... -> ...*"}},
      {"moe_slots", {"g** -> g**, g*"}},
      {"moe_sort", {"g** -> g**, g*"}},
      {"moe_dispatch", {"gnc, gn*, gn* -> g**c", "0|2"}},
      {"moe_combine", {"g**c, gn*, gn* -> gnc", "0|2"}},
      {"moe_weight_gradient", {"g**c, gn*, gnc -> gn*", "0|2"}},
      {"grouped_contract", {"g*k, g*f, g* -> *kf", "0|1"}},
      {"matmul_experts", {"r**, ***, r* -> r**", "0"}},
  };
  return *rows;
}

OpRule FromRow(const OpCall& call, const Row& row) {
  RuleMaker make(call);
  make.Spec(row.spec);
  make.Linear(row.linear);
  for (const char* c = row.own; *c != 0; ++c) {
    const bool sum = *c >= 'A' && *c <= 'Z';
    make.LetterAcross(sum ? static_cast<char>(*c - 'A' + 'a') : *c,
                      sum ? Across::kOwnSum : Across::kOwn);
  }
  return std::move(make).Finish();
}

// ---- Rows that depend on attributes.

OpRule Matmul(const OpCall& call) {
  const bool ta = call.attrs().Bool("transpose_a"), tb = call.attrs().Bool("transpose_b");
  const bool shared = call.inputs[1].rank() == 2;
  RuleMaker make(call);
  make.Spec(absl::StrCat("...", ta ? "km" : "mk", ", ", shared ? "" : "...", tb ? "nk" : "kn",
                         " -> ...mn"));
  make.Linear("0|1");
  return std::move(make).Finish();
}

// Rows are numbered within a group, so they stay together.
OpRule GroupedMatmul(const OpCall& call) {
  RuleMaker make(call);
  make.Spec(call.attrs().Bool("transpose_b") ? "g*k, g*, *fk -> g*f" : "g*k, g*, *kf -> g*f");
  make.Linear("0|2");
  return std::move(make).Finish();
}

// Attention of a sequence to itself may go around a ring of ranks; where queries and keys are not the same tokens, or a
// start is given, only queries without a mask are each on its own.
bool ToItself(const OpCall& call) {
  return call.inputs[0].shape[1] == call.inputs[1].shape[1] &&
         (call.node->op() != "attention" || call.inputs.size() == 3);
}

OpRule Attention(const OpCall& call) {
  RuleMaker make(call);
  if (ToItself(call)) {
    make.Spec("bt(kg)*, btk*, btk* -> bt(kg)*, b(kg)t");
    make.LetterAcross('t', Across::kRing);
  } else if (call.attrs().Bool("causal")) {
    make.Spec("b*(kg)*, b*k*, b*k*, b -> b*(kg)*, b(kg)*");
  } else {
    make.Spec("bt(kg)*, b*k*, b*k*, b -> bt(kg)*, b(kg)t");
  }
  return std::move(make).Finish();
}

OpRule AttentionGradient(const OpCall& call) {
  RuleMaker make(call);
  if (ToItself(call)) {
    make.Spec("bt(kg)*, btk*, btk*, bt(kg)*, b(kg)t, bt(kg)* -> bt(kg)*, btk*, btk*");
    make.LetterAcross('t', Across::kRing);
  } else if (call.attrs().Bool("causal")) {
    make.Spec("b*(kg)*, b*k*, b*k*, b*(kg)*, b(kg)*, b*(kg)* -> b*(kg)*, b*k*, b*k*");
  } else {
    make.Spec("bt(kg)*, bsk*, bsk*, bt(kg)*, b(kg)t, bt(kg)* -> bt(kg)*, bsk*, bsk*");
  }
  return std::move(make).Finish();
}

OpRule Conv2d(const OpCall& call) {
  const bool one_group = call.attrs().Int("groups", 1) == 1;
  const std::string& op = call.node->op();
  RuleMaker make(call);
  if (op == "conv2d") {
    make.Spec(one_group ? "n**c, **co -> n**o" : "n***, **** -> n***");
  } else if (op == "conv2d_gradient_input") {
    make.Spec(one_group ? "n**o, **co -> n**c" : "n***, **** -> n***");
  } else {
    make.Spec(one_group ? "n**c, n**o -> **co" : "n***, n*** -> ****");
  }
  make.Linear("0|1");
  return std::move(make).Finish();
}

// Each element of the results from the operands' elements at the same index, dims aligned at the end, 1 stretched.
OpRule Elementwise(const OpCall& call) {
  static const auto* const kLinear = new std::map<std::string, std::string>{
      {"neg", "0"}, {"add", "01"}, {"sub", "01"},         {"mul", "0|1"},
      {"div", "0"}, {"cast", "0"}, {"broadcast_to", "0"}, {"select", "12"}};
  RuleMaker make(call);
  const Shape& shape = call.outputs[0].shape;
  std::vector<int> factors;
  for (const Size& size : shape) factors.push_back(make.New(size));
  for (size_t o = 0; o < call.outputs.size(); ++o) {
    for (size_t d = 0; d < shape.size(); ++d) make.SetOutput(o, d, {factors[d]});
  }
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const Shape& in = call.inputs[i].shape;
    const size_t added = shape.size() - in.size();
    for (size_t d = 0; d < in.size(); ++d) {
      if (in[d] == shape[added + d]) make.SetInput(i, d, {factors[added + d]});
    }
  }
  const auto it = kLinear->find(call.node->op());
  const bool rounds = call.node->op() == "cast" && !(chips::IsFloat(call.inputs[0].dtype) &&
                                                     chips::IsFloat(call.outputs[0].dtype));
  const bool whole =
      !call.inputs.empty() && !chips::IsFloat(call.inputs[0].dtype) && call.node->op() == "div";
  if (it != kLinear->end() && !rounds && !whole) make.Linear(it->second);
  return std::move(make).Finish();
}

OpRule Iota(const OpCall& call) {
  RuleMaker make(call);
  const Shape& shape = call.outputs[0].shape;
  const int64_t axis = call.attrs().Int("axis");
  const size_t counted = static_cast<size_t>(axis < 0 ? axis + call.outputs[0].rank() : axis);
  for (size_t d = 0; d < shape.size(); ++d)
    make.SetOutput(0, d, {make.New(shape[d], d == counted ? Across::kCount : Across::kSum)});
  return std::move(make).Finish();
}

OpRule Reduce(const OpCall& call) {
  const std::string& op = call.node->op();
  const Across across = op == "reduce_max"    ? Across::kMax
                        : op == "reduce_mean" ? Across::kMean
                                              : Across::kSum;
  RuleMaker make(call);
  const Shape& shape = call.inputs[0].shape;
  const int64_t rank = call.inputs[0].rank();
  std::set<int64_t> axes;
  for (int64_t axis : call.attrs().Ints("axes")) axes.insert(axis < 0 ? axis + rank : axis);
  size_t out = 0;
  for (size_t d = 0; d < shape.size(); ++d) {
    const bool reduced = axes.count(static_cast<int64_t>(d)) > 0;
    const int factor = make.New(shape[d], reduced ? across : Across::kSum);
    make.SetInput(0, d, {factor});
    if (!reduced) make.SetOutput(0, out, {factor});
    if (!reduced || call.attrs().Bool("keep_dims")) ++out;
  }
  if (op != "reduce_max") make.Linear("0");
  return std::move(make).Finish();
}

OpRule SumTo(const OpCall& call) {
  RuleMaker make(call);
  const Shape &in = call.inputs[0].shape, &out = call.outputs[0].shape;
  const size_t added = in.size() - out.size();
  for (size_t d = 0; d < in.size(); ++d) {
    const int factor = make.New(in[d]);
    make.SetInput(0, d, {factor});
    if (d >= added && in[d] == out[d - added]) make.SetOutput(0, d - added, {factor});
  }
  make.Linear("0");
  return std::move(make).Finish();
}

OpRule Transpose(const OpCall& call) {
  RuleMaker make(call);
  const std::vector<int64_t> permutation = call.attrs().Ints("permutation");
  for (size_t d = 0; d < permutation.size(); ++d) {
    const int factor = make.New(call.outputs[0].shape[d]);
    make.SetInput(0, static_cast<size_t>(permutation[d]), {factor});
    make.SetOutput(0, d, {factor});
  }
  make.Linear("0");
  return std::move(make).Finish();
}

// slice, pad, concat: every dim but the one along which pieces are taken or joined.
OpRule AlongAxis(const OpCall& call) {
  RuleMaker make(call);
  const int64_t rank = call.inputs[0].rank();
  const int64_t axis = call.attrs().Int("axis");
  const size_t along = static_cast<size_t>(axis < 0 ? axis + rank : axis);
  for (size_t d = 0; d < static_cast<size_t>(rank); ++d) {
    if (d == along) continue;
    const int factor = make.New(call.outputs[0].shape[d]);
    for (size_t i = 0; i < call.inputs.size(); ++i) make.SetInput(i, d, {factor});
    make.SetOutput(0, d, {factor});
  }
  make.Linear("*");
  return std::move(make).Finish();
}

// The factors that the dims of two shapes of the same elements have in common: dims are read from the front, and each
// takes from the other side what divides it.
class ReshapeFactors {
 public:
  explicit ReshapeFactors(const OpCall& call)
      : make_(call), from_(call.inputs[0].shape), to_(call.outputs[0].shape) {}

  OpRule Run() {
    in_.resize(from_.size());
    out_.resize(to_.size());
    Left left = Next(from_, 0), right = Next(to_, 0);
    while (left.dim < from_.size() && right.dim < to_.size() && Step(&left, &right)) {
    }
    for (size_t d = 0; d < from_.size(); ++d) make_.SetInput(0, d, in_[d]);
    for (size_t d = 0; d < to_.size(); ++d) make_.SetOutput(0, d, out_[d]);
    make_.Linear("0");
    return std::move(make_).Finish();
  }

 private:
  struct Left {
    size_t dim;
    Size rest;  // of the dim, not yet given to a factor
  };

  static Left Next(const Shape& shape, size_t dim) {
    while (dim < shape.size() && shape[dim] == Size(1)) ++dim;
    return {dim, dim < shape.size() ? shape[dim] : Size(1)};
  }

  // Gives the next common factor to both sides; false when there is none.
  bool Step(Left* left, Left* right) {
    const Size a = left->rest, b = right->rest;
    if (a.is_symbol() || b.is_symbol()) {
      if (!(a == b)) return Stop(*left, *right);
      Give(a, left, right);
      return true;
    }
    if (a.size() == 0 || b.size() == 0) return false;
    const int64_t common = std::gcd(a.size(), b.size());
    if (common == 1) return Stop(*left, *right);
    Give(common, left, right);
    // Neither side is used up: what follows does not line up.
    if (common != a.size() && common != b.size()) return Stop(*left, *right);
    return true;
  }

  void Give(const Size& size, Left* left, Left* right) {
    const int factor = make_.New(size);
    in_[left->dim].push_back(factor);
    out_[right->dim].push_back(factor);
    *left = Advance(from_, *left, size);
    *right = Advance(to_, *right, size);
  }

  static Left Advance(const Shape& shape, const Left& left, const Size& given) {
    if (left.rest == given) return Next(shape, left.dim + 1);
    return {left.dim, left.rest.size() / given.size()};
  }

  // What is left of a dim that has factors already becomes one that cannot be cut.
  bool Stop(const Left& left, const Left& right) {
    if (!in_[left.dim].empty()) in_[left.dim].push_back(make_.New(left.rest, Across::kWhole));
    if (!out_[right.dim].empty()) out_[right.dim].push_back(make_.New(right.rest, Across::kWhole));
    return false;
  }

  RuleMaker make_;
  const Shape &from_, &to_;
  DimFactors in_, out_;
};

OpRule Reshape(const OpCall& call) { return ReshapeFactors(call).Run(); }

OpRule After(const OpCall& call) {
  RuleMaker make(call);
  for (size_t d = 0; d < call.outputs[0].shape.size(); ++d) {
    const int factor = make.New(call.outputs[0].shape[d]);
    make.SetInput(0, d, {factor});
    make.SetOutput(0, d, {factor});
  }
  make.Linear("0");
  make.Any(1);
  return std::move(make).Finish();
}

using RuleFn = OpRule (*)(const OpCall& call);

const std::map<std::string, RuleFn>& Functions() {
  static const auto* const functions = new std::map<std::string, RuleFn>{
      {"grouped_matmul", GroupedMatmul},
      {"matmul", Matmul},
      {"attention", Attention},
      {"attention_gradient", AttentionGradient},
      {"conv2d", Conv2d},
      {"conv2d_gradient_input", Conv2d},
      {"conv2d_gradient_weight", Conv2d},
      {"iota", Iota},
      {"reduce_sum", Reduce},
      {"reduce_max", Reduce},
      {"reduce_mean", Reduce},
      {"sum_to", SumTo},
      {"transpose", Transpose},
      {"slice", AlongAxis},
      {"pad", AlongAxis},
      {"concat", AlongAxis},
      {"reshape", Reshape},
      {"after", After},
  };
  return *functions;
}

bool IsElementwise(const std::string& op) {
  const graph::OpDef* def = graph::OpRegistry::Get().Find(op);
  return def != nullptr && def->op_class == graph::OpClass::kElementwise;
}

}  // namespace

bool HasRule(const std::string& op) {
  return Functions().count(op) > 0 || Rows().count(op) > 0 || IsElementwise(op);
}

absl::StatusOr<OpRule> RuleOf(const OpCall& call) {
  const std::string& op = call.node->op();
  const auto function = Functions().find(op);
  if (function != Functions().end()) return function->second(call);
  const auto row = Rows().find(op);
  if (row != Rows().end()) return FromRow(call, row->second);
  if (IsElementwise(op)) return Elementwise(call);
  return std::move(RuleMaker(call)).Finish();
}

}  // namespace strata::distributed
