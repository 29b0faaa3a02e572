#include "compiler/gemm/tile_access.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/program.h"

namespace strata::compiler {
namespace {

using graph::TensorType;

bool IsKnown(chips::DType dtype) { return dtype == chips::F32 || dtype == chips::BF16; }

bool HasFormula(const graph::OpCall& call) {
  const std::string& op = call.node->op();
  if (op == "cast" || op == "broadcast_to") return call.inputs.size() == 1;
  return schedule::OpArity(op) > 0 && schedule::OpArity(op) == static_cast<int>(call.inputs.size());
}

}  // namespace

bool IsTile(const TensorType& type, int64_t M, int64_t N) {
  return IsKnown(type.dtype) && type.concrete() && type.rank() > 0 && type.dims().back() == N &&
         type.elements() == M * N;
}

std::optional<TileAccess> TileAccessOf(const TensorType& operand, const TensorType& result,
                                       int64_t M, int64_t N) {
  if (operand.elements() == M * N && IsTile(operand, M, N)) return TileAccess::kElement;
  if (operand.elements() == 1) return TileAccess::kNumber;
  const std::vector<int64_t> dims = operand.dims();
  if (operand.elements() == N && dims.back() == N) return TileAccess::kColumn;
  if (operand.elements() == M && dims.back() == 1 && operand.rank() == result.rank())
    return TileAccess::kRow;
  return std::nullopt;
}

absl::Status CheckTileNode(const graph::OpCall& call, int64_t M, int64_t N) {
  const std::string& op = call.node->op();
  if (call.outputs.size() != 1 || !call.outputs[0].concrete() || !IsTile(call.outputs[0], M, N)) {
    return absl::UnimplementedError(
        absl::StrCat("'", op, "': its result has no element for each one of the product"));
  }
  for (const TensorType& input : call.inputs) {
    if (!input.concrete() || !IsKnown(input.dtype))
      return absl::UnimplementedError(absl::StrCat("'", op, "': operands must be f32 or bf16"));
  }
  if (op == "reshape") {
    if (IsTile(call.inputs[0], M, N)) return absl::OkStatus();
    return absl::UnimplementedError("'reshape': of other rows than the product's");
  }
  if (!HasFormula(call))
    return absl::UnimplementedError(absl::StrCat("'", op, "': has no formula for one element"));
  for (const TensorType& input : call.inputs) {
    if (TileAccessOf(input, call.outputs[0], M, N).has_value()) continue;
    return absl::UnimplementedError(absl::StrCat("'", op, "': ", input.ToString(), " for ",
                                                 call.outputs[0].ToString(),
                                                 " is not one number a row or a column"));
  }
  return absl::OkStatus();
}

}  // namespace strata::compiler
