#include "compiler/pass/written_attention.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Shape;
using graph::ValueId;
using Mask = WrittenAttention::Mask;
using Softmax = WrittenAttention::Softmax;
using Scale = WrittenAttention::Scale;

class Writer {
 public:
  Writer(Builder& b, const WrittenAttention& how) : b_(b), how_(how) {}

  WrittenValues Write() {
    WrittenValues w{};
    const int64_t kv_heads = how_.heads / how_.group;
    w.q = Input("q", how_.queries, how_.heads);
    w.k = Input("k", how_.keys, kv_heads);
    w.v = Input("v", how_.keys, kv_heads);
    ValueId q = Operand(w.q, how_.queries, how_.heads), k = Operand(w.k, how_.keys, kv_heads),
            v = Operand(w.v, how_.keys, kv_heads);
    const double factor = 1 / std::sqrt(static_cast<double>(how_.width));
    if (how_.scale == Scale::kQuery) q = b_.Apply("mul", {q, Number(factor)});
    w.scores = Product(q, k);
    ValueId x = w.scores;
    if (how_.scale == Scale::kMul) x = b_.Apply("mul", {x, Number(factor)});
    if (how_.scale == Scale::kDiv) {
      const ValueId root = b_.Apply("sqrt", {Number(static_cast<double>(how_.width))});
      x = b_.Apply("div", {x, root});
    }
    x = Masked(x);
    if (how_.scale == Scale::kAfterMask) x = b_.Apply("mul", {Number(factor), x});
    w.probabilities = Normalised(x);
    w.out = Result(b_.Apply("matmul", {w.probabilities, v}));
    return w;
  }

 private:
  ValueId Number(double value) { return b_.Constant(value, chips::F32); }
  ValueId Reshape(ValueId x, const Shape& dims) {
    return b_.Apply("reshape", {x}, {{"dims", Attr(dims)}});
  }
  ValueId Transpose(ValueId x, const std::vector<int64_t>& permutation) {
    return b_.Apply("transpose", {x}, {{"permutation", Attr(permutation)}});
  }

  ValueId Input(const std::string& name, int64_t rows, int64_t heads) {
    Shape shape = {how_.batch, heads, rows, how_.width};
    if (how_.rank == 2) shape = {rows, how_.width};
    if (how_.rank == 3) shape = {how_.batch * heads, rows, how_.width};
    if (how_.rank > 2 && how_.from_heads) shape = {how_.batch, rows, heads, how_.width};
    return b_.Input(name, {chips::F32, shape}, graph::PARAMETER);
  }

  ValueId Operand(ValueId x, int64_t rows, int64_t heads) {
    if (how_.rank == 2) return x;
    if (how_.from_heads) x = Transpose(x, {0, 2, 1, 3});
    if (heads != how_.heads) {
      x = Reshape(x, {how_.batch, heads, 1, rows, how_.width});
      x = b_.Apply("broadcast_to", {x},
                   {{"dims", Attr(Shape{how_.batch, heads, how_.group, rows, how_.width})}});
      x = Reshape(x, {how_.batch, how_.heads, rows, how_.width});
    }
    if (how_.rank == 3 && how_.from_heads)
      x = Reshape(x, {how_.batch * how_.heads, rows, how_.width});
    return x;
  }

  ValueId Product(ValueId q, ValueId k) {
    if (!how_.copy_keys) return b_.Apply("matmul", {q, k}, {{"transpose_b", Attr(true)}});
    std::vector<int64_t> swap;
    for (int d = 0; d < how_.rank; ++d) swap.push_back(d);
    std::swap(swap[swap.size() - 1], swap[swap.size() - 2]);
    return b_.Apply("matmul", {q, Transpose(k, swap)});
  }

  ValueId Iota(const Shape& dims, int64_t axis) {
    return b_.Apply("iota", {},
                    {{"axis", Attr(axis)}, {"dims", Attr(dims)}, {"dtype", Attr(chips::I32)}});
  }

  // j <= i + keys - queries, [queries, keys].
  ValueId Visible() {
    const Shape dims = {how_.queries, how_.keys};
    const int64_t reach = how_.keys - how_.queries + (how_.mask == Mask::kLate ? 1 : 0);
    const ValueId last =
        b_.Apply("add", {Iota(dims, 0), b_.Constant(static_cast<double>(reach), chips::I32)});
    return b_.Apply("less_equal", {Iota(dims, 1), last});
  }

  // The same, cut out of a mask of more rows and columns.
  ValueId VisibleSlice() {
    const int64_t all = how_.keys + 3, first = how_.keys - how_.queries;
    const Shape dims = {1, 1, all, all};
    const ValueId visible = b_.Apply("less_equal", {Iota(dims, 3), Iota(dims, 2)});
    const ValueId rows = b_.Apply(
        "slice", {visible},
        {{"axis", Attr(2)}, {"start", Attr(first)}, {"limit", Attr(first + how_.queries)}});
    return b_.Apply("slice", {rows},
                    {{"axis", Attr(3)}, {"start", Attr(0)}, {"limit", Attr(how_.keys)}});
  }

  // Row b of the batch sees keys up to i + b.
  ValueId VisiblePerRow() {
    const Shape dims = {how_.batch, 1, how_.queries, how_.keys};
    const ValueId last = b_.Apply("add", {Iota(dims, 2), Iota(dims, 0)});
    return b_.Apply("less_equal", {Iota(dims, 3), last});
  }

  ValueId Masked(ValueId x) {
    const double infinity = std::numeric_limits<double>::infinity();
    switch (how_.mask) {
      case Mask::kNone:
        return x;
      case Mask::kSelect:
      case Mask::kLate:
        return b_.Apply("select", {Visible(), x, Number(-infinity)});
      case Mask::kWeak:
        return b_.Apply("select", {Visible(), x, Number(-1)});
      case Mask::kSelectHidden: {
        const Shape dims = {how_.queries, how_.keys};
        const ValueId last = b_.Apply(
            "add", {Iota(dims, 0),
                    b_.Constant(static_cast<double>(how_.keys - how_.queries), chips::I32)});
        const ValueId hidden = b_.Apply("less", {last, Iota(dims, 1)});
        return b_.Apply("select", {hidden, Number(-1e9), x});
      }
      case Mask::kAdd:
        return b_.Apply("add", {x, b_.Apply("select", {Visible(), Number(0), Number(-1e30)})});
      case Mask::kArithmetic: {
        const ValueId kept = b_.Apply("cast", {Visible()}, {{"dtype", Attr(chips::F32)}});
        const ValueId hidden = b_.Apply("sub", {Number(1), kept});
        return b_.Apply("sub", {x, b_.Apply("mul", {hidden, Number(1e9)})});
      }
      case Mask::kSlice:
        return b_.Apply("select", {VisibleSlice(), x, Number(-infinity)});
      case Mask::kPerRow:
        return b_.Apply("select", {VisiblePerRow(), x, Number(-infinity)});
      case Mask::kInput: {
        const ValueId mask = b_.Input("mask", {chips::F32, {how_.queries, how_.keys}}, graph::DATA);
        return b_.Apply("add", {x, mask});
      }
    }
    return x;
  }

  ValueId Reduce(const char* op, ValueId x, int64_t axis) {
    return b_.Apply(op, {x},
                    {{"axes", Attr(std::vector<int64_t>{axis})}, {"keep_dims", Attr(true)}});
  }

  ValueId Normalised(ValueId x) {
    if (how_.softmax == Softmax::kOp) return b_.Apply("softmax", {x});
    const int64_t axis = how_.softmax == Softmax::kOtherAxis ? how_.rank - 2 : how_.rank - 1;
    const ValueId e = b_.Apply("exp", {b_.Apply("sub", {x, Reduce("reduce_max", x, axis)})});
    const ValueId sum = Reduce("reduce_sum", e, axis);
    if (how_.softmax == Softmax::kReciprocal)
      return b_.Apply("mul", {e, b_.Apply("reciprocal", {sum})});
    return b_.Apply("div", {e, sum});
  }

  ValueId Result(ValueId x) {
    if (how_.rank == 3 && how_.from_heads)
      x = Reshape(x, {how_.batch, how_.heads, how_.queries, how_.width});
    return how_.rank > 2 && how_.from_heads ? Transpose(x, {0, 2, 1, 3}) : x;
  }

  Builder& b_;
  const WrittenAttention& how_;
};

}  // namespace

std::string WrittenAttention::Name() const {
  return absl::StrCat("mask", static_cast<int>(mask), "_softmax", static_cast<int>(softmax),
                      "_scale", static_cast<int>(scale), "_rank", rank, from_heads ? "_heads" : "",
                      copy_keys ? "_copy" : "", "_group", group, "_", queries, "x", keys);
}

WrittenValues WriteAttention(Builder& b, const WrittenAttention& how) {
  return Writer(b, how).Write();
}

}  // namespace strata::compiler
