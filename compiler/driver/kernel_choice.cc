#include "compiler/driver/kernel_choice.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/warning.h"
#include "compiler/driver/kernel_key.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/plan/explain.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using graph::OpCall;
using graph::Work;

constexpr double kUsualBalance = 10;  // flops a byte, where the chip's figures are not known

// Peak rate of plain f32 arithmetic over the bandwidth of main memory.
double BalanceOf(const chips::Chip& chip) {
  double rate = 0, bandwidth = 0;
  for (const chips::ComputeRate& r : chip.rates()) {
    if (r.dtype() == chips::F32) rate = std::max(rate, r.flops_per_second().value());
  }
  for (const chips::MemoryLevel& memory : chip.memories()) {
    if (memory.kind() == chips::MAIN_MEMORY)
      bandwidth = memory.bandwidth_bytes_per_second().value();
  }
  return rate > 0 && bandwidth > 0 ? rate / bandwidth : kUsualBalance;
}

// What the nodes of a fusion would move, were each a kernel of its own.
double BytesApart(const Graph& region) {
  double bytes = 0;
  for (const Node& node : region.nodes()) {
    const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
    if (def == nullptr) continue;
    const Work work = WorkOf(*def, CallOf(region, node));
    bytes += work.bytes_read + work.bytes_written;
  }
  return bytes;
}

}  // namespace

void SetHostCall(const Node& node, plan::Step* step) {
  Node* call = step->mutable_host_call()->mutable_node();
  *call = node;
  call->clear_inputs();
  call->clear_outputs();
  call->clear_origin();
}

void SetWork(const Work& work, plan::Step* step) {
  step->set_flops(work.flops);
  step->set_bytes_read(work.bytes_read);
  step->set_bytes_written(work.bytes_written);
}

KernelChooser::KernelChooser(std::string isa, const chips::Chip& chip, plan::Plan* plan)
    : isa_(std::move(isa)), balance_(BalanceOf(chip)), plan_(plan) {}

std::string KernelChooser::Bound(const Work& work) const {
  const double bytes = work.bytes_read + work.bytes_written;
  return work.flops > balance_ * bytes ? "bound by compute" : "bound by memory";
}

std::string KernelChooser::EmittedReason(const OpCall& call, const Work& work) const {
  if (call.node->regions_size() == 0) {
    return absl::StrCat("emitted ", call.node->op(), " kernel; ", Bound(work));
  }
  const double saved = BytesApart(call.node->regions(0)) - work.bytes_read - work.bytes_written;
  return absl::StrCat("fused ", call.attrs().String("kind"), " kernel of ",
                      call.node->regions(0).nodes_size(), " ops: saves ",
                      plan::HumanNumber(std::max(saved, 0.0), "B"), " of traffic; ", Bound(work));
}

const KernelChooser::Emitted& KernelChooser::Emit(const Graph& graph, const Node& node) {
  auto [it, fresh] = emitted_.emplace(KernelKey(graph, node), Emitted{});
  Emitted& emitted = it->second;
  if (!fresh) return emitted;
  absl::StatusOr<EmittedKernel> kernel = EmitKernel(graph, node, isa_);
  emitted.status = kernel.status();
  if (!kernel.ok()) return emitted;
  *kernel->kernel.mutable_reference() = KernelReference(graph, node);
  emitted.kernel = AddKernel(std::move(kernel->kernel));
  for (size_t output = 0; output < kernel->in_place.size(); ++output) {
    for (int input : kernel->in_place[output])
      emitted.in_place.push_back({input, static_cast<int>(output)});
  }
  return emitted;
}

uint32_t KernelChooser::AddKernel(plan::Kernel kernel) {
  auto [id, added] =
      kernel_id_.emplace(kernel.entry(), static_cast<uint32_t>(plan_->kernels_size()));
  if (added) *plan_->add_kernels() = std::move(kernel);
  return id->second;
}

absl::StatusOr<KernelChooser::Pairs> KernelChooser::Choose(const Graph& graph, const Node& node,
                                                           plan::Step* step) {
  STRATA_ASSIGN_OR_RETURN(const graph::OpDef* def, graph::OpRegistry::Get().Lookup(node.op()));
  const OpCall call = CallOf(graph, node);
  const Work work = WorkOf(*def, call);
  SetWork(work, step);

  std::string why_not;
  if (const Routine* routine = FindRoutine(node.op())) {
    const absl::Status supported = routine->supports(call);
    if (supported.ok()) {
      step->mutable_library_call()->set_routine(routine->name);
      *step->mutable_library_call()->mutable_attributes() = node.attributes();
      step->set_reason(routine->reason(call));
      return routine->in_place;
    }
    why_not = absl::StrCat(supported.message(), "; ");
  }
  const Emitted& emitted = Emit(graph, node);
  if (emitted.status.ok()) {
    step->mutable_launch()->set_kernel(emitted.kernel);
    step->set_reason(EmittedReason(call, work));
    return emitted.in_place;
  }
  SetHostCall(node, step);
  step->set_reason(absl::StrCat("host: ", why_not, emitted.status.message()));
  if (!absl::IsUnimplemented(emitted.status)) {  // a fault of ours, which need not stop anybody
    Warn(absl::StrCat("graph '", graph.name(), "': '", step->name(), "'",
                      node.origin().empty() ? "" : absl::StrCat(" of ", node.origin()),
                      ": no kernel could be emitted, it runs on the interpreter, slowly: ",
                      emitted.status.ToString()));
  }
  return Pairs{};
}

}  // namespace strata::compiler
