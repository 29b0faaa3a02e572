#include "compiler/driver/npu_kernels.h"

#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/driver/kernel_key.h"
#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

constexpr char kPlaceholder[] = "program";

// What a profile shows: the op that a group is named after, and a number of its own.
std::string EntryName(const graph::Graph& region, const std::string& text) {
  static const char* const kLeading[] = {"conv2d", "matmul", "max_pool2d"};
  std::string op = region.nodes_size() > 0 ? region.nodes(0).op() : "nothing";
  for (const graph::Node& node : region.nodes()) {
    for (const char* leading : kLeading) {
      if (node.op() == leading) op = leading;
    }
  }
  return absl::StrFormat("npu_%s%s_%08x", op, region.nodes_size() > 1 ? "_fused" : "",
                         XXH3_64bits(text.data(), text.size()) & 0xffffffffu);
}

}  // namespace

absl::StatusOr<NpuKernels::Emitted> NpuKernels::Make(const graph::Graph& region) const {
  Emitted made;
  STRATA_ASSIGN_OR_RETURN(NpuKernel program, EmitNpuKernel(region, machine_));
  std::string text = NpuSource(program, kPlaceholder);
  for (const plan::KernelData& data : program.data) text += data.SerializeAsString();
  plan::Kernel& kernel = made.kernel;
  kernel.set_entry(EntryName(region, text));
  kernel.set_language(plan::NPU);
  kernel.set_source(NpuSource(program, kernel.entry()));
  kernel.set_loop_nest(program.loop_nest);
  kernel.set_parallel_extent(1);
  kernel.set_grain(1);
  *kernel.mutable_reference() = region;
  for (plan::KernelData& data : program.data) *kernel.add_data() = std::move(data);
  made.reason = std::move(program.reason);
  return made;
}

absl::StatusOr<const NpuKernels::Emitted*> NpuKernels::Emit(const graph::Graph& region) {
  const std::string key = RegionKey(region);
  auto found = emitted_.find(key);
  if (found == emitted_.end()) found = emitted_.emplace(key, Make(region)).first;
  if (!found->second.ok()) return found->second.status();
  return &*found->second;
}

absl::StatusOr<const NpuKernels::Emitted*> NpuKernels::Emit(const graph::Graph& graph,
                                                            const graph::Node& node) {
  return Emit(KernelReference(graph, node));
}

bool IsNpuFusion(const graph::Node& node) {
  return node.op() == "fusion" && graph::AttributeReader(node).String("kind") == "npu";
}

}  // namespace strata::compiler
