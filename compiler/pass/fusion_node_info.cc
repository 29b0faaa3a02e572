#include "compiler/pass/fusion_node_info.h"

#include <algorithm>

#include "compiler/loop/lower.h"
#include "framework/graph/attributes.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using Role = FusionNodeInfo::Role;

bool IsEmittable(const graph::Value& value) {
  return loop::IsSupported(value.dtype()) &&
         std::all_of(value.dims().begin(), value.dims().end(),
                     [](const graph::Dim& dim) { return !dim.has_symbol(); });
}

FusionDims WithoutOnes(const graph::Value& value) {
  FusionDims dims;
  for (const graph::Dim& dim : value.dims()) {
    if (dim.size() != 1) dims.push_back(dim.size());
  }
  return dims;
}

Role RoleOf(const graph::Graph& graph, const graph::Node& node) {
  if (!loop::IsLowerable(node.op()) || node.outputs_size() != 1) return Role::kOpaque;
  const auto value = [&](uint32_t id) -> const graph::Value& {
    return graph.values(static_cast<int>(id));
  };
  if (!IsEmittable(value(node.outputs(0)))) return Role::kOpaque;
  for (uint32_t id : node.inputs()) {
    if (!IsEmittable(value(id))) return Role::kOpaque;
  }
  const chips::DType dtype = value(node.outputs(0)).dtype();
  if (!chips::IsFloat(dtype) &&
      (loop::IsReductionOp(node.op()) || node.op() == "div" || node.op() == "pow")) {
    return Role::kOpaque;
  }
  if (loop::IsReductionOp(node.op())) return Role::kReduction;
  if (loop::IsSourceOp(node.op())) return Role::kSource;
  if (node.op() == "reshape") return Role::kView;
  if (node.op() == "slice") return Role::kSlice;
  if (node.op() == "broadcast_to" || loop::IsElementwiseOp(node.op())) return Role::kPointwise;
  return Role::kMove;
}

bool KeepsLast(const graph::Node& node) {
  if (node.op() != "transpose") return false;
  const std::vector<int64_t> permutation = graph::AttributeReader(node).Ints("permutation");
  return permutation.empty() || permutation.back() + 1 == static_cast<int64_t>(permutation.size());
}

void ReadReduction(const graph::Graph& graph, const graph::Node& node, FusionNodeInfo* info) {
  const graph::Value& operand = graph.values(static_cast<int>(node.inputs(0)));
  info->operand_dims = WithoutOnes(operand);
  std::vector<bool> reduced(static_cast<size_t>(operand.dims_size()), false);
  for (int64_t axis : graph::AttributeReader(node).Ints("axes")) {
    reduced[static_cast<size_t>(axis < 0 ? axis + operand.dims_size() : axis)] = true;
  }
  bool any = false;
  info->over_rows = true;
  for (int d = operand.dims_size(); d-- > 0;) {
    if (operand.dims(d).size() == 1) continue;
    if (!any) info->over_rows = reduced[static_cast<size_t>(d)];
    any = true;
  }
  // Nothing is reduced: a row of one.
  if (info->operand_dims == info->dims) info->over_rows = true;
}

// What lies behind a node, as far as nodes of one kernel reach.
void Inherit(const graph::Node& node, const std::vector<FusionNodeInfo>& infos,
             const std::vector<int>& maker, FusionNodeInfo* info) {
  if (info->role == Role::kReduction) {
    info->after_row_reduction = info->over_rows;
    if (info->over_rows) {
      info->row_space = info->operand_dims;
      info->row_kept = info->dims;
    }
    return;
  }
  info->after_move = info->role == Role::kMove;
  for (uint32_t id : node.inputs()) {
    if (maker[id] < 0) continue;
    const FusionNodeInfo& operand = infos[static_cast<size_t>(maker[id])];
    if (operand.role == Role::kOpaque) continue;
    info->after_move = info->after_move || operand.after_move;
    info->after_row_reduction = info->after_row_reduction || operand.after_row_reduction;
    if (ElementsOf(operand.row_space) > ElementsOf(info->row_space) || info->row_space.empty()) {
      info->row_space = operand.row_space;
      info->row_kept = operand.row_kept;
    }
  }
}

}  // namespace

std::vector<FusionNodeInfo> ReadFusionNodes(const graph::Graph& graph) {
  std::vector<FusionNodeInfo> infos(static_cast<size_t>(graph.nodes_size()));
  std::vector<int> maker(static_cast<size_t>(graph.values_size()), -1);
  for (int n = 0; n < graph.nodes_size(); ++n) {
    const graph::Node& node = graph.nodes(n);
    for (uint32_t id : node.outputs()) maker[id] = n;
    FusionNodeInfo& info = infos[static_cast<size_t>(n)];
    info.role = RoleOf(graph, node);
    if (info.role == Role::kOpaque) continue;
    info.dims = WithoutOnes(graph.values(static_cast<int>(node.outputs(0))));
    info.elements = ElementsOf(info.dims);
    info.cost = loop::OpCost(node.op());
    if (info.role == Role::kMove) info.keeps_last = KeepsLast(node);
    if (info.role == Role::kReduction) ReadReduction(graph, node, &info);
    Inherit(node, infos, maker, &info);
  }
  return infos;
}

int64_t ElementsOf(const FusionDims& dims) {
  int64_t n = 1;
  for (int64_t dim : dims) n *= dim;
  return n;
}

int64_t ElementsOf(const graph::Graph& graph, uint32_t value) {
  int64_t n = 1;
  for (const graph::Dim& dim : graph.values(static_cast<int>(value)).dims()) n *= dim.size();
  return n;
}

bool AreViewsOfOneSpace(const FusionDims& a, const FusionDims& b) {
  if (a == b) return true;
  if (ElementsOf(a) != ElementsOf(b) || ElementsOf(a) == 0) return false;
  FusionDims borders;
  for (const FusionDims* dims : {&a, &b}) {
    int64_t inner = 1;
    for (size_t d = dims->size(); d-- > 0;) borders.push_back(inner *= (*dims)[d]);
  }
  std::sort(borders.begin(), borders.end());
  for (size_t i = 1; i < borders.size(); ++i) {
    if (borders[i] % borders[i - 1] != 0) return false;
  }
  return true;
}

bool IsPrefix(const FusionDims& prefix, const FusionDims& dims) {
  return prefix.size() <= dims.size() && std::equal(prefix.begin(), prefix.end(), dims.begin());
}

}  // namespace strata::compiler
