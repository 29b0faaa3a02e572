#include "distributed/pipeline/pipeline_executor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/graph/types.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;
using schedule::Action;
using schedule::Message;
using schedule::Slot;
using schedule::SlotKind;

int64_t NowNs(std::chrono::steady_clock::time_point epoch) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() -
                                                              epoch)
      .count();
}

const std::string& NameOf(const graph::Graph& graph, uint32_t value) {
  return graph.values(static_cast<int>(value)).name();
}

}  // namespace

PipelineExecutor::PipelineExecutor(schedule::Schedule schedule,
                                   schedule::Communication communication, RankStages stages,
                                   graph::Evaluator& evaluator, compiler::Collectives& peers)
    : schedule_(std::move(schedule)),
      communication_(std::move(communication)),
      stages_(std::move(stages)),
      evaluator_(evaluator),
      peers_(peers) {
  for (const Slot& slot : schedule_.slots[static_cast<size_t>(peers.rank())])
    here_.insert({slot.chunk, slot.microbatch});
}

const StagePrograms& PipelineExecutor::StageOf(int chunk) const { return stages_.stages.at(chunk); }

absl::StatusOr<HostTensor> PipelineExecutor::Find(const std::string& name, const Slot& slot) const {
  for (const Tensors* tensors : {state_, &data_[static_cast<size_t>(slot.microbatch)]}) {
    const auto found = tensors->find(name);
    if (found != tensors->end()) return found->second;
  }
  return memory_.Get(slot.chunk, slot.microbatch, name);
}

absl::Status PipelineExecutor::RunProgram(const graph::Graph& program, const Slot& slot) {
  if (program.nodes_size() == 0) return absl::OkStatus();
  std::vector<HostTensor> inputs;
  for (const graph::Input& input : program.inputs()) {
    STRATA_ASSIGN_OR_RETURN(HostTensor tensor, Find(NameOf(program, input.value()), slot));
    inputs.push_back(std::move(tensor));
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<HostTensor> outputs,
                          evaluator_.Evaluate(program, inputs));
  std::set<uint32_t> updated;  // these stay in the state
  for (const graph::Update& update : program.updates()) updated.insert(update.output());
  for (int i = 0; i < program.outputs_size(); ++i) {
    if (updated.count(program.outputs(i).value()) > 0) continue;
    memory_.Put(slot.chunk, slot.microbatch, program.outputs(i).name(),
                outputs[static_cast<size_t>(i)]);
  }
  return absl::OkStatus();
}

absl::Status PipelineExecutor::TakeResults(const Slot& slot) {
  for (const StageResult& result : StageOf(slot.chunk).results) {
    STRATA_ASSIGN_OR_RETURN(run_.results[static_cast<size_t>(slot.microbatch)][result.output],
                            memory_.Get(slot.chunk, slot.microbatch, result.value));
  }
  return absl::OkStatus();
}

// To the chunk after or before: at once where this rank has it for this microbatch, by a message of the schedule
// elsewhere.
absl::Status PipelineExecutor::HandOver(int from_chunk, int to_chunk, int microbatch,
                                        const ValueNames& names) {
  if (to_chunk < 0 || to_chunk >= schedule_.chunks) return absl::OkStatus();
  if (here_.count({to_chunk, microbatch}) == 0) {
    unsent_[{from_chunk, microbatch}].insert(names.begin(), names.end());
    return absl::OkStatus();
  }
  for (const std::string& name : names) {
    STRATA_ASSIGN_OR_RETURN(HostTensor tensor, memory_.Get(from_chunk, microbatch, name));
    memory_.Put(to_chunk, microbatch, name, std::move(tensor));
  }
  return absl::OkStatus();
}

// After a slot: what the chunk's later programs read stays, and what is to be sent.
void PipelineExecutor::Forget(const Slot& slot) {
  const StagePrograms& stage = StageOf(slot.chunk);
  std::set<std::string> keep = unsent_[{slot.chunk, slot.microbatch}];
  if (slot.kind == SlotKind::kForward) {
    keep.insert(stage.backward_reads.begin(), stage.backward_reads.end());
    // A gradient may be here already in a stage that hands it on.
    keep.insert(stage.gradients_in.begin(), stage.gradients_in.end());
  }
  if (slot.kind == SlotKind::kForward || slot.kind == SlotKind::kBackwardInput)
    keep.insert(stage.weight_reads.begin(), stage.weight_reads.end());
  memory_.KeepOnly(slot.chunk, slot.microbatch, keep);
}

absl::Status PipelineExecutor::RunSlot(const Slot& slot) {
  const StagePrograms& stage = StageOf(slot.chunk);
  const int chunk = slot.chunk, microbatch = slot.microbatch;
  if (slot.kind == SlotKind::kForward) {
    memory_.Begin(chunk, microbatch);
    STRATA_RETURN_IF_ERROR(RunProgram(stage.forward, slot));
    STRATA_RETURN_IF_ERROR(TakeResults(slot));
    STRATA_RETURN_IF_ERROR(HandOver(chunk, chunk + 1, microbatch, stage.activations_out));
  }
  if (schedule::IsBackward(slot.kind)) {
    STRATA_RETURN_IF_ERROR(RunProgram(stage.backward, slot));
    STRATA_RETURN_IF_ERROR(HandOver(chunk, chunk - 1, microbatch, stage.gradients_out));
  }
  if (slot.kind == SlotKind::kBackward || slot.kind == SlotKind::kWeight) {
    STRATA_RETURN_IF_ERROR(RunProgram(stage.weight, slot));
    memory_.End(chunk, microbatch);
  }
  Forget(slot);
  run_.executed.push_back(slot);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PipelineExecutor::Send(const Message& message) {
  const StagePrograms& stage = StageOf(message.from_chunk);
  const bool up = message.kind == SlotKind::kForward;
  std::set<std::string>& unsent = unsent_[{message.from_chunk, message.microbatch}];
  int64_t bytes = 0;
  for (const std::string& name : up ? stage.activations_out : stage.gradients_out) {
    STRATA_ASSIGN_OR_RETURN(const HostTensor tensor,
                            memory_.Get(message.from_chunk, message.microbatch, name));
    STRATA_RETURN_IF_ERROR(
        peers_.Send(tensor.raw(), tensor.elements(), tensor.dtype(), message.to_rank));
    bytes += static_cast<int64_t>(tensor.size_bytes());
    unsent.erase(name);
  }
  // What the chunk's programs no longer read can go now.
  Forget(schedule_.slots[static_cast<size_t>(message.from_rank)]
                        [static_cast<size_t>(message.from_slot)]);
  return bytes;
}

absl::StatusOr<int64_t> PipelineExecutor::Receive(const Message& message) {
  const StagePrograms& stage = StageOf(message.to_chunk);
  const bool up = message.kind == SlotKind::kForward;
  int64_t bytes = 0;
  for (const std::string& name : up ? stage.activations_in : stage.gradients_in) {
    const graph::TensorType type = graph::TypeOf(stages_.crossing.at(name));
    HostTensor tensor = HostTensor::Allocate(type.dtype, type.dims());
    STRATA_RETURN_IF_ERROR(
        peers_.Recv(tensor.raw(), tensor.elements(), tensor.dtype(), message.from_rank));
    bytes += static_cast<int64_t>(tensor.size_bytes());
    memory_.Put(message.to_chunk, message.microbatch, name, std::move(tensor));
  }
  return bytes;
}

absl::StatusOr<PipelineExecutor::Event> PipelineExecutor::Act(const Action& action) {
  if (action.kind == Action::kRun) {
    const Slot& slot =
        schedule_.slots[static_cast<size_t>(peers_.rank())][static_cast<size_t>(action.index)];
    STRATA_RETURN_IF_ERROR(Annotate(RunSlot(slot), schedule::DescribeSlot(slot)));
    return Event{schedule::SlotName(slot), "launch", 0};
  }
  const Message& message = communication_.messages[static_cast<size_t>(action.index)];
  const bool send = action.kind == Action::kSend;
  const std::string what = absl::StrCat(
      send ? "send" : "receive", message.kind == SlotKind::kForward ? " activations" : " gradients",
      " of microbatch ", message.microbatch, send ? " to rank " : " from rank ",
      send ? message.to_rank : message.from_rank);
  const absl::StatusOr<int64_t> bytes = send ? Send(message) : Receive(message);
  if (!bytes.ok()) return Annotate(bytes.status(), what);
  if (send) run_.sent_bytes += *bytes;
  return Event{what, "collective", static_cast<double>(*bytes)};
}

absl::StatusOr<PipelineRun> PipelineExecutor::Run(absl::Span<const Tensors> data,
                                                  const Tensors& state, chips::Timeline* timeline,
                                                  std::chrono::steady_clock::time_point epoch) {
  if (static_cast<int>(data.size()) != schedule_.microbatches) {
    return absl::InvalidArgumentError(absl::StrCat("schedule '", schedule_.name, "' has ",
                                                   schedule_.microbatches, " microbatches, not ",
                                                   data.size()));
  }
  data_ = data;
  state_ = &state;
  memory_ = {};
  unsent_.clear();
  run_ = {};
  run_.results.resize(data.size());
  for (const Action& action : communication_.actions[static_cast<size_t>(peers_.rank())]) {
    const int64_t start = NowNs(epoch);
    STRATA_ASSIGN_OR_RETURN(const Event event, Act(action));
    memory_.Settle();
    if (timeline == nullptr) continue;
    chips::TimelineEvent* entry = timeline->add_events();
    entry->set_name(event.name);
    entry->set_category(event.category);
    entry->set_start_ns(start);
    entry->set_duration_ns(NowNs(epoch) - start);
    entry->set_bytes(event.bytes);
    entry->set_step(-1);
  }
  run_.peak_passes = memory_.peak_passes();
  run_.peak_activation_bytes = memory_.peak_bytes();
  return std::move(run_);
}

}  // namespace strata::distributed
