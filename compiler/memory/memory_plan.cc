#include "compiler/memory/memory_plan.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/memory/arena.h"
#include "compiler/memory/streams.h"

namespace strata::compiler {
namespace {

using plan::Buffer;
using plan::Step;

std::string Megabytes(uint64_t bytes) {
  return absl::StrFormat("%.1f MB", static_cast<double>(bytes) / 1e6);
}

class Planner {
 public:
  Planner(const MemoryRequest& request, plan::Plan* plan) : request_(request), plan_(*plan) {
    const size_t count = static_cast<size_t>(plan_.buffers_size());
    for (uint32_t id = 0; id < count; ++id) {
      const uint32_t base = request_.view_of[id];
      content_.push_back(base == kNoBuffer ? id : content_[base]);
      storage_.push_back(content_.back());
    }
    last_use_.assign(count, -1);
    made_.assign(count, -1);
    is_output_.assign(count, false);
    target_.assign(count, kNoBuffer);
  }

  MemoryStatistics Run() {
    FindLifetimes();
    for (const auto& [input, output] : request_.updates) {
      if (target_[content_[output]] == kNoBuffer) target_[content_[output]] = input;
    }
    for (int i = 0; i < plan_.steps_size(); ++i) {
      PlaceResults(i);
      HoldWhileInFlight(i);
    }
    CopyOtherUpdates();
    WriteAliases();
    PlaceInArena();
    return statistics_;
  }

 private:
  Buffer& At(uint32_t id) { return *plan_.mutable_buffers(static_cast<int>(id)); }

  // The last step that reads a content, through any of its views; outputs are read after the last step.
  void FindLifetimes() {
    for (int i = 0; i < plan_.steps_size(); ++i) {
      for (uint32_t id : plan_.steps(i).writes()) made_[id] = last_use_[content_[id]] = i;
      for (uint32_t id : plan_.steps(i).reads()) last_use_[content_[id]] = i;
    }
    for (uint32_t id : plan_.outputs()) {
      last_use_[content_[id]] = plan_.steps_size();
      is_output_[content_[id]] = true;
    }
  }

  void PlaceResults(int i) {
    const Step& step = plan_.steps(i);
    for (int w = 0; w < step.writes_size(); ++w) {
      if (target_[step.writes(w)] != kNoBuffer) TryUpdate(i, w);
    }
    for (int w = 0; w < step.writes_size(); ++w) {
      if (storage_[step.writes(w)] == step.writes(w)) TryInPlace(i, w);
    }
  }

  // What a collective on a stream of its own reads and writes is not free before somebody waits for it.
  void HoldWhileInFlight(int i) {
    const Step& step = plan_.steps(i);
    if (step.stream() == 0) return;
    // A reader of stream 1 is not waited for when it begins, but when its own reader does.
    int until = FirstReader(request_, plan_, i);
    while (until < plan_.steps_size() && plan_.steps(until).stream() != 0)
      until = FirstReader(request_, plan_, until);
    const auto hold = [&](uint32_t id) {
      last_use_[content_[id]] = std::max(last_use_[content_[id]], until);
    };
    for (uint32_t id : step.reads()) hold(id);
    for (uint32_t id : step.writes()) hold(id);
  }

  // Writes a result that updates an input straight into the input, when nobody reads the old content afterwards.
  void TryUpdate(int i, int w) {
    const uint32_t result = plan_.steps(i).writes(w), input = target_[result];
    if (last_use_[input] > i || (last_use_[input] == i && !Allows(i, w, input)) ||
        is_output_[input])
      return;
    storage_[result] = input;
    ++statistics_.in_place;
    ++statistics_.updates_in_place;
  }

  void TryInPlace(int i, int w) {
    const Step& step = plan_.steps(i);
    const uint32_t result = step.writes(w);
    for (const auto& [r, result_position] : request_.in_place[static_cast<size_t>(i)]) {
      if (result_position != w) continue;
      const uint32_t operand = content_[step.reads(r)], root = Root(operand);
      const plan::BufferKind kind = At(root).kind();
      if (kind == plan::INPUT || kind == plan::CONSTANT || is_output_[operand]) continue;
      if (last_use_[operand] != i || At(operand).size_bytes() != At(result).size_bytes() ||
          At(result).size_bytes() == 0) {
        continue;
      }
      if (!Allows(i, w, operand) || TakenBy(i, operand)) continue;
      storage_[result] = operand;
      ++statistics_.in_place;
      return;
    }
  }

  // Every operand of the step that shows this content may be overwritten by result w.
  bool Allows(int i, int w, uint32_t content) const {
    const Step& step = plan_.steps(i);
    const auto& allowed = request_.in_place[static_cast<size_t>(i)];
    for (int r = 0; r < step.reads_size(); ++r) {
      if (content_[step.reads(r)] != content) continue;
      if (std::find(allowed.begin(), allowed.end(), std::pair<int, int>(r, w)) == allowed.end())
        return false;
    }
    return true;
  }

  // Another result of the step has taken the operand's storage.
  bool TakenBy(int i, uint32_t operand) const {
    for (uint32_t other : plan_.steps(i).writes()) {
      if (other != operand && Root(other) == Root(operand)) return true;
    }
    return false;
  }

  uint32_t Root(uint32_t id) const {
    while (storage_[id] != id) id = storage_[id];
    return id;
  }

  // After the last step: what nobody could write in place.
  void CopyOtherUpdates() {
    for (const auto& [input, output] : request_.updates) {
      if (storage_[content_[output]] == input) continue;
      ++statistics_.updates_copied;
      const uint32_t id = AddBuffer(input);
      Step* step = plan_.add_steps();
      step->mutable_copy();
      step->set_name(absl::StrCat("update ", At(input).name()));
      step->add_reads(output);
      step->add_writes(id);
      step->set_reason("the old content is read until the end: the update is copied in");
      step->set_bytes_read(static_cast<double>(At(id).size_bytes()));
      step->set_bytes_written(static_cast<double>(At(id).size_bytes()));
      copied_[output].push_back(id);
    }
    // The caller's output is the updated input itself.
    for (auto& [output, copies] : copied_) {
      if (At(Root(output)).kind() == plan::INPUT) continue;  // it is one already
      for (uint32_t& listed : *plan_.mutable_outputs()) {
        if (listed == output) listed = copies.front();
      }
    }
    const int end = plan_.steps_size();
    for (uint32_t id = 0; id < last_use_.size(); ++id) {
      if (is_output_[id]) last_use_[id] = end;
    }
  }

  uint32_t AddBuffer(uint32_t input) {
    const uint32_t id = static_cast<uint32_t>(plan_.buffers_size());
    Buffer* buffer = plan_.add_buffers();
    *buffer = At(input);
    buffer->set_name(absl::StrCat(At(input).name(), ":updated"));
    buffer->set_kind(plan::OUTPUT);
    content_.push_back(id);
    storage_.push_back(input);
    last_use_.push_back(plan_.steps_size());
    made_.push_back(plan_.steps_size());
    is_output_.push_back(true);
    target_.push_back(kNoBuffer);
    return id;
  }

  // Kinds and in_place_of of all buffers that are not their own storage.
  void WriteAliases() {
    std::vector<bool> handed_out(storage_.size(), false);  // the storage goes to the caller
    for (uint32_t id : plan_.outputs()) handed_out[Root(id)] = true;
    for (uint32_t id = 0; id < storage_.size(); ++id) {
      Buffer& buffer = At(id);
      const uint32_t root = Root(id);
      if (buffer.kind() == plan::TEMPORARY && handed_out[root] &&
          At(root).kind() != plan::CONSTANT) {
        // Views of an input that is not updated stay temporary: they are only read.
        const bool of_input = At(root).kind() == plan::INPUT && content_[id] == root;
        if (!of_input) buffer.set_kind(plan::OUTPUT);
      }
      if (root == id) continue;
      const uint32_t base = id < request_.view_of.size() && request_.view_of[id] != kNoBuffer
                                ? request_.view_of[id]
                                : storage_[id];
      buffer.set_in_place_of(base);
    }
  }

  void PlaceInArena() {
    std::map<uint32_t, Slice> slices;  // by root
    for (uint32_t id = 0; id < storage_.size(); ++id) {
      const uint32_t root = Root(id);
      if (At(root).kind() != plan::TEMPORARY) continue;
      const int first = std::max(0, made_[content_[id]]);
      const int last =
          std::min(std::max(last_use_[content_[id]], first), std::max(0, plan_.steps_size() - 1));
      auto [it, fresh] = slices.emplace(root, Slice{At(root).size_bytes(), first, last, 0});
      it->second.first = std::min(it->second.first, first);
      it->second.last = std::max(it->second.last, last);
      if (made_[id] >= 0) statistics_.sum_bytes += At(id).size_bytes();
    }
    std::vector<Slice> order;
    for (const auto& [root, slice] : slices) order.push_back(slice);
    statistics_.lower_bound = ArenaLowerBound(order);
    statistics_.arena_bytes = PlanArena(absl::MakeSpan(order));
    size_t k = 0;
    for (auto& [root, slice] : slices) slice = order[k++];
    for (uint32_t id = 0; id < storage_.size(); ++id) {
      auto it = slices.find(Root(id));
      if (it == slices.end()) continue;
      At(id).set_offset(it->second.offset);
      At(id).set_first_step(it->second.first);
      At(id).set_last_step(it->second.last);
    }
    plan_.set_arena_bytes(statistics_.arena_bytes);
  }

  const MemoryRequest& request_;
  plan::Plan& plan_;
  MemoryStatistics statistics_;
  // All by buffer id.
  std::vector<uint32_t> content_;  // the buffer whose bytes a view shows; itself otherwise
  std::vector<uint32_t> storage_;  // the buffer whose storage it takes over; itself otherwise
  std::vector<int> last_use_;      // of a content; -1: never read
  std::vector<int> made_;          // step that writes it; -1: inputs, constants, views
  std::vector<bool> is_output_;    // a content that the caller gets
  std::vector<uint32_t> target_;   // the input that a content updates
  std::map<uint32_t, std::vector<uint32_t>> copied_;
};

}  // namespace

std::string MemoryStatistics::ToString() const {
  const double above =
      lower_bound == 0
          ? 0
          : 100 * (static_cast<double>(arena_bytes) / static_cast<double>(lower_bound) - 1);
  return absl::StrCat("arena ", Megabytes(arena_bytes), ", lower bound ", Megabytes(lower_bound),
                      absl::StrFormat(" (+%.1f %%); ", above), Megabytes(sum_bytes),
                      " without sharing, ", in_place, " results in place, ", updates_in_place,
                      " updates in place, ", updates_copied, " copied");
}

MemoryStatistics PlanMemory(const MemoryRequest& request, plan::Plan* plan) {
  return Planner(request, plan).Run();
}

}  // namespace strata::compiler
