#include "compiler/npu/emit_kernel.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "chips/npu/isa/disassembler.h"
#include "compiler/npu/davinci_kernel.h"
#include "compiler/npu/movement_kernel.h"
#include "compiler/npu/product_group.h"
#include "compiler/npu/product_kernel.h"
#include "compiler/npu/vector_kernel.h"

namespace strata::compiler {
namespace {

bool HasProduct(const graph::Graph& region) {
  return std::any_of(region.nodes().begin(), region.nodes().end(),
                     [&region](const graph::Node& node) { return IsProductNode(region, node); });
}

}  // namespace

absl::StatusOr<NpuKernel> EmitNpuKernel(const graph::Graph& region,
                                        const chips::npu::Machine& machine) {
  if (machine.has_davinci()) return EmitDavinciKernel(region, machine);
  if (region.nodes_size() == 1 && IsMovementOp(region.nodes(0).op())) {
    return EmitMovementKernel(region, machine);
  }
  if (HasProduct(region)) return EmitProductKernel(region, machine);
  return EmitVectorKernel(region, machine);
}

absl::Status CheckNpuKernel(const graph::Graph& region, const chips::npu::Machine& machine) {
  const bool moves = region.nodes_size() == 1 && IsMovementOp(region.nodes(0).op());
  if (machine.has_davinci() || moves) return EmitNpuKernel(region, machine).status();
  return HasProduct(region) ? CheckProductKernel(region, machine)
                            : CheckVectorKernel(region, machine);
}

std::string NpuSource(const NpuKernel& kernel, const std::string& entry) {
  return absl::StrCat("# ", entry, "\n", chips::npu::Disassemble(kernel.program));
}

}  // namespace strata::compiler
