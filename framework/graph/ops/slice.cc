// Cutting and joining along one axis: slice, pad, concat.
#include <cstring>

#include "framework/graph/ops/families.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

// An array seen along one axis: `outer` rows of `extent` pieces of `inner_bytes`.
struct AxisView {
  AxisView(const HostTensor& tensor, size_t axis)
      : outer(Product(tensor.dims(), 0, axis)),
        extent(tensor.dims()[axis]),
        inner_bytes(Product(tensor.dims(), axis + 1, tensor.dims().size()) *
                    static_cast<int64_t>(chips::SizeOf(tensor.dtype()))),
        data(static_cast<char*>(tensor.raw())) {}

  char* At(int64_t row, int64_t i) const { return data + (row * extent + i) * inner_bytes; }

  int64_t outer, extent, inner_bytes;
  char* data;
};

// Copies `count` pieces of every row.
void CopyPieces(const AxisView& from, int64_t from_start, const AxisView& to, int64_t to_start,
                int64_t count) {
  const size_t bytes = static_cast<size_t>(count * from.inner_bytes);
  if (bytes == 0) return;
  for (int64_t row = 0; row < from.outer; ++row)
    std::memcpy(to.At(row, to_start), from.At(row, from_start), bytes);
}

// ---- slice

TypesOr InferSlice(const OpCall& call) {
  TensorType type = call.inputs[0];
  STRATA_ASSIGN_OR_RETURN(const size_t axis, AxisOf(call, type.rank()));
  const int64_t start = call.attrs().Int("start"), limit = call.attrs().Int("limit");
  const Size& extent = type.shape[axis];
  // A symbolic extent is checked when it gets its size.
  if (start < 0 || limit < start || (!extent.is_symbol() && limit > extent.size())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "[", start, ":", limit, ") is not a range of an axis of size ", extent.ToString()));
  }
  type.shape[axis] = limit - start;
  return std::vector<TensorType>{std::move(type)};
}

absl::Status SliceReference(const OpCall& call, absl::Span<const HostTensor> in,
                            absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(const size_t axis, AxisOf(call, in[0].rank()));
  CopyPieces(AxisView(in[0], axis), call.attrs().Int("start"), AxisView(out[0], axis), 0,
             out[0].dims()[axis]);
  return absl::OkStatus();
}

ValuesOr SliceGradient(GradientContext& c) {
  STRATA_ASSIGN_OR_RETURN(const size_t axis, AxisOf(c.call, c.call.inputs[0].rank()));
  const Size& extent = c.call.inputs[0].shape[axis];
  if (extent.is_symbol()) {
    return absl::InvalidArgumentError(
        absl::StrCat("slice: the gradient along the symbolic axis ", extent.symbol(),
                     " needs its size; bind the symbol before differentiating"));
  }
  return std::vector<ValueId>{
      c.builder.Apply("pad", {c.output_gradients[0]},
                      {{"axis", Attr(static_cast<int64_t>(axis))},
                       {"before", Attr(c.call.attrs().Int("start"))},
                       {"after", Attr(extent.size() - c.call.attrs().Int("limit"))}})};
}

// ---- pad

TypesOr InferPad(const OpCall& call) {
  TensorType type = call.inputs[0];
  STRATA_ASSIGN_OR_RETURN(const size_t axis, AxisOf(call, type.rank()));
  const int64_t before = call.attrs().Int("before"), after = call.attrs().Int("after");
  STRATA_ASSIGN_OR_RETURN(const int64_t padding, AddSizes(before, after));
  Size& extent = type.shape[axis];
  if (extent.is_symbol() && padding > 0)
    return InputFault(call, 0, "of a known size along the padded axis");
  if (!extent.is_symbol()) {
    STRATA_ASSIGN_OR_RETURN(extent, AddSizes(extent.size(), padding));
  }
  return std::vector<TensorType>{std::move(type)};
}

absl::Status PadReference(const OpCall& call, absl::Span<const HostTensor> in,
                          absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(const size_t axis, AxisOf(call, in[0].rank()));
  if (out[0].size_bytes() > 0) std::memset(out[0].raw(), 0, out[0].size_bytes());
  CopyPieces(AxisView(in[0], axis), 0, AxisView(out[0], axis), call.attrs().Int("before"),
             in[0].dims()[axis]);
  return absl::OkStatus();
}

ValuesOr PadGradient(GradientContext& c) {
  STRATA_ASSIGN_OR_RETURN(const size_t axis, AxisOf(c.call, c.call.inputs[0].rank()));
  const Size& extent = c.call.inputs[0].shape[axis];
  if (extent.is_symbol()) return std::vector<ValueId>{c.output_gradients[0]};  // nothing was padded
  const int64_t before = c.call.attrs().Int("before");
  return std::vector<ValueId>{c.builder.Apply("slice", {c.output_gradients[0]},
                                              {{"axis", Attr(static_cast<int64_t>(axis))},
                                               {"start", Attr(before)},
                                               {"limit", Attr(before + extent.size())}})};
}

// ---- concat

TypesOr InferConcat(const OpCall& call) {
  TensorType type = call.inputs[0];
  STRATA_ASSIGN_OR_RETURN(const size_t axis, AxisOf(call, type.rank()));
  for (size_t i = 1; i < call.inputs.size(); ++i) {
    const TensorType& piece = call.inputs[i];
    STRATA_RETURN_IF_ERROR(CheckSameDType(call, i, 0));
    STRATA_RETURN_IF_ERROR(CheckRank(call, i, type.rank()));
    Shape expected = type.shape;
    expected[axis] = piece.shape[axis];
    STRATA_RETURN_IF_ERROR(CheckShape(call, i, expected));
    if (piece.shape[axis].is_symbol())
      return InputFault(call, i, "of a known size along the joined axis");
    if (type.shape[axis].is_symbol())
      return InputFault(call, 0, "of a known size along the joined axis");
    STRATA_ASSIGN_OR_RETURN(type.shape[axis],
                            AddSizes(type.shape[axis].size(), piece.shape[axis].size()));
  }
  return std::vector<TensorType>{std::move(type)};
}

absl::Status ConcatReference(const OpCall& call, absl::Span<const HostTensor> in,
                             absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(const size_t axis, AxisOf(call, in[0].rank()));
  const AxisView whole(out[0], axis);
  int64_t start = 0;
  for (const HostTensor& piece : in) {
    CopyPieces(AxisView(piece, axis), 0, whole, start, piece.dims()[axis]);
    start += piece.dims()[axis];
  }
  return absl::OkStatus();
}

ValuesOr ConcatGradient(GradientContext& c) {
  STRATA_ASSIGN_OR_RETURN(const size_t axis, AxisOf(c.call, c.call.inputs[0].rank()));
  if (c.inputs.size() == 1) return std::vector<ValueId>{c.output_gradients[0]};
  std::vector<ValueId> gradients;
  int64_t start = 0;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const int64_t limit = start + c.call.inputs[i].shape[axis].size();
    gradients.push_back(!c.needs[i] ? kNoValue
                                    : c.builder.Apply("slice", {c.output_gradients[0]},
                                                      {{"axis", Attr(static_cast<int64_t>(axis))},
                                                       {"start", Attr(start)},
                                                       {"limit", Attr(limit)}}));
    start = limit;
  }
  return gradients;
}

}  // namespace

void RegisterSliceOps(OpRegistry& registry) {
  OpDef slice;
  slice.name = "slice";
  slice.summary = "x[start:limit] along axis";
  slice.op_class = OpClass::kMovement;
  slice.min_inputs = slice.max_inputs = 1;
  slice.attributes = {
      {"axis", AttrKind::kInt}, {"start", AttrKind::kInt}, {"limit", AttrKind::kInt}};
  slice.infer = InferSlice;
  slice.reference = SliceReference;
  slice.gradient = SliceGradient;
  // Only the elements that are kept are read.
  slice.work = [](const OpCall& call) {
    const double bytes = static_cast<double>(call.outputs[0].size_bytes());
    return Work{0, bytes, bytes};
  };
  registry.Add(std::move(slice));

  OpDef pad;
  pad.name = "pad";
  pad.summary = "x with `before` and `after` zeros around it along axis";
  pad.op_class = OpClass::kMovement;
  pad.min_inputs = pad.max_inputs = 1;
  pad.attributes = {
      {"axis", AttrKind::kInt}, {"before", AttrKind::kInt}, {"after", AttrKind::kInt}};
  pad.infer = InferPad;
  pad.reference = PadReference;
  pad.gradient = PadGradient;
  registry.Add(std::move(pad));

  OpDef concat;
  concat.name = "concat";
  concat.summary = "the inputs joined along axis";
  concat.op_class = OpClass::kMovement;
  concat.min_inputs = 1;
  concat.max_inputs = -1;
  concat.attributes = {{"axis", AttrKind::kInt}};
  concat.infer = InferConcat;
  concat.reference = ConcatReference;
  concat.gradient = ConcatGradient;
  registry.Add(std::move(concat));
}

}  // namespace strata::graph
