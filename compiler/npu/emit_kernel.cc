#include "compiler/npu/emit_kernel.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "chips/npu/isa/disassembler.h"

namespace strata::compiler {

absl::StatusOr<NpuKernel> EmitNpuKernel(const graph::Graph& region,
                                        const chips::npu::Machine& machine) {
  std::vector<std::string> ops;
  for (const graph::Node& node : region.nodes()) ops.push_back(node.op());
  return absl::UnimplementedError(
      absl::StrCat(machine.name(), " has no program for ", absl::StrJoin(ops, ", ")));
}

std::string NpuSource(const NpuKernel& kernel, const std::string& entry) {
  return absl::StrCat("# ", entry, "\n", chips::npu::Disassemble(kernel.program));
}

}  // namespace strata::compiler
