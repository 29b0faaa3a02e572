#include "distributed/partition/local_ops.h"

#include <algorithm>
#include <string>

#include "distributed/partition/ring_attention.h"
#include "framework/graph/ops/emit.h"

namespace strata::distributed {
namespace {

using graph::Attr;
using graph::Attributes;
using graph::Builder;
using graph::Emit;
using graph::Shape;
using graph::ValueId;
using ValuesOr = absl::StatusOr<std::vector<ValueId>>;

class Lowering {
 public:
  Lowering(Builder& builder, Resharder& resharder, const Mesh& mesh, const LocalCall& call)
      : b_(builder), resharder_(resharder), mesh_(mesh), call_(call), op_(call.global.node->op()) {}

  ValuesOr Run() {
    const AxisList ring_axes = Over(Across::kRing);
    if (!ring_axes.empty()) {
      const Ring ring = {b_, resharder_, ring_axes[0], mesh_.Size(ring_axes),
                         GetAttributes(*call_.global.node)};
      return op_ == "attention" ? RingAttention(ring, call_.inputs)
                                : RingAttentionGradient(ring, call_.inputs);
    }
    if (!Over(Across::kCount).empty()) return Iota();
    const AxisList own = OwnAxes();
    if (own.empty()) return Plain();
    if (op_ == "embedding") return Embedding(own);
    if (op_ == "embedding_gradient") return EmbeddingGradient(own);
    if (op_ == "cross_entropy") return CrossEntropy(own);
    if (op_ == "cross_entropy_gradient") return CrossEntropyGradient(own);
    return absl::InternalError(absl::StrCat(op_, ": has a factor of its own and no lowering"));
  }

 private:
  // Axes of the cut factors that the op deals with itself.
  AxisList OwnAxes() const {
    for (size_t f = 0; f < call_.plan.axes.size(); ++f) {
      const Across across = call_.plan.rule.factors[f].across;
      if ((across == Across::kOwn || across == Across::kOwnSum) && !call_.plan.axes[f].empty())
        return call_.plan.axes[f];
    }
    return {};
  }

  // Ranks over which factors of this kind are cut, but for those that the result carries.
  AxisList Over(Across across) const {
    AxisList axes;
    for (size_t f = 0; f < call_.plan.axes.size(); ++f) {
      if (call_.plan.rule.factors[f].across == across)
        axes.insert(axes.end(), call_.plan.axes[f].begin(), call_.plan.axes[f].end());
    }
    return axes;
  }

  Shape LocalOutput(size_t o) const {
    return LocalShape(call_.global.outputs[o].shape, call_.plan.outputs[o], mesh_);
  }

  Attributes LocalAttributes() const {
    Attributes attributes = GetAttributes(*call_.global.node);
    if (attributes.count("dims") > 0) attributes["dims"] = Attr(LocalOutput(0));
    return attributes;
  }

  // The same op on the pieces.
  ValuesOr Plain() {
    const graph::Node& node = *call_.global.node;
    std::vector<ValueId> outputs = b_.ApplyMulti(op_, call_.inputs, LocalAttributes(),
                                                 {node.regions().begin(), node.regions().end()});
    STRATA_RETURN_IF_ERROR(b_.status());
    const AxisList mean = Over(Across::kMean), max = Over(Across::kMax);
    for (ValueId& y : outputs) {
      if (!mean.empty()) {
        const double share = 1.0 / static_cast<double>(mesh_.Size(mean));
        y = b_.Apply("mul", {y, b_.Constant(share, b_.type(y).dtype)});
      }
      if (!max.empty()) y = resharder_.AllReduce(y, max, "max");
    }
    return outputs;
  }

  // The count along the cut dim, cut as the dim is, spread over the others.
  ValuesOr Iota() {
    const graph::TensorType& type = call_.global.outputs[0];
    const int64_t axis = call_.global.attrs().Int("axis");
    const size_t counted = static_cast<size_t>(axis < 0 ? axis + type.rank() : axis);
    if (type.shape[counted].is_symbol()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "iota: counts along '", type.shape[counted].symbol(),
          "', which is cut; a rank cannot tell where its piece begins: bind the symbol first"));
    }
    ValueId count = b_.Apply("iota", {},
                             {{"dtype", Attr(type.dtype)},
                              {"dims", Attr(Shape{type.shape[counted]})},
                              {"axis", Attr(0)}});
    const Sharding cut = {{call_.plan.outputs[0].dims[counted]}, {}};
    for (const ReshardStep& step : PlanReshard(Replicated(1), cut, mesh_))
      count = resharder_.Step(count, step);
    const Shape local = LocalOutput(0);
    Shape column(local.size(), graph::Size(1));
    column[counted] = local[counted];
    count = b_.Apply("reshape", {count}, {{"dims", Attr(column)}});
    return std::vector<ValueId>{b_.Apply("broadcast_to", {count}, {{"dims", Attr(local)}})};
  }

  // ---- Vocabulary-parallel ops: rows [offset, offset + rows) of the vocabulary are this rank's.

  struct LocalIds {
    ValueId ids;     // within the rank's rows; those of other ranks are clamped to the nearest
    ValueId inside;  // bool: the id is one of this rank's
  };

  LocalIds ToLocal(ValueId ids, const AxisList& axes, int64_t rows) {
    Emit e(b_, chips::I32);
    const ValueId offset =
        b_.Apply("mul", {resharder_.RankIndex(axes), e.Scalar(static_cast<double>(rows))});
    const ValueId shifted = e.Sub(ids, offset);
    const ValueId below = b_.Apply("min", {shifted, e.Scalar(static_cast<double>(rows - 1))});
    const ValueId clamped = b_.Apply("max", {below, e.Scalar(0)});
    return {clamped, b_.Apply("equal", {clamped, shifted})};
  }

  Shape WithColumn(ValueId x) const {
    Shape shape = b_.type(x).shape;
    shape.push_back(1);
    return shape;
  }

  ValueId Zero(ValueId like) { return b_.Constant(0, b_.type(like).dtype); }

  // Rows of other ranks' ids are zeros here, and theirs there: the sum over ranks is the look-up.
  ValuesOr Embedding(const AxisList& axes) {
    const ValueId table = call_.inputs[0], ids = call_.inputs[1];
    const LocalIds local = ToLocal(ids, axes, b_.type(table).shape[0].size());
    const ValueId rows = b_.Apply("embedding", {table, local.ids});
    const ValueId inside =
        b_.Apply("reshape", {local.inside}, {{"dims", Attr(WithColumn(local.inside))}});
    return std::vector<ValueId>{b_.Apply("select", {inside, rows, Zero(rows)})};
  }

  ValuesOr EmbeddingGradient(const AxisList& axes) {
    const ValueId ids = call_.inputs[0], dout = call_.inputs[1];
    const LocalIds local = ToLocal(ids, axes, LocalOutput(0)[0].size());
    const ValueId inside =
        b_.Apply("reshape", {local.inside}, {{"dims", Attr(WithColumn(local.inside))}});
    const ValueId mine = b_.Apply("select", {inside, dout, Zero(dout)});
    return std::vector<ValueId>{
        b_.Apply("embedding_gradient", {local.ids, mine}, LocalAttributes())};
  }

  // lse = log of the sum over ranks of exp(lse of the rank); the target's logit comes from the rank that has it.
  ValuesOr CrossEntropy(const AxisList& axes) {
    const ValueId logits = call_.inputs[0], targets = call_.inputs[1];
    const LocalIds local = ToLocal(targets, axes, b_.type(logits).shape.back().size());
    const ValueId none = b_.Constant(-1, chips::I32);
    const ValueId mine = b_.Apply("select", {local.inside, local.ids, none});
    const std::vector<ValueId> part = b_.ApplyMulti("cross_entropy", {logits, mine});
    STRATA_RETURN_IF_ERROR(b_.status());
    Emit e(b_, b_.type(part[1]).dtype);
    const ValueId top = resharder_.AllReduce(part[1], axes, "max");
    const ValueId sum = resharder_.AllReduce(e.Unary("exp", e.Sub(part[1], top)), axes);
    const ValueId lse = e.Add(top, e.Unary("log", sum));
    const ValueId zero = e.Scalar(0);
    const ValueId logit = resharder_.AllReduce(
        b_.Apply("select", {local.inside, e.Sub(part[1], part[0]), zero}), axes);
    const ValueId ignored = b_.Apply("less", {targets, b_.Constant(0, chips::I32)});
    return std::vector<ValueId>{b_.Apply("select", {ignored, zero, e.Sub(lse, logit)}), lse};
  }

  // (exp(logits - lse) - onehot(target)) dloss, each rank for its columns.
  ValuesOr CrossEntropyGradient(const AxisList& axes) {
    const ValueId logits = call_.inputs[0], targets = call_.inputs[1], lse = call_.inputs[2],
                  dloss = call_.inputs[3];
    const graph::DType dtype = b_.type(logits).dtype;
    const graph::Size columns = b_.type(logits).shape.back();
    Emit e(b_, b_.type(lse).dtype);
    const Shape column = WithColumn(lse);
    const LocalIds local = ToLocal(targets, axes, columns.size());
    const ValueId none = b_.Constant(-1, chips::I32);
    const ValueId target = e.Reshape(b_.Apply("select", {local.inside, local.ids, none}), column);
    const ValueId classes =
        b_.Apply("iota", {},
                 {{"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{columns})}, {"axis", Attr(0)}});
    const ValueId onehot = e.Cast(b_.Apply("equal", {target, classes}));
    const ValueId softmax = e.Unary("exp", e.Sub(e.Cast(logits), e.Reshape(lse, column)));
    const ValueId ignored = b_.Apply("less", {targets, b_.Constant(0, chips::I32)});
    const ValueId share = e.Reshape(b_.Apply("select", {ignored, e.Scalar(0), dloss}), column);
    return std::vector<ValueId>{e.Cast(e.Mul(e.Sub(softmax, onehot), share), dtype)};
  }

  Builder& b_;
  Resharder& resharder_;
  const Mesh& mesh_;
  const LocalCall& call_;
  const std::string op_;
};

}  // namespace

ValuesOr LowerNode(Builder& builder, Resharder& resharder, const Mesh& mesh,
                   const LocalCall& call) {
  STRATA_ASSIGN_OR_RETURN(std::vector<ValueId> outputs,
                          Lowering(builder, resharder, mesh, call).Run());
  STRATA_RETURN_IF_ERROR(builder.status());
  for (size_t o = 0; o < outputs.size(); ++o) {
    const Shape want = LocalShape(call.global.outputs[o].shape, call.plan.outputs[o], mesh);
    if (builder.type(outputs[o]).shape == want) continue;
    return absl::InternalError(absl::StrCat(call.global.node->op(), ": result ", o,
                                            " of a rank is ", builder.type(outputs[o]).ToString(),
                                            ", not ", ToString(want)));
  }
  return outputs;
}

}  // namespace strata::distributed
