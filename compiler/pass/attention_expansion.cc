#include "compiler/pass/attention_expansion.h"

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

// Stands for the maximum of a row that sees nothing, so that exp(-inf - m) is 0.
constexpr double kLowest = std::numeric_limits<float>::lowest();
constexpr double kTiny = 1e-30;  // no sum of a row that sees a key is so small: it has an exp(0)

class Expansion {
 public:
  Expansion(Builder& builder, const graph::OpCall& call, const std::vector<ValueId>& inputs)
      : b_(builder),
        inputs_(inputs),
        dtype_(call.inputs[0].dtype),
        wide_(dtype_ == chips::F64 ? chips::F64 : chips::F32),
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
    const bool start = inputs_.size() > 3;
    const bool blind = S == 0 || (causal_ && (start || T > S));  // a query may see no key
    ValueId scores = Mul(Scores(), Scalar(scale_));              // [B, H, T, S]
    if (causal_ && (start || T > 1)) {
      scores =
          b_.Apply("select", {Visible(), scores, Scalar(-std::numeric_limits<double>::infinity())});
    }
    ValueId top = ReduceLast("reduce_max", scores);
    if (blind) top = b_.Apply("max", {top, Scalar(kLowest)});
    const ValueId weights = b_.Apply("exp", {b_.Apply("sub", {scores, top})});
    const ValueId sum = ReduceLast("reduce_sum", weights);
    const ValueId divisor = blind ? b_.Apply("max", {sum, Scalar(kTiny)}) : sum;
    const ValueId p = Mul(weights, b_.Apply("reciprocal", {divisor}));
    const ValueId lse = b_.Apply("add", {top, b_.Apply("log", {sum})});
    return {Cast(Mixed(p), dtype_), Reshape(lse, {B, H, T})};
  }

 private:
  ValueId Scalar(double value) { return b_.Constant(value, wide_); }
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

  ValueId Mixed(ValueId p) {
    const ValueId v = SwapHeads(Cast(inputs_[2], wide_));
    const ValueId heads = b_.Apply("matmul", {Reshape(p, Grouped(S)), v});
    return SwapHeads(Reshape(heads, {B, H, T, D}));
  }

  // Key j is seen by query i: [T, S], or [B, 1, T, S] with starts.
  ValueId Visible() {
    const ValueId first = inputs_.size() > 3 ? Reshape(inputs_[3], {B, 1, 1, 1})
                                             : b_.Constant(static_cast<double>(S - T), chips::I32);
    return b_.Apply("less_equal", {Iota({S}), b_.Apply("add", {Iota({T, 1}), first})});
  }

  Builder& b_;
  const std::vector<ValueId>& inputs_;
  const chips::DType dtype_, wide_;
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
