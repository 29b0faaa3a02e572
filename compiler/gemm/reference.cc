#include "compiler/gemm/reference.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/gemm/emit.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::Shape;
using graph::ValueId;

// One operand: lines (rows of A, columns of B) of K terms, in panels of `lines` side by side.
struct Operand {
  int64_t count;  // of lines
  int64_t terms;  // K
  int64_t lines;  // of a panel
  bool along;     // stored [count, terms], else [terms, count]
  chips::DType dtype;
  PackedShape packed;

  int64_t pair() const { return dtype == chips::BF16 ? 2 : 1; }
  Shape stored() const { return along ? Shape{count, terms} : Shape{terms, count}; }
  Shape packed_dims() const {
    Shape dims = {packed.panels, packed.words, packed.width};
    if (pair() == 2) dims.push_back(2);
    return dims;
  }
};

Operand OperandA(const GemmProblem& p, const GemmConfig& c) {
  return {p.M, p.K, c.rows, !p.transpose_a, p.dtype, PackedA(p, c)};
}
Operand OperandB(const GemmProblem& p, const GemmConfig& c) {
  return {p.N, p.K, c.columns(), p.transpose_b, p.dtype, PackedB(p, c)};
}

ValueId Reshape(Builder& b, ValueId x, const Shape& dims) {
  return b.Apply("reshape", {x}, {{"dims", Attr(dims)}});
}
ValueId Transpose(Builder& b, ValueId x, const std::vector<int64_t>& permutation) {
  return b.Apply("transpose", {x}, {{"permutation", Attr(permutation)}});
}
ValueId PadTo(Builder& b, ValueId x, int64_t axis, int64_t size) {
  const int64_t now = b.type(x).dims()[static_cast<size_t>(axis)];
  if (now == size) return x;
  return b.Apply("pad", {x},
                 {{"axis", Attr(axis)}, {"before", Attr(int64_t{0})}, {"after", Attr(size - now)}});
}
ValueId CutTo(Builder& b, ValueId x, int64_t axis, int64_t size) {
  if (b.type(x).dims()[static_cast<size_t>(axis)] == size) return x;
  return b.Apply("slice", {x},
                 {{"axis", Attr(axis)}, {"start", Attr(int64_t{0})}, {"limit", Attr(size)}});
}

// [panel, word, line, half of a word] <-> [panel, line, word, half].
const std::vector<int64_t>& SwapLinesAndWords() {
  static const auto* swap = new std::vector<int64_t>{0, 2, 1, 3};
  return *swap;
}

absl::StatusOr<Graph> PackReference(const Operand& o) {
  Builder b("pack");
  ValueId x = b.Input("x", {o.dtype, o.stored()}, graph::DATA);
  if (!o.along) x = Transpose(b, x, {1, 0});
  x = PadTo(b, x, 0, o.packed.panels * o.lines);
  x = PadTo(b, x, 1, o.packed.words * o.pair());
  x = Reshape(b, x, {o.packed.panels, o.lines, o.packed.words, o.pair()});
  x = PadTo(b, Transpose(b, x, SwapLinesAndWords()), 2, o.packed.width);
  b.Output(Reshape(b, x, o.packed_dims()), "packed");
  return std::move(b).Build();
}

// As it was before it was packed.
ValueId Unpack(Builder& b, ValueId x, const Operand& o) {
  x = Reshape(b, x, {o.packed.panels, o.packed.words, o.packed.width, o.pair()});
  x = Transpose(b, CutTo(b, x, 2, o.lines), SwapLinesAndWords());
  x = Reshape(b, x, {o.packed.panels * o.lines, o.packed.words * o.pair()});
  x = CutTo(b, CutTo(b, x, 0, o.count), 1, o.terms);
  return o.along ? x : Transpose(b, x, {1, 0});
}

}  // namespace

absl::StatusOr<Graph> PackAReference(const GemmProblem& problem, const GemmConfig& config) {
  return PackReference(OperandA(problem, config));
}

absl::StatusOr<Graph> PackBReference(const GemmProblem& problem, const GemmConfig& config) {
  return PackReference(OperandB(problem, config));
}

absl::StatusOr<Graph> MultiplyReference(const GemmProblem& problem, const GemmConfig& config,
                                        const Graph& region, const MultiplyOperands& operands) {
  Builder b("multiply");
  const auto type_of = [&](int input) {
    return graph::TypeOf(region.values(static_cast<int>(region.inputs(input).value())));
  };
  std::vector<ValueId> values(static_cast<size_t>(region.inputs_size()), graph::kNoValue);
  const auto at = [&](int input) -> ValueId& { return values[static_cast<size_t>(input)]; };
  const auto unpacked = [&](int input, const char* name, const Operand& o) {
    const ValueId packed = b.Input(name, {o.dtype, o.packed_dims()}, graph::DATA);
    at(input) = Reshape(b, Unpack(b, packed, o), type_of(input).shape);
  };
  unpacked(operands.a, "a", OperandA(problem, config));
  if (config.pack_b_first) {
    unpacked(operands.b, "b", OperandB(problem, config));
  } else {
    at(operands.b) = b.Input("b", type_of(operands.b), graph::DATA);
  }
  for (int input : operands.inputs) {
    const ValueId operand = b.Input(absl::StrCat("in", input), type_of(input), graph::DATA);
    if (at(input) == graph::kNoValue) at(input) = operand;
  }
  STRATA_RETURN_IF_ERROR(b.status());
  const std::vector<ValueId> results =
      b.ApplyMulti("fusion", values, {{"kind", Attr("product")}}, {region});
  STRATA_RETURN_IF_ERROR(b.status());
  for (int output : operands.outputs)
    b.Output(results[static_cast<size_t>(output)], absl::StrCat("out", output));
  return std::move(b).Build();
}

}  // namespace strata::compiler
