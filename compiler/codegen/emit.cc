#include "compiler/codegen/emit.h"

#include <xxhash.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "compiler/codegen/c_writer.h"
#include "compiler/codegen/cuda_writer.h"
#include "compiler/codegen/isa.h"
#include "compiler/loop/lower.h"
#include "compiler/loop/schedule.h"

namespace strata::compiler {
namespace {

// Stands for the entry's name while the text is hashed.
constexpr char kPlaceholder[] = "ENTRY";

// "k_row_exp_reduce_sum_1a2b3c4d5e6f": kind, the ops that tell most, a hash of the text.
std::string EntryName(const loop::Computation& computation, const std::string& text) {
  std::vector<std::string> ops = computation.ops;
  std::stable_sort(ops.begin(), ops.end(), [](const std::string& a, const std::string& b) {
    const auto weight = [](const std::string& op) {
      return loop::OpCost(op) + (loop::IsReductionOp(op) ? 10 : 0);
    };
    return weight(a) > weight(b);
  });
  if (ops.size() > 3) ops.resize(3);
  return absl::StrCat("k_", loop::KindName(computation.kind), ops.empty() ? "" : "_",
                      absl::StrJoin(ops, "_"), "_",
                      absl::Hex(XXH64(text.data(), text.size(), 0) >> 16, absl::kZeroPad12));
}

}  // namespace

graph::Graph RegionOf(const graph::Graph& graph, const graph::Node& node) {
  if (node.op() == "fusion" && node.regions_size() == 1) return node.regions(0);
  graph::Graph region;
  region.set_version(1);
  region.set_name(node.op());
  graph::Node* inner = region.add_nodes();
  *inner = node;
  inner->clear_inputs();
  inner->clear_outputs();
  const auto add = [&](uint32_t id, const std::string& name) {
    const uint32_t copy = static_cast<uint32_t>(region.values_size());
    graph::Value* value = region.add_values();
    *value = graph.values(static_cast<int>(id));
    value->set_name(name);
    return copy;
  };
  for (int i = 0; i < node.inputs_size(); ++i) {
    const uint32_t id = add(node.inputs(i), absl::StrCat("in", i));
    inner->add_inputs(id);
    graph::Input* input = region.add_inputs();
    input->set_value(id);
    input->set_kind(graph::DATA);
  }
  for (int i = 0; i < node.outputs_size(); ++i) {
    const uint32_t id = add(node.outputs(i), absl::StrCat("out", i));
    inner->add_outputs(id);
    graph::Output* output = region.add_outputs();
    output->set_value(id);
    output->set_name(absl::StrCat("out", i));
    output->set_combine(graph::REPLICATED);
  }
  return region;
}

absl::StatusOr<EmittedKernel> EmitKernel(const graph::Graph& graph, const graph::Node& node,
                                         const std::string& isa) {
  const bool cuda = IsCudaIsa(isa);
  if (!cuda) STRATA_RETURN_IF_ERROR(IsaFlags(isa).status());
  absl::StatusOr<loop::Computation> computation = loop::Lower(RegionOf(graph, node));
  if (!computation.ok()) return Annotate(computation.status(), node.op());
  absl::StatusOr<loop::Nest> nest = loop::Schedule(*std::move(computation));
  if (!nest.ok()) return Annotate(nest.status(), node.op());

  EmittedKernel result;
  const std::string text = cuda ? WriteCuda(*nest, kPlaceholder) : WriteC(*nest, kPlaceholder);
  plan::Kernel& kernel = result.kernel;
  kernel.set_entry(EntryName(nest->computation, text));
  kernel.set_language(cuda ? plan::CUDA : plan::C);
  kernel.set_source(absl::StrReplaceAll(
      text,
      {{absl::StrCat(" ", kPlaceholder, "("), absl::StrCat(" ", kernel.entry(), "(")},
       {absl::StrCat(" ", kPlaceholder, "_rows("), absl::StrCat(" ", kernel.entry(), "_rows(")}}));
  kernel.set_loop_nest(loop::Print(*nest));
  kernel.set_parallel_extent(nest->parallel_extent);
  kernel.set_grain(nest->grain);
  result.in_place = loop::InPlace(*nest);
  return result;
}

std::string Prelude(const std::string& isa) {
  static const char kText[] =
#include "compiler/codegen/prelude.inc"
      ;
  static const char kCudaText[] =
#include "compiler/codegen/cuda_prelude.inc"
      ;
  return absl::StrCat("// Kernels for ", isa, ".\n", IsCudaIsa(isa) ? kCudaText : kText);
}

}  // namespace strata::compiler
