#include "distributed/partition/ring_attention.h"

#include <limits>

#include "framework/graph/ops/emit.h"

namespace strata::distributed {
namespace {

using graph::Attr;
using graph::Emit;
using graph::Shape;
using graph::ValueId;
using ValuesOr = absl::StatusOr<std::vector<ValueId>>;

constexpr size_t kTokens = 1;     // of q, k, v, out
constexpr size_t kLseTokens = 2;  // of lse [B, H, T]

// What both directions share.
class Walk {
 public:
  explicit Walk(const Ring& ring) : r_(ring), b_(ring.builder) {}

 protected:
  bool causal() const {
    const auto it = r_.attributes.find("causal");
    return it != r_.attributes.end() && it->second.b();
  }

  // The op without its mask.
  std::vector<ValueId> Full(const std::string& op, const std::vector<ValueId>& inputs) {
    graph::Attributes attributes = r_.attributes;
    attributes["causal"] = Attr(false);
    return b_.ApplyMulti(op, inputs, attributes);
  }
  std::vector<ValueId> Own(const std::string& op, const std::vector<ValueId>& inputs) {
    return b_.ApplyMulti(op, inputs, r_.attributes);
  }

  ValueId Pass(ValueId x) {
    return r_.resharder.Collective("collective_permute", x, {r_.axis}, {{"offset", Attr(1)}});
  }

  // Chunk 0 or 1 of the rank's piece.
  ValueId Chunk(ValueId x, int which, size_t dim = kTokens) {
    const int64_t half = b_.type(x).shape[dim].size() / 2;
    return r_.resharder.Slice(x, dim, which * half, (which + 1) * half);
  }

  // Whether the keys of step s come from a rank before this one.
  ValueId FromBefore(int64_t step) {
    const ValueId limit = b_.Constant(static_cast<double>(step), chips::I32);
    return b_.Apply("less_equal", {limit, r_.resharder.RankIndex({r_.axis})});
  }

  ValueId Select(ValueId condition, ValueId a, ValueId b) {
    return b_.Apply("select", {condition, a, b});
  }
  ValueId Zero(ValueId like) { return b_.Constant(0, b_.type(like).dtype); }
  ValueId Add(ValueId a, ValueId b) { return b_.Apply("add", {a, b}); }

  const Ring& r_;
  graph::Builder& b_;
};

class Forward : public Walk {
 public:
  using Walk::Walk;

  ValuesOr Run(const std::vector<ValueId>& inputs) {
    const graph::DType dtype = b_.type(inputs[0]).dtype;
    ValueId k = inputs[1], v = inputs[2], k_next = k, v_next = v;
    const std::vector<ValueId> own = Own("attention", inputs);
    STRATA_RETURN_IF_ERROR(b_.status());
    wide_ = b_.type(own[1]).dtype;
    Emit e(b_, wide_);
    const ValueId q = inputs[0], out = e.Cast(own[0]);
    const bool halves = causal();
    std::vector<Sum> sums;  // of each chunk of queries, or of all
    if (halves) {
      for (int c : {0, 1}) sums.push_back({Chunk(out, c), Chunk(own[1], c, kLseTokens)});
    } else {
      sums.push_back({out, own[1]});
    }
    k_next = Pass(k), v_next = Pass(v);
    for (int64_t step = 1; step < r_.ranks; ++step) {
      k = k_next, v = v_next;
      if (step + 1 < r_.ranks) k_next = Pass(k), v_next = Pass(v);
      if (halves)
        Causal(step, q, k, v, &sums);
      else
        Merge(Full("attention", {q, k, v}), &sums[0]);
      STRATA_RETURN_IF_ERROR(b_.status());
    }
    if (!halves) return std::vector<ValueId>{e.Cast(sums[0].out, dtype), sums[0].lse};
    const ValueId joined = r_.resharder.Concat({sums[0].out, sums[1].out}, kTokens);
    return std::vector<ValueId>{e.Cast(joined, dtype),
                                r_.resharder.Concat({sums[0].lse, sums[1].lse}, kLseTokens)};
  }

 private:
  struct Sum {
    ValueId out, lse;  // [B, T, H, D], [B, H, T]
  };

  void Causal(int64_t step, ValueId q, ValueId k, ValueId v, std::vector<Sum>* sums) {
    const ValueId q2 = Chunk(q, 1), k1 = Chunk(k, 0), v1 = Chunk(v, 0);
    Merge(Full("attention", {q2, k1, v1}), &(*sums)[1]);
    const ValueId before = FromBefore(step);
    std::vector<ValueId> other =
        Full("attention", {Select(before, Chunk(q, 0), q2), Select(before, k1, Chunk(k, 1)),
                           Select(before, v1, Chunk(v, 1))});
    if (!b_.status().ok()) return;
    const ValueId nothing = b_.Constant(-std::numeric_limits<double>::infinity(), wide_);
    const ValueId lse = other[1];
    other[1] = Select(before, lse, nothing);
    Merge(other, &(*sums)[0]);
    other[1] = Select(before, nothing, lse);
    Merge(other, &(*sums)[1]);
  }

  // Weighs both by their sums of exponentials. Every query has seen itself, so that the sum so far is never empty.
  void Merge(const std::vector<ValueId>& part, Sum* sum) {
    if (!b_.status().ok()) return;
    Emit e(b_, wide_);
    const ValueId top = b_.Apply("max", {sum->lse, part[1]});
    const ValueId mine = e.Unary("exp", e.Sub(sum->lse, top)),
                  theirs = e.Unary("exp", e.Sub(part[1], top));
    const ValueId total = e.Add(mine, theirs);
    sum->out = e.Add(e.Mul(sum->out, Weight(e, e.Div(mine, total))),
                     e.Mul(e.Cast(part[0]), Weight(e, e.Div(theirs, total))));
    sum->lse = e.Add(top, e.Unary("log", total));
  }

  // [B, H, T] -> [B, T, H, 1].
  ValueId Weight(Emit& e, ValueId x) {
    const ValueId turned =
        b_.Apply("transpose", {x}, {{"permutation", Attr(std::vector<int64_t>{0, 2, 1})}});
    Shape shape = b_.type(turned).shape;
    shape.push_back(1);
    return e.Reshape(turned, shape);
  }

  graph::DType wide_ = chips::F32;  // that sums are held in
};

class Backward : public Walk {
 public:
  using Walk::Walk;

  // dk and dv of another rank's block travel with it, from the rank that first adds to them on to its owner.
  ValuesOr Run(const std::vector<ValueId>& inputs) {
    std::vector<ValueId> total = Own("attention_gradient", inputs);
    STRATA_RETURN_IF_ERROR(b_.status());
    ValueId k = inputs[1], v = inputs[2], k_next = Pass(k), v_next = Pass(v);
    std::vector<ValueId> travelling;  // dk, dv
    for (int64_t step = 1; step < r_.ranks; ++step) {
      k = k_next, v = v_next;
      if (step + 1 < r_.ranks) k_next = Pass(k), v_next = Pass(v);
      std::vector<ValueId> block = inputs;
      block[1] = k, block[2] = v;
      const std::vector<ValueId> part =
          causal() ? Causal(step, block) : Full("attention_gradient", block);
      STRATA_RETURN_IF_ERROR(b_.status());
      total[0] = Add(total[0], part[0]);
      if (travelling.empty())
        travelling = {part[1], part[2]};
      else
        travelling = {Add(travelling[0], part[1]), Add(travelling[1], part[2])};
      travelling = {Pass(travelling[0]), Pass(travelling[1])};
    }
    if (travelling.empty()) return total;
    return std::vector<ValueId>{total[0], Add(total[1], travelling[0]),
                                Add(total[2], travelling[1])};
  }

 private:
  static constexpr size_t kOut = 3, kLse = 4, kDout = 5;

  std::vector<ValueId> Causal(int64_t step, const std::vector<ValueId>& in) {
    const ValueId before = FromBefore(step);
    std::vector<ValueId> second(in.size()), other(in.size());
    for (size_t i = 0; i < in.size(); ++i) {
      const size_t dim = i == kLse ? kLseTokens : kTokens;
      const ValueId c0 = Chunk(in[i], 0, dim), c1 = Chunk(in[i], 1, dim);
      const bool keys = i == 1 || i == 2;
      second[i] = keys ? c0 : c1;
      other[i] = Select(before, c0, c1);
    }
    const std::vector<ValueId> a = Full("attention_gradient", second);
    const std::vector<ValueId> b = Full("attention_gradient", other);
    if (!b_.status().ok()) return {};
    const ValueId zero = Zero(b[0]);
    const auto first = [&](ValueId x) { return Select(before, x, zero); };
    const auto last = [&](ValueId x) { return Select(before, zero, x); };
    return {r_.resharder.Concat({first(b[0]), Add(a[0], last(b[0]))}, kTokens),
            r_.resharder.Concat({Add(a[1], first(b[1])), last(b[1])}, kTokens),
            r_.resharder.Concat({Add(a[2], first(b[2])), last(b[2])}, kTokens)};
  }
};

}  // namespace

ValuesOr RingAttention(const Ring& ring, const std::vector<ValueId>& inputs) {
  return Forward(ring).Run(inputs);
}

ValuesOr RingAttentionGradient(const Ring& ring, const std::vector<ValueId>& inputs) {
  return Backward(ring).Run(inputs);
}

}  // namespace strata::distributed
