#include "chips/npu/sim/verifier.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "chips/npu/isa/disassembler.h"
#include "chips/npu/sim/sequencer.h"
#include "chips/npu/sim/shadow.h"
#include "chips/npu/sim/token.h"

namespace strata::chips::npu {
namespace {

constexpr int64_t kForgetEvery = 4096;

// A signal that was given: what the signalling unit knew, and where it stands.
struct Given {
  Clock clock;
  size_t index;
};

class Verifier {
 public:
  Verifier(const Core& core, const Program& program, Sequencer sequencer)
      : core_(core),
        program_(program),
        sequencer_(std::move(sequencer)),
        depth_(static_cast<size_t>(core.queue_depth())),
        queues_(core.isa().units.size()),
        clocks_(core.isa().units.size()),
        shadows_(core.memories().size()) {
    pending_ = sequencer_.Next(&next_);
    FillRegions();
    for (const Instruction& instruction : program.instructions) {
      used_[static_cast<size_t>(Sequencer::UnitOf(instruction))] = true;
    }
    used_[kControlUnit] = false;
  }

  absl::Status Run() {
    while (true) {
      Dispatch();
      std::deque<Resolved>* first = FirstQueue();
      if (first == nullptr) break;
      STRATA_RETURN_IF_ERROR(Start(first->front()));
      first->pop_front();
    }
    if (pending_ || !AllEmpty()) return Deadlock();
    return CheckTokensAreTaken();
  }

 private:
  void FillRegions() {
    for (size_t memory = 0; memory < shadows_.size(); ++memory) {
      if (!core_.memories()[memory].declared) continue;
      for (const Region& region : program_.regions) {
        if (region.kind != RegionKind::kInput) continue;
        shadows_[memory].Fill(static_cast<int64_t>(region.address),
                              static_cast<int64_t>(region.address + region.bytes));
      }
    }
  }

  bool AllEmpty() const {
    return std::all_of(queues_.begin(), queues_.end(), [](const auto& q) { return q.empty(); });
  }

  // Of the queues whose head can start, that with the oldest: in the program's order as far as tokens
  // let it, so that what misses a token is found behind what it should have waited for.
  std::deque<Resolved>* FirstQueue() {
    std::deque<Resolved>* first = nullptr;
    for (std::deque<Resolved>& queue : queues_) {
      if (queue.empty() || !CanStart(queue.front())) continue;
      if (first == nullptr || queue.front().order < first->front().order) first = &queue;
    }
    return first;
  }

  // Puts instructions into queues until one is full or a fence holds.
  void Dispatch() {
    while (pending_) {
      if (next_.row->opcode == kFence) {
        if (!AllEmpty()) return;
        Fence();
      } else if (next_.unit != kControlUnit) {
        std::deque<Resolved>& queue = queues_[static_cast<size_t>(next_.unit)];
        if (queue.size() == depth_) return;
        queue.push_back(next_);
      }
      pending_ = sequencer_.Next(&next_);
    }
  }

  void Fence() {
    for (Clock& clock : clocks_) clock = numbers_;
  }

  bool CanStart(const Resolved& in) {
    return in.row->opcode != kWait || !tokens_[TokenOf(in)].empty();
  }

  absl::Status Start(const Resolved& in) {
    Clock& clock = clocks_[static_cast<size_t>(in.unit)];
    if (in.row->opcode == kSignal) {
      Clock known = clock;
      known[static_cast<size_t>(in.unit)] = numbers_[static_cast<size_t>(in.unit)];
      tokens_[TokenOf(in)].push_back({known, in.index});
      return absl::OkStatus();
    }
    if (in.row->opcode == kWait) {
      std::deque<Given>& given = tokens_[TokenOf(in)];
      for (size_t i = 0; i < clock.size(); ++i) {
        clock[i] = std::max(clock[i], given.front().clock[i]);
      }
      given.pop_front();
      return absl::OkStatus();
    }
    if (in.row->opcode == kBarrier) {
      clock[static_cast<size_t>(in.unit)] = numbers_[static_cast<size_t>(in.unit)];
      return absl::OkStatus();
    }
    return CheckInstruction(in, clock);
  }

  absl::Status CheckInstruction(const Resolved& in, const Clock& clock) {
    Effect effect;
    absl::Status status = core_.EffectOf(in, &effect);
    if (status.ok()) status = CheckAccesses(core_, program_, effect);
    if (!status.ok()) return Annotate(status, Name(in.index));
    const int64_t number = ++numbers_[static_cast<size_t>(in.unit)];
    if (++checked_ % kForgetEvery == 0) Forget();
    const Stamp stamp = {in.unit, number, in.index, in.order};
    for (int i = 0; i < effect.access_count; ++i) {
      const Access& access = effect.accesses[static_cast<size_t>(i)];
      if (!access.write || access.read_first) {
        STRATA_RETURN_IF_ERROR(Touch(access, false, stamp, clock));
      }
      if (access.write) STRATA_RETURN_IF_ERROR(Touch(access, true, stamp, clock));
    }
    return absl::OkStatus();
  }

  absl::Status Touch(const Access& access, bool write, const Stamp& stamp, const Clock& clock) {
    if (access.rows == 0 || access.row_bytes == 0) return absl::OkStatus();
    Rows rows = {access.address, access.rows, access.row_bytes, access.stride};
    if (access.stride == access.row_bytes) rows = {access.address, 1, rows.end() - rows.begin, 0};
    Shadow& shadow = shadows_[static_cast<size_t>(access.memory)];
    const Finding finding = write ? shadow.Write(rows, stamp, clock)
                                  : shadow.Read(rows, stamp, clock, !core_.SeesItself(stamp.unit));
    if (finding.hazard == Hazard::kNone) return absl::OkStatus();
    return Explain(access.memory, write, finding, stamp);
  }

  // Lets the shadows drop what all units that the program uses know to be complete.
  void Forget() {
    Clock known = numbers_;
    for (size_t unit = 0; unit < clocks_.size(); ++unit) {
      if (!used_[unit]) continue;
      for (size_t other = 0; other < known.size(); ++other) {
        const bool complete = other == unit && core_.SeesItself(static_cast<int>(unit));
        if (!complete) known[other] = std::min(known[other], clocks_[unit][other]);
      }
    }
    for (Shadow& shadow : shadows_) shadow.Forget(known);
  }

  // Of two instructions that nothing orders, the one that is dispatched later is at fault.
  absl::Status Explain(int memory, bool write, const Finding& finding, const Stamp& stamp) const {
    const std::string where = absl::StrCat(core_.memories()[static_cast<size_t>(memory)].name, " [",
                                           finding.begin, ", ", finding.end, ")");
    if (finding.hazard == Hazard::kUnwritten) {
      return absl::InvalidArgumentError(
          absl::StrCat(Name(stamp.index), ": reads ", where, ", which nothing has written"));
    }
    const Stamp* first = &finding.earlier;
    const Stamp* second = &stamp;
    bool first_writes = finding.hazard != Hazard::kWriteAfterRead;
    bool second_writes = write;
    if (first->order > second->order) {
      std::swap(first, second);
      std::swap(first_writes, second_writes);
    }
    return absl::InvalidArgumentError(
        absl::StrCat(Name(second->index), ": ", second_writes ? "writes " : "reads ", where,
                     " and is not ordered after ", Name(first->index), ", which ",
                     first_writes ? "writes" : "reads", " it; ", Remedy(*first, *second)));
  }

  // What to insert, as it would stand in the program.
  std::string Remedy(const Stamp& first, const Stamp& second) const {
    const auto name = [this](int unit) {
      return core_.isa().units[static_cast<size_t>(unit)].name;
    };
    const auto row = [this](uint8_t opcode) { return core_.isa().FindOpcode(opcode)->name; };
    if (first.unit == second.unit) {
      return absl::StrCat("put ", row(kBarrier), " ", name(first.unit), " between them");
    }
    const std::string operands = absl::StrCat(" ", name(first.unit), ", ", name(second.unit), ", ",
                                              FreeToken(first.unit, second.unit));
    return absl::StrCat("put ", row(kSignal), operands, " behind ", program_.Where(first.index),
                        " and ", row(kWait), operands, " before ", program_.Where(second.index));
  }

  // The least index that the program does not use for this pair of units; 0 when it uses all.
  int FreeToken(int from, int to) const {
    std::array<bool, kTokenIndices> used = {};
    for (const Instruction& instruction : program_.instructions) {
      const auto& operands = instruction.operands;
      if (instruction.row->opcode != kSignal && instruction.row->opcode != kWait) continue;
      if (operands[0].value != from || operands[1].value != to) continue;
      used[static_cast<size_t>(operands[2].value)] = true;
    }
    const auto free = std::find(used.begin(), used.end(), false);
    return free == used.end() ? 0 : static_cast<int>(free - used.begin());
  }

  std::string Name(size_t index) const {
    return absl::StrCat(program_.Where(index), ": ",
                        Disassemble(core_.isa(), program_.instructions[index]));
  }

  absl::Status Deadlock() const {
    std::vector<std::string> stuck;
    for (const std::deque<Resolved>& queue : queues_) {
      if (!queue.empty()) stuck.push_back(Name(queue.front().index));
    }
    std::string held =
        "; the program has no further instruction, so no signal comes; add the signal "
        "or take out the wait";
    if (pending_) {
      const bool fence = next_.row->opcode == kFence;
      held = absl::StrCat("; the control unit is held at ", Name(next_.index),
                          fence ? ", which waits for the queues"
                                : absl::StrCat(", whose queue of ", depth_, " is full"),
                          "; put each signal before its wait in the program");
    }
    return absl::InvalidArgumentError(
        absl::StrCat("deadlock: ", absl::StrJoin(stuck, " and "), ": not signalled", held));
  }

  absl::Status CheckTokensAreTaken() const {
    for (const auto& [token, given] : tokens_) {
      if (given.empty()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(Name(given.front().index),
                       ": nothing waits for this token; add the wait or take out the signal"));
    }
    return absl::OkStatus();
  }

  const Core& core_;
  const Program& program_;
  Sequencer sequencer_;
  const size_t depth_;
  Resolved next_;
  bool pending_ = false;
  std::vector<std::deque<Resolved>> queues_;
  std::map<int, std::deque<Given>> tokens_;
  std::vector<Clock> clocks_;  // what each unit knows
  Clock numbers_ = {};         // instructions each unit has done
  std::vector<Shadow> shadows_;
  std::array<bool, kMaxUnits> used_ = {};  // units to which the program sends instructions
  int64_t checked_ = 0;
};

}  // namespace

absl::Status Verify(const Core& core, const Program& program) {
  STRATA_RETURN_IF_ERROR(CheckRegions(core, program));
  STRATA_ASSIGN_OR_RETURN(Sequencer sequencer, Sequencer::Create(program));
  return Verifier(core, program, std::move(sequencer)).Run();
}

}  // namespace strata::chips::npu
