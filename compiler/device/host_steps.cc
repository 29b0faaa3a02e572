#include "compiler/device/host_steps.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/device/collective_call.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

void Move(void* to, const void* from, size_t bytes) {
  if (to != from && bytes > 0) std::memmove(to, from, bytes);
}

const plan::Buffer& At(const plan::Plan& plan, uint32_t id) {
  return plan.buffers(static_cast<int>(id));
}

uint32_t AddValue(const graph::HostTensor& like, graph::Graph* graph) {
  const uint32_t id = static_cast<uint32_t>(graph->values_size());
  graph::Value* value = graph->add_values();
  value->set_name(absl::StrCat("v", id));
  value->set_dtype(like.dtype());
  for (int64_t dim : like.dims()) value->add_dims()->set_size(dim);
  return id;
}

// The step's node as a graph.
graph::Graph GraphOf(const plan::Step& step, const HostMemory& memory) {
  graph::Graph graph;
  graph.set_version(1);
  graph.set_name(step.name());
  graph::Node node = step.host_call().node();
  for (uint32_t id : step.reads()) {
    node.add_inputs(AddValue(memory.View(id), &graph));
    graph::Input* input = graph.add_inputs();
    input->set_value(node.inputs(node.inputs_size() - 1));
    input->set_kind(graph::DATA);
  }
  for (uint32_t id : step.writes()) {
    node.add_outputs(AddValue(memory.View(id), &graph));
    graph::Output* output = graph.add_outputs();
    output->set_value(node.outputs(node.outputs_size() - 1));
    output->set_name(absl::StrCat("y", graph.outputs_size()));
    output->set_combine(graph::REPLICATED);
  }
  *graph.add_nodes() = std::move(node);
  return graph;
}

}  // namespace

absl::Status RunHostCall(const plan::Step& step, const HostMemory& memory,
                         graph::Evaluator* evaluator) {
  std::vector<graph::HostTensor> inputs;
  for (uint32_t id : step.reads()) inputs.push_back(memory.View(id));
  STRATA_ASSIGN_OR_RETURN(const std::vector<graph::HostTensor> results,
                          evaluator == nullptr
                              ? graph::EvaluateNode(step.host_call().node(), inputs)
                              : evaluator->Evaluate(GraphOf(step, memory), inputs));
  if (static_cast<int>(results.size()) != step.writes_size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the op makes ", results.size(), " results; the step writes ", step.writes_size()));
  }
  for (int i = 0; i < step.writes_size(); ++i) {
    const graph::HostTensor target = memory.View(step.writes(i));
    const graph::HostTensor& result = results[static_cast<size_t>(i)];
    if (result.dtype() != target.dtype() || result.dims() != target.dims()) {
      return absl::InvalidArgumentError(absl::StrCat("result ", i, " is ", result.TypeString(),
                                                     "; its buffer is ", target.TypeString()));
    }
    Move(target.raw(), result.raw(), result.size_bytes());
  }
  return absl::OkStatus();
}

absl::Status RunReference(const graph::Graph& region, const plan::Step& step,
                          const HostMemory& memory) {
  if (region.inputs_size() != step.reads_size() || region.outputs_size() != step.writes_size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the kernel's reference takes ", region.inputs_size(), " and makes ", region.outputs_size(),
        " values; the step reads ", step.reads_size(), " and writes ", step.writes_size()));
  }
  std::vector<graph::HostTensor> inputs;
  for (int i = 0; i < region.inputs_size(); ++i) {
    const graph::TensorType type =
        graph::TypeOf(region.values(static_cast<int>(region.inputs(i).value())));
    const graph::HostTensor view = memory.View(step.reads(i));
    if (view.dtype() != type.dtype || view.elements() != type.elements()) {
      return absl::InvalidArgumentError(absl::StrCat("operand ", i, " is ", view.TypeString(),
                                                     "; the kernel's reference takes ",
                                                     type.ToString()));
    }
    inputs.push_back(view.Reshaped(type.dims()));
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<graph::HostTensor> results,
                          graph::Interpreter().Evaluate(region, inputs));
  for (int i = 0; i < step.writes_size(); ++i) {
    const graph::HostTensor target = memory.View(step.writes(i));
    const graph::HostTensor& result = results[static_cast<size_t>(i)];
    if (result.dtype() != target.dtype() || result.elements() != target.elements()) {
      return absl::InvalidArgumentError(absl::StrCat("result ", i, " is ", result.TypeString(),
                                                     "; its buffer is ", target.TypeString()));
    }
    Move(target.raw(), result.raw(), result.size_bytes());
  }
  return absl::OkStatus();
}

absl::Status RunCopy(const plan::Plan& plan, const plan::Step& step, const HostMemory& memory) {
  Move(memory.data(step.writes(0)), memory.data(step.reads(0)),
       At(plan, step.writes(0)).size_bytes());
  return absl::OkStatus();
}

absl::Status RunCollective(const plan::Step& step, const HostMemory& memory,
                           Collectives* collectives) {
  const graph::HostTensor in =
      step.reads().empty() ? graph::HostTensor() : memory.View(step.reads(0));
  return RunCollectiveCall(step.collective(), in, memory.View(step.writes(0)), collectives);
}

absl::Status AtStep(const absl::Status& status, int index, const plan::Step& step) {
  if (status.ok()) return status;
  return Annotate(status,
                  absl::StrCat("step ", index, " '", step.name(), "'",
                               step.origin().empty() ? "" : absl::StrCat(" of ", step.origin())));
}

std::string CategoryOf(const plan::Step& step) {
  switch (step.step_case()) {
    case plan::Step::kLaunch:
      return "launch";
    case plan::Step::kLibraryCall:
      return "library";
    case plan::Step::kCopy:
      return "copy";
    case plan::Step::kCollective:
      return "collective";
    default:
      return "host";
  }
}

chips::TimelineEvent EventOf(const plan::Step& step, int index) {
  chips::TimelineEvent event;
  event.set_name(step.name());
  event.set_lane(step.stream());
  event.set_category(CategoryOf(step));
  event.set_origin(step.origin());
  event.set_step(index);
  event.set_flops(step.flops());
  event.set_bytes(step.bytes_read() + step.bytes_written());
  return event;
}

void StartTimeline(const plan::Plan& plan, chips::TimelineSource source,
                   chips::Timeline* timeline) {
  timeline->Clear();
  timeline->set_version(1);
  timeline->set_name(plan.name());
  timeline->set_source(source);
  for (uint32_t i = 0; i < plan.streams(); ++i) timeline->add_lanes(absl::StrCat("stream ", i));
}

void SortEvents(chips::Timeline* timeline) {
  auto* events = timeline->mutable_events();
  std::stable_sort(
      events->pointer_begin(), events->pointer_end(), [](const auto* a, const auto* b) {
        return std::pair(a->start_ns(), a->lane()) < std::pair(b->start_ns(), b->lane());
      });
}

}  // namespace strata::compiler
