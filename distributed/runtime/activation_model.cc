#include "distributed/runtime/activation_model.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "distributed/runtime/program_memory.h"
#include "framework/graph/types.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using schedule::Action;
using schedule::Message;
using schedule::Slot;
using schedule::SlotKind;

int64_t BytesOf(const graph::Value& value) { return graph::TypeOf(value).size_bytes(); }

// A walk over the rank's actions. A value is held by names, one a chunk that has it; it is there once.
class Walk {
 public:
  explicit Walk(const RankPrograms& programs)
      : part_(*programs.pipeline), rank_(static_cast<size_t>(programs.pipeline_rank)) {
    for (const Slot& slot : part_.schedule.slots[rank_])
      here_.insert({slot.chunk, slot.microbatch});
  }

  ActivationModel Run() {
    for (const Action& action : part_.communication.actions[rank_]) {
      if (action.kind == Action::kRun) {
        RunSlot(part_.schedule.slots[rank_][static_cast<size_t>(action.index)]);
      } else {
        const Message& message = part_.communication.messages[static_cast<size_t>(action.index)];
        action.kind == Action::kSend ? Send(message) : Receive(message);
      }
      model_.kept = std::max(model_.kept, live_ - results_);
    }
    model_.after = results_;
    return model_;
  }

 private:
  using Place = std::tuple<int, int, std::string>;  // chunk, microbatch, value

  const StagePrograms& StageOf(int chunk) const { return part_.stages.stages.at(chunk); }

  void Hold(const Place& place, int64_t bytes) {
    const int storage = next_++;
    held_[place] = storage;
    holders_[storage] = {1, bytes};
    live_ += bytes;
    model_.peak = std::max(model_.peak, live_);
  }

  void Share(const Place& place, const Place& other) {
    const int storage = held_.at(other);
    held_[place] = storage;
    ++holders_[storage].first;
  }

  void Drop(const Place& place) {
    auto& [holders, bytes] = holders_[held_.at(place)];
    if (--holders == 0) live_ -= bytes;
    held_.erase(place);
  }

  void KeepOnly(int chunk, int microbatch, const std::set<std::string>& names) {
    std::vector<Place> gone;
    for (auto it = held_.lower_bound({chunk, microbatch, ""}); it != held_.end(); ++it) {
      const auto& [c, m, name] = it->first;
      if (c != chunk || m != microbatch) break;
      if (names.count(name) == 0) gone.push_back(it->first);
    }
    for (const Place& place : gone) Drop(place);
  }

  void RunProgram(const Graph& program, const Slot& slot) {
    model_.peak = std::max(model_.peak, live_ + MemoryOf(program).peak);
    std::set<uint32_t> updated;
    for (const graph::Update& update : program.updates()) updated.insert(update.output());
    for (const graph::Output& output : program.outputs()) {
      if (updated.count(output.value()) > 0) continue;
      Hold({slot.chunk, slot.microbatch, output.name()},
           BytesOf(program.values(static_cast<int>(output.value()))));
    }
  }

  void HandOver(const Slot& slot, int to, const ValueNames& names) {
    if (to < 0 || to >= part_.schedule.chunks) return;
    const bool stays = here_.count({to, slot.microbatch}) > 0;
    for (const std::string& name : names) {
      if (stays) {
        Share({to, slot.microbatch, name}, {slot.chunk, slot.microbatch, name});
      } else {
        unsent_.insert({slot.chunk, slot.microbatch, name});
      }
    }
  }

  // What stays after a slot of this kind.
  std::set<std::string> Later(const Slot& slot) const {
    const StagePrograms& stage = StageOf(slot.chunk);
    std::set<std::string> names;
    for (auto it = unsent_.lower_bound({slot.chunk, slot.microbatch, ""}); it != unsent_.end();
         ++it) {
      const auto& [c, m, name] = *it;
      if (c != slot.chunk || m != slot.microbatch) break;
      names.insert(name);
    }
    if (slot.kind == SlotKind::kForward) {
      names.insert(stage.backward_reads.begin(), stage.backward_reads.end());
      names.insert(stage.gradients_in.begin(), stage.gradients_in.end());
    }
    if (slot.kind == SlotKind::kForward || slot.kind == SlotKind::kBackwardInput)
      names.insert(stage.weight_reads.begin(), stage.weight_reads.end());
    return names;
  }

  void RunSlot(const Slot& slot) {
    const StagePrograms& stage = StageOf(slot.chunk);
    if (slot.kind == SlotKind::kForward) {
      RunProgram(stage.forward, slot);
      for (const StageResult& result : stage.results) {
        const Place place = {-1, slot.microbatch, result.output};
        Share(place, {slot.chunk, slot.microbatch, result.value});
        results_ += holders_[held_.at(place)].second;
      }
      HandOver(slot, slot.chunk + 1, stage.activations_out);
    }
    if (schedule::IsBackward(slot.kind)) {
      RunProgram(stage.backward, slot);
      HandOver(slot, slot.chunk - 1, stage.gradients_out);
    }
    if (slot.kind == SlotKind::kBackward || slot.kind == SlotKind::kWeight)
      RunProgram(stage.weight, slot);
    KeepOnly(slot.chunk, slot.microbatch, Later(slot));
  }

  void Send(const Message& message) {
    const StagePrograms& stage = StageOf(message.from_chunk);
    const bool up = message.kind == SlotKind::kForward;
    for (const std::string& name : up ? stage.activations_out : stage.gradients_out)
      unsent_.erase({message.from_chunk, message.microbatch, name});
    const Slot& maker = part_.schedule.slots[rank_][static_cast<size_t>(message.from_slot)];
    KeepOnly(message.from_chunk, message.microbatch, Later(maker));
  }

  void Receive(const Message& message) {
    const StagePrograms& stage = StageOf(message.to_chunk);
    const bool up = message.kind == SlotKind::kForward;
    for (const std::string& name : up ? stage.activations_in : stage.gradients_in)
      Hold({message.to_chunk, message.microbatch, name}, BytesOf(part_.stages.crossing.at(name)));
  }

  const PipelinePart& part_;
  const size_t rank_;
  std::set<std::pair<int, int>> here_;
  std::map<Place, int> held_;                       // -> storage
  std::map<int, std::pair<int, int64_t>> holders_;  // of a storage, and its bytes
  std::set<Place> unsent_;
  int next_ = 0;
  int64_t live_ = 0, results_ = 0;
  ActivationModel model_;
};

}  // namespace

ActivationModel ActivationsOf(const RankPrograms& programs) { return Walk(programs).Run(); }

}  // namespace strata::distributed
