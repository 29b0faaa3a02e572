// The table of what a random program may grow by: how to find operands for each op, and which attributes to give it.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/tools/program_maker.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Attributes;
using graph::Shape;
using graph::TensorType;
using graph::ValueId;
using Dims = ProgramMaker::Dims;

bool IsFloat(const TensorType& t) { return chips::IsFloat(t.dtype); }
bool IsNumber(const TensorType& t) { return t.dtype != chips::BOOL; }
bool HasRank(const TensorType& t) { return t.rank() > 0; }

Shape ShapeOf(const Dims& dims) { return Shape(dims.begin(), dims.end()); }

// ---- one element at a time

void Unary(ProgramMaker& m) {
  static const std::vector<std::string> kOps = {"neg",     "exp",   "log",        "sqrt",  "tanh",
                                                "sigmoid", "relu",  "erf",        "abs",   "sin",
                                                "cos",     "rsqrt", "reciprocal", "square"};
  m.Try(m.Pick(kOps), {m.Find(IsFloat)});
}

// The shape with some dims at 1 and perhaps without its first ones: it broadcasts to the whole.
Shape Narrowed(ProgramMaker& m, const Dims& dims) {
  Dims narrow(dims.begin() + m.Below(static_cast<int64_t>(dims.size()) + 1), dims.end());
  for (int64_t& dim : narrow) dim = m.OneIn(3) ? 1 : dim;
  return ShapeOf(narrow);
}

// A second operand for x: of its shape, or one that broadcasts with it, or a constant.
ValueId Partner(ProgramMaker& m, ValueId x) {
  const TensorType type = m.type(x);
  const auto fits = [&](const TensorType& t) {
    return t.dtype == type.dtype && graph::BroadcastShapes(t.shape, type.shape).ok();
  };
  if (m.OneIn(5)) {
    static const std::vector<double> kNumbers = {0, 1, -1, 0.5, 2, 3, -0.25, 1e-3};
    const auto constant = m.Try("constant", {},
                                {{"value", Attr(m.Pick(kNumbers))},
                                 {"dtype", Attr(type.dtype)},
                                 {"dims", Attr(m.OneIn(3) ? type.shape : Shape{})}});
    if (!constant.empty()) return constant[0];
  }
  if (m.OneIn(5)) return m.NewInput({type.dtype, Narrowed(m, type.dims())});
  return m.Find(fits);
}

void Binary(ProgramMaker& m) {
  static const std::vector<std::string> kOps = {"add", "add", "sub", "mul", "mul",
                                                "div", "max", "min", "pow"};
  const ValueId x = m.Find(IsNumber);
  if (x == graph::kNoValue) return;
  const ValueId y = Partner(m, x);
  const bool turn = m.OneIn(2);
  m.Try(m.Pick(kOps), {turn ? y : x, turn ? x : y});
}

void Select(ProgramMaker& m) {
  static const std::vector<std::string> kOps = {"less", "less_equal", "equal"};
  const ValueId x = m.Find(IsNumber);
  if (x == graph::kNoValue) return;
  const ValueId y = Partner(m, x);
  const auto mask = m.Try(m.Pick(kOps), {x, y});
  if (!mask.empty() && !m.OneIn(4)) m.Try("select", {mask[0], m.OneIn(2) ? x : y, Partner(m, x)});
}

void Cast(ProgramMaker& m) {
  m.Try("cast", {m.Find([](const TensorType&) { return true; })}, {{"dtype", Attr(m.DType())}});
}

void Source(ProgramMaker& m) {
  const Dims dims = m.RandomDims(1 + m.Below(3));
  const chips::DType dtype = m.OneIn(2) ? chips::I32 : m.DType();
  m.Try("iota", {},
        {{"dtype", Attr(dtype)},
         {"dims", Attr(ShapeOf(dims))},
         {"axis", Attr(m.Below(static_cast<int64_t>(dims.size())))}});
}

// ---- places

void Reshape(ProgramMaker& m) {
  const ValueId x = m.Find([](const TensorType&) { return true; });
  if (x == graph::kNoValue) return;
  Dims dims = m.dims(x);
  for (int64_t i = 1 + m.Below(3); i > 0; --i) {
    const int64_t rank = static_cast<int64_t>(dims.size());
    const int64_t at = m.Below(rank + 1);
    const int64_t way = m.Below(3);
    if (way == 0) {
      dims.insert(dims.begin() + at, 1);
    } else if (way == 1 && at + 1 < rank) {  // two dims become one
      dims[static_cast<size_t>(at)] *= dims[static_cast<size_t>(at + 1)];
      dims.erase(dims.begin() + at + 1);
    } else if (at < rank) {  // one dim becomes two
      const int64_t dim = dims[static_cast<size_t>(at)];
      for (int64_t factor : {4, 3, 2, 5, 7}) {
        if (dim == 0 || dim % factor != 0) continue;
        dims[static_cast<size_t>(at)] = factor;
        dims.insert(dims.begin() + at + (m.OneIn(2) ? 0 : 1), dim / factor);
        break;
      }
    }
  }
  m.Try("reshape", {x}, {{"dims", Attr(ShapeOf(dims))}});
}

void Transpose(ProgramMaker& m) {
  const ValueId x = m.Find([](const TensorType& t) { return t.rank() >= 2; });
  if (x == graph::kNoValue) return;
  std::vector<int64_t> permutation(m.dims(x).size());
  for (size_t d = 0; d < permutation.size(); ++d) permutation[d] = static_cast<int64_t>(d);
  for (size_t d = permutation.size(); d > 1; --d)
    std::swap(permutation[d - 1],
              permutation[static_cast<size_t>(m.Below(static_cast<int64_t>(d)))]);
  m.Try("transpose", {x}, {{"permutation", Attr(permutation)}});
}

void Cut(ProgramMaker& m) {
  const ValueId x = m.Find(HasRank);
  if (x == graph::kNoValue) return;
  const Dims dims = m.dims(x);
  const int64_t axis = m.Below(static_cast<int64_t>(dims.size()));
  const int64_t extent = dims[static_cast<size_t>(axis)];
  const int64_t start = m.Below(extent + 1), limit = start + m.Below(extent - start + 1);
  switch (m.Below(4)) {
    case 0:
    case 1:
      m.Try("slice", {x}, {{"axis", Attr(axis)}, {"start", Attr(start)}, {"limit", Attr(limit)}});
      return;
    case 2:
      m.Try("pad", {x},
            {{"axis", Attr(axis)}, {"before", Attr(m.Below(4))}, {"after", Attr(m.Below(4))}});
      return;
    default:
      std::vector<ValueId> pieces = {x};
      const TensorType type = m.type(x);
      for (int64_t i = 1 + m.Below(2); i > 0; --i) {
        pieces.push_back(m.Find([&](const TensorType& t) {
          if (t.dtype != type.dtype || t.rank() != type.rank()) return false;
          for (int64_t d = 0; d < t.rank(); ++d) {
            if (d != axis &&
                !(t.shape[static_cast<size_t>(d)] == type.shape[static_cast<size_t>(d)]))
              return false;
          }
          return true;
        }));
      }
      m.Try("concat", pieces, {{"axis", Attr(axis)}});
  }
}

void Broadcast(ProgramMaker& m) {
  const ValueId x = m.Find([](const TensorType&) { return true; });
  if (x == graph::kNoValue) return;
  Dims dims = m.dims(x);
  if (m.OneIn(3)) {
    if (!IsNumber(m.type(x))) return;
    m.Try("sum_to", {x}, {{"dims", Attr(Narrowed(m, dims))}});
    return;
  }
  for (int64_t& dim : dims) {
    if (dim == 1) dim = m.Size();
  }
  if (m.OneIn(2)) dims.insert(dims.begin(), m.Size());
  m.Try("broadcast_to", {x}, {{"dims", Attr(ShapeOf(dims))}});
}

// ---- sums

void Reduce(ProgramMaker& m) {
  static const std::vector<std::string> kOps = {"reduce_sum", "reduce_mean", "reduce_max"};
  const ValueId x = m.Find([](const TensorType& t) { return HasRank(t) && IsNumber(t); });
  if (x == graph::kNoValue) return;
  const int64_t rank = m.type(x).rank();
  std::vector<int64_t> axes;
  if (m.OneIn(2)) {
    axes = {rank - 1};
  } else {
    for (int64_t d = 0; d < rank; ++d) {
      if (m.OneIn(2)) axes.push_back(d);
    }
  }
  m.Try(m.Pick(kOps), {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(!m.OneIn(3))}});
}

void Matmul(ProgramMaker& m) {
  const ValueId a = m.Find([](const TensorType& t) { return IsFloat(t) && t.rank() >= 2; });
  if (a == graph::kNoValue) return;
  const Dims dims = m.dims(a);
  const bool turn_a = m.OneIn(4), turn_b = m.OneIn(2);
  const int64_t k = turn_a ? dims[dims.size() - 2] : dims.back(), n = m.Size();
  Dims b(dims.begin(), m.OneIn(2) ? dims.end() - 2 : dims.begin());
  b.push_back(turn_b ? n : k);
  b.push_back(turn_b ? k : n);
  m.Try("matmul", {a, m.OfType({m.type(a).dtype, ShapeOf(b)})},
        {{"transpose_a", Attr(turn_a)}, {"transpose_b", Attr(turn_b)}});
}

void ContractLeading(ProgramMaker& m) {
  const ValueId a = m.Find([](const TensorType& t) { return IsFloat(t) && t.rank() >= 2; });
  if (a == graph::kNoValue) return;
  Dims dims = m.dims(a);
  dims.back() = m.Size();
  m.Try("contract_leading", {a, m.OfType({m.type(a).dtype, ShapeOf(dims)})});
}

// ---- composites

void Normalise(ProgramMaker& m) {
  const ValueId x = m.Find([](const TensorType& t) { return IsFloat(t) && HasRank(t); });
  if (x == graph::kNoValue) return;
  const TensorType row = {m.type(x).dtype, {m.dims(x).back()}};
  const Attributes epsilon = {{"epsilon", Attr(1e-5)}};
  switch (m.Below(4)) {
    case 0:
      m.Try("layer_norm", {x, m.OfType(row), m.OfType(row)}, epsilon);
      return;
    case 1:
      m.Try("rms_norm", {x, m.OfType(row)}, epsilon);
      return;
    default:
      m.Try("softmax", {x});
  }
}

void Activate(ProgramMaker& m) {
  if (m.OneIn(2)) {
    m.Try("silu", {m.Find(IsFloat)});
  } else {
    m.Try("gelu", {m.Find(IsFloat)}, {{"approximate", Attr(m.OneIn(2))}});
  }
}

void Embed(ProgramMaker& m) {
  const Dims dims = m.RandomDims(m.Below(3));
  const ValueId ids = m.OfType({chips::I32, ShapeOf(dims)});
  const int64_t width = m.Size();
  const auto rows = m.Try("embedding", {m.OfType({m.DType(), {3 + m.Below(9), width}}), ids});
  if (rows.empty() || m.OneIn(2)) return;
  m.Try("embedding_gradient", {ids, rows[0]}, {{"dims", Attr(Shape{3 + m.Below(5), width})}});
}

// A router makes the ids, so that all experts and slots are there.
void Mixture(ProgramMaker& m) {
  const chips::DType dtype = m.OneIn(3) ? chips::BF16 : chips::F32;
  const int64_t groups = 1 + m.Below(2), tokens = 1 + m.Below(9), width = m.Size();
  const int64_t experts = 1 + m.Below(5), chosen = 1 + m.Below(experts);
  const auto best =
      m.Try("top_k", {m.OfType({chips::F32, {groups, tokens, experts}})}, {{"k", Attr(chosen)}});
  if (best.empty()) return;
  const ValueId x = m.OfType({dtype, {groups, tokens, width}});
  const bool sorted = m.OneIn(2);
  const int64_t capacity = sorted ? tokens * chosen : 1 + m.Below(tokens);
  const auto slots = sorted ? m.Try("moe_sort", {best[1]}, {{"experts", Attr(experts)}})
                            : m.Try("moe_slots", {best[1]},
                                    {{"experts", Attr(experts)}, {"capacity", Attr(capacity)}});
  if (slots.empty()) return;
  const Attributes places = {{"experts", Attr(sorted ? int64_t{1} : experts)},
                             {"capacity", Attr(capacity)}};
  const auto rows = m.Try("moe_dispatch", {x, slots[0]}, places);
  if (rows.empty()) return;
  ValueId y = rows[0];
  if (sorted) {
    const int64_t out = m.Size();
    const bool turned = m.OneIn(2);
    const auto flat = m.Try("reshape", {y}, {{"dims", Attr(Shape{groups, capacity, width})}});
    if (flat.empty()) return;
    const Shape weight = turned ? Shape{experts, out, width} : Shape{experts, width, out};
    const auto product = m.Try("grouped_matmul", {flat[0], slots[1], m.OfType({dtype, weight})},
                               {{"transpose_b", Attr(turned)}});
    if (product.empty()) return;
    if (m.OneIn(2)) m.Try("grouped_contract", {flat[0], product[0], slots[1]});
    const auto back =
        m.Try("reshape", {product[0]}, {{"dims", Attr(Shape{groups, 1, capacity, out})}});
    if (back.empty()) return;
    y = back[0];
  }
  const auto out = m.Try("moe_combine", {y, slots[0], best[0]});
  if (!out.empty() && m.OneIn(2)) m.Try("moe_weight_gradient", {y, slots[0], out[0]});
}

void Loss(ProgramMaker& m) {
  const ValueId logits = m.Find([](const TensorType& t) { return IsFloat(t) && HasRank(t); });
  if (logits == graph::kNoValue) return;
  Dims rows = m.dims(logits);
  rows.pop_back();
  m.Try("cross_entropy", {logits, m.OfType({chips::I32, ShapeOf(rows)})});
}

void Attend(ProgramMaker& m) {
  const chips::DType dtype = m.OneIn(3) ? chips::BF16 : chips::F32;
  const int64_t groups = 1 + m.Below(2), kv = 1 + m.Below(2), width = 2 * (1 + m.Below(9));
  const int64_t batch = 1 + m.Below(2), queries = 1 + m.Below(9),
                keys = m.OneIn(2) ? queries : 1 + m.Below(12);
  const TensorType q = {dtype, {batch, queries, groups * kv, width}},
                   k = {dtype, {batch, keys, kv, width}};
  ValueId query = m.OfType(q);
  if (m.OneIn(2)) {
    const auto turned = m.Try("rope", {query, m.OfType({chips::I32, {batch, queries}})},
                              {{"theta", Attr(10000.0)}, {"interleaved", Attr(m.OneIn(2))}});
    if (!turned.empty()) query = turned[0];
  }
  const ValueId key = m.OfType(k), value = m.OfType(k);
  const Attributes attributes = {{"scale", Attr(0.375)}, {"causal", Attr(m.OneIn(2))}};
  const auto out = m.Try("attention", {query, key, value}, attributes);
  if (out.empty() || m.OneIn(2)) return;
  m.Try("attention_gradient", {query, key, value, out[0], out[1], m.OfType(q)}, attributes);
}

void StateOps(ProgramMaker& m) {
  if (m.OneIn(2)) {
    const chips::DType dtype = m.OneIn(3) ? chips::BF16 : chips::F32;
    const int64_t batch = 1 + m.Below(3), slots = 4 + m.Below(5), heads = 1 + m.Below(2),
                  width = m.Size();
    const ValueId cache = m.NewInput({dtype, {batch, slots, heads, width}}, "state", graph::STATE);
    const auto full =
        m.Try("cache_update", {cache, m.OfType({dtype, {batch, 1 + m.Below(2), heads, width}}),
                               m.OfType({chips::I32, {batch}})});
    if (!full.empty() && m.OneIn(2)) m.builder().Update(cache, full[0]);
    return;
  }
  const ValueId gradient = m.Find([](const TensorType& t) { return t.dtype == chips::F32; });
  if (gradient == graph::kNoValue) return;
  const TensorType type = m.type(gradient), scalar = {chips::F32, {}};
  const ValueId p = m.NewInput(type, "p", graph::PARAMETER),
                mean = m.NewInput(type, "m", graph::STATE);
  const ValueId start = m.NewInput(type, "v", graph::STATE);
  const auto square = m.Try("square", {start});
  const auto rate =
      m.Try("constant", {},
            {{"value", Attr(1e-2)}, {"dtype", Attr(chips::F32)}, {"dims", Attr(Shape{})}});
  const auto step = m.Try(
      "constant", {}, {{"value", Attr(3.0)}, {"dtype", Attr(chips::F32)}, {"dims", Attr(Shape{})}});
  if (square.empty() || rate.empty() || step.empty()) return;
  const auto moved = m.Try("adamw", {p, gradient, mean, square[0], rate[0], step[0]},
                           {{"beta1", Attr(0.9)},
                            {"beta2", Attr(0.95)},
                            {"epsilon", Attr(1e-2)},
                            {"weight_decay", Attr(m.OneIn(2) ? 0.0 : 0.1)}});
  if (moved.empty()) return;
  m.builder().Update(p, moved[0]);
  m.builder().Update(mean, moved[1]);
}

struct Row {
  int weight;
  void (*grow)(ProgramMaker&);
};

constexpr Row kRows[] = {
    {18, Unary},          {24, Binary},   {6, Select},    {5, Cast},    {2, Source},  {8, Reshape},
    {8, Transpose},       {9, Cut},       {6, Broadcast}, {13, Reduce}, {1, Mixture}, {7, Matmul},
    {2, ContractLeading}, {7, Normalise}, {4, Activate},  {2, Embed},   {2, Loss},    {2, Attend},
    {3, StateOps},
};

}  // namespace

void GrowByOneOp(ProgramMaker& maker) {
  int64_t total = 0;
  for (const Row& row : kRows) total += row.weight;
  int64_t at = maker.Below(total);
  for (const Row& row : kRows) {
    at -= row.weight;
    if (at < 0) return row.grow(maker);
  }
}

}  // namespace strata::compiler
