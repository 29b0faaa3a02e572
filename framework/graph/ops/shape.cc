// reshape, transpose and after: the same elements, under other dims, in another order, or not before something else.
#include <algorithm>
#include <cstring>

#include "framework/graph/ops/families.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

// An element count that may hold symbols: number * product of symbols (sorted).
struct Count {
  int64_t number = 1;
  std::vector<std::string> symbols;
  bool overflow = false;

  explicit Count(const Shape& shape) {
    for (const Size& size : shape) {
      if (size.is_symbol()) symbols.push_back(size.symbol());
    }
    for (const Size& size : shape) {
      if (size.is_symbol()) continue;
      if (size.size() == 0) {  // whatever the rest is
        number = 0;
        overflow = false;
        symbols.clear();
        return;
      }
      overflow = __builtin_mul_overflow(number, size.size(), &number) || overflow;
    }
    std::sort(symbols.begin(), symbols.end());
  }
  bool operator==(const Count& other) const = default;
};

TypesOr InferReshape(const OpCall& call) {
  STRATA_ASSIGN_OR_RETURN(Shape dims, DimsOf(call));
  const Count from(call.inputs[0].shape), to(dims);
  if (from.overflow || to.overflow || !(from == to)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "dims ", ToString(dims), " are not as many elements as ", ToString(call.inputs[0].shape)));
  }
  return std::vector<TensorType>{{call.inputs[0].dtype, std::move(dims)}};
}

absl::Status ReshapeReference(const OpCall&, absl::Span<const HostTensor> in,
                              absl::Span<HostTensor> out) {
  if (out[0].size_bytes() > 0) std::memcpy(out[0].raw(), in[0].raw(), out[0].size_bytes());
  return absl::OkStatus();
}

ValuesOr ReshapeGradient(GradientContext& c) {
  return std::vector<ValueId>{Reshape(c.builder, c.output_gradients[0], c.call.inputs[0].shape)};
}

absl::StatusOr<std::vector<size_t>> PermutationOf(const OpCall& call) {
  const size_t rank = call.inputs[0].shape.size();
  const std::vector<int64_t> permutation = call.attrs().Ints("permutation");
  std::vector<bool> seen(rank, false);
  std::vector<size_t> result;
  for (int64_t axis : permutation) {
    if (axis < 0 || axis >= static_cast<int64_t>(rank) || seen[static_cast<size_t>(axis)]) break;
    seen[static_cast<size_t>(axis)] = true;
    result.push_back(static_cast<size_t>(axis));
  }
  if (permutation.size() == rank && result.size() == rank) return result;
  return absl::InvalidArgumentError(absl::StrCat("permutation: must hold each of 0 to ",
                                                 static_cast<int64_t>(rank) - 1, " once"));
}

TypesOr InferTranspose(const OpCall& call) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> permutation, PermutationOf(call));
  TensorType type{call.inputs[0].dtype, {}};
  for (size_t axis : permutation) type.shape.push_back(call.inputs[0].shape[axis]);
  return std::vector<TensorType>{std::move(type)};
}

// y[i0, i1, ...] = x[j0, j1, ...] with j[permutation[d]] = i[d].
absl::Status TransposeReference(const OpCall& call, absl::Span<const HostTensor> in,
                                absl::Span<HostTensor> out) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> permutation, PermutationOf(call));
  const size_t size = chips::SizeOf(in[0].dtype());
  Dims from(permutation.size());
  for (Index at(out[0].dims()); at.more(); at.Next()) {
    for (size_t d = 0; d < from.size(); ++d) from[permutation[d]] = at.index()[d];
    std::memcpy(out[0].data<char>() + at.offset() * size,
                in[0].data<char>() + Offset(from, in[0].dims()) * size, size);
  }
  return absl::OkStatus();
}

ValuesOr TransposeGradient(GradientContext& c) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<size_t> permutation, PermutationOf(c.call));
  std::vector<int64_t> inverse(permutation.size());
  for (size_t d = 0; d < permutation.size(); ++d) inverse[permutation[d]] = static_cast<int64_t>(d);
  return std::vector<ValueId>{
      c.builder.Apply("transpose", {c.output_gradients[0]}, {{"permutation", Attr(inverse)}})};
}

TypesOr InferAfter(const OpCall& call) { return std::vector<TensorType>{call.inputs[0]}; }

ValuesOr AfterGradient(GradientContext& c) {
  return std::vector<ValueId>{c.output_gradients[0], kNoValue};
}

}  // namespace

void RegisterShapeOps(OpRegistry& registry) {
  OpDef reshape;
  reshape.name = "reshape";
  reshape.summary = "the elements of x under other dims, in the same order";
  reshape.op_class = OpClass::kView;
  reshape.min_inputs = reshape.max_inputs = 1;
  reshape.attributes = {{"dims", AttrKind::kDims}};
  reshape.infer = InferReshape;
  reshape.reference = ReshapeReference;
  reshape.gradient = ReshapeGradient;
  registry.Add(std::move(reshape));

  OpDef transpose;
  transpose.name = "transpose";
  transpose.summary = "dim d of the result is dim permutation[d] of x";
  transpose.op_class = OpClass::kMovement;
  transpose.min_inputs = transpose.max_inputs = 1;
  transpose.attributes = {{"permutation", AttrKind::kInts}};
  transpose.infer = InferTranspose;
  transpose.reference = TransposeReference;
  transpose.gradient = TransposeGradient;
  registry.Add(std::move(transpose));

  // What reads the result cannot be moved before what makes `event`, nor be taken for the same as what reads x itself:
  // recomputation for a backward pass stays in the backward pass.
  OpDef after;
  after.name = "after";
  after.summary = "x, event -> x, but not before event has been made";
  after.op_class = OpClass::kView;
  after.min_inputs = after.max_inputs = 2;
  after.infer = InferAfter;
  after.reference = ReshapeReference;
  after.gradient = AfterGradient;
  registry.Add(std::move(after));
}

}  // namespace strata::graph
