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

absl::StatusOr<NpuKernel> EmitNpuKernel(const graph::Graph& region,
                                        const chips::npu::Machine& machine) {
  if (machine.has_davinci()) return EmitDavinciKernel(region, machine);
  if (region.nodes_size() == 1 && IsMovementOp(region.nodes(0).op())) {
    return EmitMovementKernel(region, machine);
  }
  if (std::any_of(region.nodes().begin(), region.nodes().end(), IsProductOp)) {
    return EmitProductKernel(region, machine);
  }
  return EmitVectorKernel(region, machine);
}

std::string NpuSource(const NpuKernel& kernel, const std::string& entry) {
  return absl::StrCat("# ", entry, "\n", chips::npu::Disassemble(kernel.program));
}

}  // namespace strata::compiler
