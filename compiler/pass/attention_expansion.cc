#include "compiler/pass/attention_expansion.h"

#include <cmath>
#include <limits>
#include <vector>

#include "compiler/pass/rewriter.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Shape;
using graph::ValueId;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// More than there are keys; a power of two, which bf16 has as well.
constexpr double kMany = 1 << 30;

class Expansion {
 public:
  Expansion(Builder& builder, const graph::OpCall& call, const std::vector<ValueId>& inputs)
      : b_(builder),
        inputs_(inputs),
        dtype_(call.inputs[0].dtype),
        wide_(dtype_ == chips::F64 ? chips::F64 : chips::F32),
        largest_(dtype_ == chips::F64 ? std::numeric_limits<double>::max()
                                      : std::numeric_limits<float>::max()),
        B(call.inputs[0].dims()[0]),
        T(call.inputs[0].dims()[1]),
        H(call.inputs[0].dims()[2]),
        D(call.inputs[0].dims()[3]),
        S(call.inputs[1].dims()[1]),
        KV(call.inputs[1].dims()[2]),
        scale_(call.attrs().Float("scale")),
        causal_(call.attrs().Bool("causal")) {}

  // out [B, T, H, D], lse [B, H, T].
  std::vector<ValueId> Run() {
    if (S == 0) return {Full(0, {B, T, H, D}, dtype_), Full(-kInfinity, {B, H, T}, wide_)};
    const bool start = inputs_.size() > 3;
    const bool masked = causal_ && (start || T > 1);
    const bool blind = causal_ && (start || T > S);  // a query may see no key
    ValueId scores = Mul(Scores(), Scalar(scale_));  // [B, H, T, S]
    const ValueId visible = masked ? Visible() : graph::kNoValue;
    if (masked) scores = Select(visible, scores, Scalar(-kInfinity));
    ValueId top = ReduceLast("reduce_max", scores);
    const ValueId sees = blind ? Sees() : graph::kNoValue;
    if (blind) top = Select(sees, top, Scalar(-largest_));  // exp(-inf - top) is 0, not NaN
    const ValueId weights = b_.Apply("exp", {b_.Apply("sub", {scores, top})});
    const ValueId sum = ReduceLast("reduce_sum", weights);
    const ValueId divisor = blind ? Select(sees, sum, Scalar(1)) : sum;
    const ValueId p = Mul(weights, b_.Apply("reciprocal", {divisor}));
    const ValueId lse = b_.Apply("add", {top, b_.Apply("log", {sum})});
    const ValueId out = masked ? MixedBehindMask(p, scores, visible) : Mixed(p, Values());
    return {Cast(SwapHeads(out), dtype_), Reshape(lse, {B, H, T})};
  }

 private:
  ValueId Scalar(double value) { return b_.Constant(value, wide_); }
  ValueId Full(double value, const Shape& dims, chips::DType dtype) {
    return b_.Apply("broadcast_to", {b_.Constant(value, dtype)}, {{"dims", Attr(dims)}});
  }
  ValueId Select(ValueId condition, ValueId a, ValueId b) {
    return b_.Apply("select", {condition, a, b});
  }
  ValueId Mul(ValueId a, ValueId b) { return b_.Apply("mul", {a, b}); }
  ValueId Reshape(ValueId x, const Shape& dims) {
    return b_.Apply("reshape", {x}, {{"dims", Attr(dims)}});
  }
  ValueId Cast(ValueId x, chips::DType dtype) {
    if (b_.type(x).dtype == dtype) return x;
    return b_.Apply("cast", {x}, {{"dtype", Attr(dtype)}});
  }
  ValueId ReduceLast(const char* op, ValueId x) {
    const std::vector<int64_t> axes = {3};
    return b_.Apply(op, {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(true)}});
  }
  // [B, X, Y, D] <-> [B, Y, X, D].
  ValueId SwapHeads(ValueId x) {
    const std::vector<int64_t> permutation = {0, 2, 1, 3};
    return b_.Apply("transpose", {x}, {{"permutation", Attr(permutation)}});
  }
  ValueId Iota(const Shape& dims) {
    return b_.Apply(
        "iota", {},
        {{"dtype", Attr(chips::I32)}, {"dims", Attr(dims)}, {"axis", Attr(int64_t{0})}});
  }

  // Query heads that share keys are rows of one product.
  Shape Grouped(int64_t columns) const { return {B, KV, H / KV * T, columns}; }

  ValueId Scores() {
    const ValueId q = Reshape(SwapHeads(Cast(inputs_[0], wide_)), Grouped(D));
    const ValueId k = SwapHeads(Cast(inputs_[1], wide_));
    return Reshape(b_.Apply("matmul", {q, k}, {{"transpose_b", Attr(true)}}), {B, H, T, S});
  }

  ValueId Values() { return SwapHeads(Cast(inputs_[2], wide_)); }  // [B, KV, S, D]

  // Weights [B, H, T, S] and what they weigh [B, KV, S, D] -> [B, H, T, D].
  ValueId Mixed(ValueId weights, ValueId v) {
    return Reshape(b_.Apply("matmul", {Reshape(weights, Grouped(S)), v}), {B, H, T, D});
  }

  // The same where a hidden value may be infinite or NaN, though its weight is 0. One query hides a
  // key or does not: the value becomes 0. Of several queries each hides others: the product is of
  // the finite values, and two more count how often a query meets what is above all numbers and
  // what is below them (NaN is both), kMany times where it does so with a weight of 0.
  ValueId MixedBehindMask(ValueId p, ValueId scores, ValueId visible) {
    const ValueId v = Values(), zero = Scalar(0), one = Scalar(1);
    if (T == 1) return Mixed(p, Select(Reshape(visible, {B, 1, S, 1}), v, zero));
    const ValueId not_above = b_.Apply("less_equal", {v, Scalar(largest_)});
    const ValueId not_below = b_.Apply("less_equal", {Scalar(-largest_), v});
    const ValueId out = Mixed(p, Select(not_above, Select(not_below, v, zero), zero));
    const ValueId meets = Select(b_.Apply("less", {Scalar(-kInfinity), scores}), one,
                                 Select(visible, Scalar(kMany), zero));
    const auto added = [&](ValueId finite, double infinity) {
      const ValueId met = Mixed(meets, Select(finite, zero, one));
      const ValueId some = Select(b_.Apply("less", {zero, met}), Scalar(infinity), zero);
      return Select(b_.Apply("less", {met, Scalar(kMany)}), some, Scalar(NAN));
    };
    const ValueId above = added(not_above, kInfinity), below = added(not_below, -kInfinity);
    return b_.Apply("add", {out, b_.Apply("add", {above, below})});
  }

  // Key j is seen by query i: [T, S], or [B, 1, T, S] with starts.
  ValueId Visible() { return b_.Apply("less_equal", {Iota({S}), Last()}); }

  // Query i sees a key: [T, 1] or [B, 1, T, 1].
  ValueId Sees() { return b_.Apply("less_equal", {b_.Constant(0, chips::I32), Last()}); }

  // The last key that query i sees, below 0 for none.
  ValueId Last() {
    const ValueId first = inputs_.size() > 3 ? Reshape(inputs_[3], {B, 1, 1, 1})
                                             : b_.Constant(static_cast<double>(S - T), chips::I32);
    return b_.Apply("add", {Iota({T, 1}), first});
  }

  Builder& b_;
  const std::vector<ValueId>& inputs_;
  const chips::DType dtype_, wide_;
  const double largest_;  // number of wide_
  const int64_t B, T, H, D, S, KV;
  const double scale_;
  const bool causal_;
};

bool IsConcrete(const graph::OpCall& call) {
  for (const graph::TensorType& type : call.inputs) {
    for (const graph::Size& size : type.shape) {
      if (size.is_symbol()) return false;
    }
  }
  return true;
}

class AttentionExpansion : public Pass {
 public:
  absl::string_view name() const override { return "attention_expansion"; }

  absl::StatusOr<bool> Run(const PassContext&, graph::Graph* graph) override {
    Rewriter rewriter(graph);
    for (const graph::Node& node : rewriter.source().nodes()) {
      const graph::OpCall call = graph::CallOf(rewriter.source(), node);
      if (node.op() != "attention" || !IsConcrete(call)) {
        rewriter.Keep(node);
        continue;
      }
      std::vector<ValueId> inputs;
      for (const uint32_t input : node.inputs()) inputs.push_back(rewriter.Resolve(input));
      STRATA_ASSIGN_OR_RETURN(
          const std::vector<ValueId> made,
          rewriter.Make(node.origin(), [&](Builder& b) -> absl::StatusOr<std::vector<ValueId>> {
            std::vector<ValueId> results = Expansion(b, call, inputs).Run();
            STRATA_RETURN_IF_ERROR(b.status());
            return results;
          }));
      for (int i = 0; i < node.outputs_size(); ++i) {
        rewriter.Replace(node.outputs(i), made[static_cast<size_t>(i)]);
      }
    }
    return rewriter.Finish(graph);
  }
};

}  // namespace

std::unique_ptr<Pass> CreateAttentionExpansion() { return std::make_unique<AttentionExpansion>(); }

}  // namespace strata::compiler
