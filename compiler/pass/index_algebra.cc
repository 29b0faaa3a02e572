#include "compiler/pass/index_algebra.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

using graph::AttributeReader;
using graph::Node;
using graph::Shape;
using graph::Size;
using graph::TensorType;
using graph::ValueId;
using Kind = IndexValue::Kind;

constexpr int kDeepest = 64;
constexpr double kExact = 16777216;  // f32 holds the whole numbers up to 2^24

IndexValue Number(double value) { return {Kind::kAffine, {value, {}}, 0, 0}; }

bool IsWhole(const Affine& a) {
  return std::abs(a.constant) <= kExact && a.constant == std::floor(a.constant) &&
         std::all_of(a.slopes.begin(), a.slopes.end(),
                     [](double slope) { return slope == std::floor(slope); });
}

Affine Combine(const Affine& a, const Affine& b, double factor) {
  Affine sum;
  sum.constant = a.constant + factor * b.constant;
  for (size_t k = 0; k < std::max(a.slopes.size(), b.slopes.size()); ++k) {
    sum.slopes.push_back(a.slope(k) + factor * b.slope(k));
  }
  return sum;
}

Affine Scaled(Affine a, double factor) {
  a.constant *= factor;
  for (double& slope : a.slopes) slope *= factor;
  return a;
}

// An index of an axis of extent 1 is 0.
void DropOnes(const Shape& shape, Affine* a) {
  for (size_t k = 0; k < a->slopes.size() && k < shape.size(); ++k) {
    const Size& size = shape[shape.size() - 1 - k];
    if (!size.is_symbol() && size.size() <= 1) a->slopes[k] = 0;
  }
}

// Whether every element is a number that the dtype holds exactly, so that no rounding or saturation comes in.
bool Fits(const TensorType& type, const Affine& a) {
  if (a.is_constant() && (chips::IsFloat(type.dtype) || type.dtype == chips::BOOL)) return true;
  if (a.is_constant() && a.constant != std::floor(a.constant)) return false;
  if (type.dtype != chips::F32 && type.dtype != chips::F64 && type.dtype != chips::I32 &&
      type.dtype != chips::I64) {
    return false;
  }
  double low = a.constant, high = a.constant;
  for (size_t k = 0; k < a.slopes.size() && k < type.shape.size(); ++k) {
    const Size& size = type.shape[type.shape.size() - 1 - k];
    if (a.slopes[k] == 0) continue;
    if (size.is_symbol()) return type.dtype == chips::I32 || type.dtype == chips::I64;
    const double end = a.slopes[k] * static_cast<double>(size.size() - 1);
    low += std::min(end, 0.0);
    high += std::max(end, 0.0);
  }
  return std::max(std::abs(low), std::abs(high)) <= kExact;
}

std::optional<double> Apply(const std::string& op, double a, double b) {
  if (op == "add") return a + b;
  if (op == "sub") return a - b;
  if (op == "mul") return a * b;
  if (op == "div") return a / b;
  if (op == "max") return std::max(a, b);
  if (op == "min") return std::min(a, b);
  if (op == "less") return a < b;
  if (op == "less_equal") return a <= b;
  if (op == "equal") return a == b;
  return std::nullopt;
}

IndexValue Binary(const std::string& op, const IndexValue& a, const IndexValue& b) {
  if (a.kind == Kind::kUnknown || b.kind == Kind::kUnknown) return {};
  if (a.kind == Kind::kChoice || b.kind == Kind::kChoice) {  // with a number on the other side
    const IndexValue& choice = a.kind == Kind::kChoice ? a : b;
    const IndexValue& number = a.kind == Kind::kChoice ? b : a;
    if (!number.is_constant()) return {};
    const double n = number.affine.constant;
    const bool left = &choice == &a;
    const auto yes = left ? Apply(op, choice.yes, n) : Apply(op, n, choice.yes);
    const auto no = left ? Apply(op, choice.no, n) : Apply(op, n, choice.no);
    if (!yes.has_value() || !no.has_value()) return {};
    return {Kind::kChoice, choice.affine, *yes, *no};
  }
  if (a.is_constant() && b.is_constant()) {
    const auto result = Apply(op, a.affine.constant, b.affine.constant);
    return result.has_value() ? Number(*result) : IndexValue{};
  }
  if (!IsWhole(a.affine) || !IsWhole(b.affine)) return {};
  if (op == "add") return {Kind::kAffine, Combine(a.affine, b.affine, 1), 0, 0};
  if (op == "sub") return {Kind::kAffine, Combine(a.affine, b.affine, -1), 0, 0};
  if (op == "mul" && b.is_constant())
    return {Kind::kAffine, Scaled(a.affine, b.affine.constant), 0, 0};
  if (op == "mul" && a.is_constant())
    return {Kind::kAffine, Scaled(b.affine, a.affine.constant), 0, 0};
  if (op == "less" || op == "less_equal") {
    Affine difference = Combine(a.affine, b.affine, -1);
    if (op == "less") difference.constant += 1;  // a < b is a + 1 <= b among whole numbers
    return {Kind::kChoice, std::move(difference), 1, 0};
  }
  return {};
}

IndexValue Select(const IndexValue& condition, const IndexValue& a, const IndexValue& b) {
  if (condition.kind != Kind::kChoice || !a.is_constant() || !b.is_constant()) return {};
  const double yes = a.affine.constant, no = b.affine.constant;
  return {Kind::kChoice, condition.affine, condition.yes != 0 ? yes : no,
          condition.no != 0 ? yes : no};
}

bool IsOne(const Size& size) { return !size.is_symbol() && size.size() == 1; }

// Axes of extent 1 come and go; the others stay in order. False for any other reshape.
bool FollowReshape(const Shape& from, const Shape& to, Affine* a) {
  std::vector<double> slopes(to.size(), 0);
  size_t next = 0;  // in `from`
  for (size_t d = 0; d < to.size(); ++d) {
    if (IsOne(to[d])) continue;
    while (next < from.size() && IsOne(from[next])) ++next;
    if (next == from.size() || !(from[next] == to[d])) return false;
    slopes[to.size() - 1 - d] = a->slope(from.size() - 1 - next++);
  }
  while (next < from.size() && IsOne(from[next])) ++next;
  a->slopes = std::move(slopes);
  return next == from.size();
}

void FollowTranspose(const std::vector<int64_t>& permutation, Affine* a) {
  const size_t rank = permutation.size();
  std::vector<double> slopes(rank, 0);
  for (size_t d = 0; d < rank; ++d) {
    slopes[rank - 1 - d] = a->slope(rank - 1 - static_cast<size_t>(permutation[d]));
  }
  a->slopes = std::move(slopes);
}

// What moves elements about without changing them.
IndexValue Move(const Node& node, const Shape& from, const Shape& to, IndexValue x) {
  const AttributeReader attributes(node);
  if (node.op() == "reshape") {
    if (!x.affine.is_constant() && !FollowReshape(from, to, &x.affine)) return {};
  } else if (node.op() == "transpose") {
    FollowTranspose(attributes.Ints("permutation"), &x.affine);
  } else if (node.op() == "slice") {
    const int64_t rank = static_cast<int64_t>(from.size());
    int64_t axis = attributes.Int("axis");
    if (axis < 0) axis += rank;
    x.affine.constant += x.affine.slope(static_cast<size_t>(rank - 1 - axis)) *
                         static_cast<double>(attributes.Int("start"));
  }  // broadcast_to: dims count from the end
  return x;
}

IndexValue Cast(graph::DType to, IndexValue x) {
  if (to == chips::BOOL) {
    if (x.kind != Kind::kChoice) return {};
    x.yes = x.yes != 0;
    x.no = x.no != 0;
    return x;
  }
  if (x.kind == Kind::kChoice) {
    const bool whole = x.yes == std::floor(x.yes) && x.no == std::floor(x.no);
    return chips::IsFloat(to) || (whole && std::abs(x.yes) <= 1 && std::abs(x.no) <= 1)
               ? x
               : IndexValue{};
  }
  return IsWhole(x.affine) || chips::IsFloat(to) ? x : IndexValue{};
}

bool IsMove(const std::string& op) {
  return op == "reshape" || op == "transpose" || op == "slice" || op == "broadcast_to";
}

bool IsBinary(const std::string& op) { return Apply(op, 1, 1).has_value(); }

}  // namespace

bool Affine::is_constant() const {
  return std::all_of(slopes.begin(), slopes.end(), [](double slope) { return slope == 0; });
}

IndexAlgebra::IndexAlgebra(const GraphUses& uses)
    : uses_(uses), known_(static_cast<size_t>(uses.graph().values_size())) {}

std::optional<double> IndexAlgebra::Splat(ValueId value) {
  const IndexValue& x = Of(value);
  if (!x.is_constant()) return std::nullopt;
  return x.affine.constant;
}

const IndexValue& IndexAlgebra::Evaluate(ValueId value, int depth) {
  std::optional<IndexValue>& known = known_[value];
  if (known.has_value()) return *known;
  IndexValue made;
  const Node* node = uses_.Maker(value);
  if (node != nullptr && depth < kDeepest) made = EvaluateNode(*node, depth + 1);
  if (made.kind != Kind::kUnknown) {
    const TensorType type = uses_.type(value);
    DropOnes(type.shape, &made.affine);
    if (made.kind == Kind::kAffine && !Fits(type, made.affine)) made = {};
    if (made.kind == Kind::kChoice && !IsWhole(made.affine)) made = {};
  }
  known = std::move(made);
  return *known;
}

IndexValue IndexAlgebra::EvaluateNode(const Node& node, int depth) {
  const auto in = [&](int i) -> const IndexValue& { return Evaluate(node.inputs(i), depth); };
  if (node.regions_size() > 0 || node.outputs_size() != 1) return {};
  const auto shape = [&](ValueId value) { return uses_.type(value).shape; };
  const std::string& op = node.op();
  if (op == "constant") return Number(AttributeReader(node).Float("value"));
  if (op == "iota") {
    const int64_t rank = static_cast<int64_t>(shape(node.outputs(0)).size());
    int64_t axis = AttributeReader(node).Int("axis");
    if (axis < 0) axis += rank;
    IndexValue iota = Number(0);
    iota.affine.slopes.assign(static_cast<size_t>(rank), 0);
    iota.affine.slopes[static_cast<size_t>(rank - 1 - axis)] = 1;
    return iota;
  }
  if (node.inputs_size() == 0) return {};
  if (IsMove(op)) {
    if (in(0).kind == Kind::kUnknown) return {};
    return Move(node, shape(node.inputs(0)), shape(node.outputs(0)), in(0));
  }
  if (op == "cast") {
    return in(0).kind == Kind::kUnknown ? IndexValue{}
                                        : Cast(AttributeReader(node).Type("dtype"), in(0));
  }
  if (op == "neg") return Binary("mul", in(0), Number(-1));
  if (in(0).is_constant() && node.inputs_size() == 1) {
    const double x = in(0).affine.constant;
    if (op == "sqrt") return Number(std::sqrt(x));
    if (op == "rsqrt") return Number(1 / std::sqrt(x));
    if (op == "reciprocal") return Number(1 / x);
    return {};
  }
  if (op == "div" && !chips::IsFloat(uses_.type(node.outputs(0)).dtype)) return {};  // truncates
  if (op == "select") return Select(in(0), in(1), in(2));
  if (IsBinary(op)) return Binary(op, in(0), in(1));
  return {};
}

Affine Not(const Affine& condition) {
  Affine negated = Scaled(condition, -1);  // not (a <= 0) is a >= 1, which is 1 - a <= 0
  negated.constant += 1;
  return negated;
}

MaskKind ClassifyMask(const Affine& visible, const Size& queries, const Size& keys) {
  for (size_t k = 2; k < visible.slopes.size(); ++k) {
    if (visible.slopes[k] != 0) return MaskKind::kOther;
  }
  const double by_key = visible.slope(0), by_query = visible.slope(1);
  const bool concrete = !queries.is_symbol() && !keys.is_symbol();
  if (concrete && queries.size() > 0 && keys.size() > 0) {
    const double most = visible.constant +
                        std::max(0.0, by_key * static_cast<double>(keys.size() - 1)) +
                        std::max(0.0, by_query * static_cast<double>(queries.size() - 1));
    if (most <= 0) return MaskKind::kAll;
  }
  if (!(by_key > 0) || by_query != -by_key) return MaskKind::kOther;
  // by_key (j - i) + constant <= 0 is j <= i + reach.
  const double reach = std::floor(-visible.constant / by_key);
  if (queries == keys) return reach == 0 ? MaskKind::kCausal : MaskKind::kOther;
  if (!concrete || keys.size() < queries.size()) return MaskKind::kOther;
  return reach == static_cast<double>(keys.size() - queries.size()) ? MaskKind::kCausal
                                                                    : MaskKind::kOther;
}

}  // namespace strata::compiler
