#include "compiler/codegen/test_graphs.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::compiler::testing_graphs {

using graph::Attr;
using graph::Attributes;
using graph::Builder;
using graph::Graph;
using graph::Shape;
using graph::ValueId;

namespace {

ValueId InputOf(Builder& b, const std::string& name, const Shape& shape) {
  return b.Input(name, {chips::F32, shape}, graph::DATA);
}

// The nodes that `op` decomposes into.
std::vector<ValueId> Decompose(Builder& b, const std::string& op,
                               const std::vector<ValueId>& inputs, const Attributes& attributes) {
  graph::Node node;
  node.set_op(op);
  graph::SetAttributes(attributes, &node);
  graph::OpCall call{&node, {}, {}};
  for (ValueId input : inputs) call.inputs.push_back(b.type(input));
  const graph::OpDef& def = **graph::OpRegistry::Get().Lookup(op);
  call.outputs = *graph::InferTypes(def, call);
  return *def.decompose(b, call, inputs);
}

}  // namespace

Graph Decomposed(const std::string& op, const std::vector<Shape>& shapes,
                 const Attributes& attributes) {
  Builder b(op);
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < shapes.size(); ++i)
    inputs.push_back(InputOf(b, absl::StrCat("x", i), shapes[i]));
  const std::vector<ValueId> outputs = Decompose(b, op, inputs, attributes);
  for (size_t i = 0; i < outputs.size(); ++i) b.Output(outputs[i], absl::StrCat("y", i));
  return *std::move(b).Build();
}

Graph Softmax(int64_t rows, int64_t columns) { return Decomposed("softmax", {{rows, columns}}); }

Graph LayerNorm(int64_t rows, int64_t columns) {
  return Decomposed("layer_norm", {{rows, columns}, {columns}, {columns}},
                    {{"epsilon", Attr(1e-5)}});
}

Graph BiasGelu(int64_t rows, int64_t columns, bool approximate) {
  Builder b("bias_gelu");
  const ValueId x = InputOf(b, "x", {rows, columns}), bias = InputOf(b, "bias", {columns});
  b.Output(
      Decompose(b, "gelu", {b.Apply("add", {x, bias})}, {{"approximate", Attr(approximate)}})[0],
      "y");
  return *std::move(b).Build();
}

Graph ColumnSums(int64_t rows, int64_t columns) {
  Builder b("column_sums");
  const ValueId dx = InputOf(b, "dx", {rows, columns}), x = InputOf(b, "x", {rows, columns});
  const ValueId mean = InputOf(b, "mean", {rows, 1}), rstd = InputOf(b, "rstd", {rows, 1});
  const ValueId scale = InputOf(b, "scale", {});
  const ValueId dy = b.Apply("mul", {dx, scale});
  const ValueId normalized = b.Apply("mul", {b.Apply("sub", {x, mean}), rstd});
  const Attributes rows_away = {{"axes", Attr(std::vector<int64_t>{0})}};
  b.Output(dy, "dy");
  b.Output(b.Apply("reduce_sum", {b.Apply("mul", {dy, normalized})}, rows_away), "dgamma");
  b.Output(b.Apply("reduce_sum", {dy}, rows_away), "dbeta");
  return *std::move(b).Build();
}

void AddFusion(const Graph& region, const std::string& name, Builder* b) {
  std::vector<ValueId> inputs;
  for (const auto& input : region.inputs()) {
    const graph::Value& value = region.values(static_cast<int>(input.value()));
    inputs.push_back(
        b->Input(absl::StrCat(name, ".", value.name()), graph::TypeOf(value), graph::DATA));
  }
  const std::vector<ValueId> outputs =
      b->ApplyMulti("fusion", inputs, {{"kind", Attr("test")}}, {region});
  for (size_t i = 0; i < outputs.size(); ++i) b->Output(outputs[i], absl::StrCat(name, ".", i));
}

Graph Fused(const Graph& region) {
  Builder b("fused");
  AddFusion(region, "f", &b);
  return *std::move(b).Build();
}

}  // namespace strata::compiler::testing_graphs
