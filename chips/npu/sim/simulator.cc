#include "chips/npu/sim/simulator.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>

#include "absl/strings/str_join.h"
#include "chips/npu/isa/disassembler.h"
#include "chips/npu/sim/banks.h"
#include "chips/npu/sim/sequencer.h"
#include "chips/npu/sim/token.h"

namespace strata::chips::npu {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr uint64_t kMaxImage = uint64_t{1} << 32;

// An instruction in a queue.
struct Item {
  Resolved in;
  Effect effect;
  std::vector<int> banks;
  int64_t visible = 0;  // first cycle after its dispatch
};

struct Unit {
  std::deque<Item> queue;
  int64_t free = 0;      // the last instruction is not busy any more
  int64_t complete = 0;  // all that started are complete
  int64_t space = 0;     // start of the last instruction that left a full queue
};

// When a head can start, and what held it.
struct Candidate {
  int64_t start = kNever;
  int64_t ready = 0;
  Stall stall = Stall::kDispatch;
};

class Simulator {
 public:
  Simulator(const Core& core, const Program& program, const SimulationOptions& options,
            Sequencer sequencer)
      : core_(core),
        program_(program),
        options_(options),
        sequencer_(std::move(sequencer)),
        depth_(static_cast<size_t>(core.queue_depth())),
        map_(core),
        bank_free_(map_.is_dram.size(), 0),
        tokens_(kTokens),
        units_(core.isa().units.size()) {
    if (options.image != nullptr) datapath_ = core.NewDatapath(options.image);
    run_.units.resize(units_.size());
    run_.memories.resize(core.memories().size());
    pending_ = sequencer_.Next(&next_);
  }

  absl::StatusOr<Simulation> Run() {
    while (true) {
      STRATA_RETURN_IF_ERROR(Dispatch());
      size_t first = 0;
      Candidate best;
      for (size_t u = 1; u < units_.size(); ++u) {
        const Candidate candidate = HeadOf(units_[u]);
        if (candidate.start >= best.start) continue;
        best = candidate;
        first = u;
      }
      if (best.start == kNever) break;
      Start(first, best);
    }
    if (pending_ || !AllEmpty()) return Stuck();
    run_.cycles = dispatch_time_;
    for (const Unit& unit : units_) run_.cycles = std::max(run_.cycles, unit.complete);
    return std::move(run_);
  }

 private:
  bool AllEmpty() const {
    return std::all_of(units_.begin(), units_.end(), [](const Unit& u) { return u.queue.empty(); });
  }

  // Dispatches until a queue is full or a fence holds. dispatch_time_ is the first free cycle.
  absl::Status Dispatch() {
    while (pending_) {
      if (next_.row->opcode == kFence) {
        if (!AllEmpty()) return absl::OkStatus();
        for (const Unit& unit : units_) dispatch_time_ = std::max(dispatch_time_, unit.complete);
      } else if (next_.unit != kControlUnit) {
        Unit& unit = units_[static_cast<size_t>(next_.unit)];
        if (unit.queue.size() == depth_) {
          blocked_ = true;
          return absl::OkStatus();
        }
        // A place that this instruction had to wait for was free only from `space` on.
        if (blocked_) dispatch_time_ = std::max(dispatch_time_, unit.space);
        STRATA_RETURN_IF_ERROR(Push(&unit));
      }
      blocked_ = false;
      ++dispatch_time_;
      ++run_.dispatched;
      pending_ = sequencer_.Next(&next_);
    }
    return absl::OkStatus();
  }

  absl::Status Push(Unit* unit) {
    unit->queue.emplace_back();
    Item& item = unit->queue.back();
    item.in = next_;
    item.visible = dispatch_time_ + 1;
    if (IsToken(next_.row->opcode)) return absl::OkStatus();
    absl::Status status = core_.EffectOf(next_, &item.effect);
    if (status.ok()) status = CheckAccesses(core_, program_, item.effect);
    if (!status.ok()) return Annotate(status, Name(next_.index));
    for (int i = 0; i < item.effect.access_count; ++i) {
      map_.Append(item.effect.accesses[static_cast<size_t>(i)], &item.banks);
    }
    return absl::OkStatus();
  }

  Candidate HeadOf(const Unit& unit) const {
    Candidate candidate;
    if (unit.queue.empty()) return candidate;
    const Item& item = unit.queue.front();
    candidate.ready = std::max(unit.free, item.visible);
    candidate.start = candidate.ready;
    if (item.in.row->opcode == kWait) {
      const std::deque<int64_t>& given = tokens_[static_cast<size_t>(TokenOf(item.in))];
      candidate.stall = Stall::kToken;
      candidate.start = given.empty() ? kNever : std::max(candidate.ready, given.front());
      return candidate;
    }
    if (item.in.row->opcode == kBarrier) {
      candidate.stall = Stall::kToken;
      candidate.start = std::max(candidate.ready, unit.complete);
    }
    for (const int bank : item.banks) {
      const size_t b = static_cast<size_t>(bank);
      if (bank_free_[b] <= candidate.start) continue;
      candidate.start = bank_free_[b];
      candidate.stall = map_.is_dram[b] ? Stall::kDram : Stall::kBank;
    }
    return candidate;
  }

  void Start(size_t u, const Candidate& candidate) {
    Unit& unit = units_[u];
    const Item& item = unit.queue.front();
    const int64_t start = candidate.start;
    UnitStats& stats = run_.units[u];
    stats.stalls[static_cast<size_t>(Stall::kDispatch)] += candidate.ready - unit.free;
    stats.stalls[static_cast<size_t>(candidate.stall)] += start - candidate.ready;
    int64_t end = start + 1;
    int64_t complete = start + 1;
    if (item.in.row->opcode == kSignal) {
      tokens_[static_cast<size_t>(TokenOf(item.in))].push_back(std::max(unit.complete, start + 1));
    } else if (item.in.row->opcode == kWait) {
      tokens_[static_cast<size_t>(TokenOf(item.in))].pop_front();
    } else if (item.in.row->opcode != kBarrier) {
      end = start + item.effect.busy;
      complete = start + item.effect.latency;
      for (const int bank : item.banks) bank_free_[static_cast<size_t>(bank)] = end;
      if (datapath_ != nullptr) datapath_->Execute(item.in);
    }
    Account(item, candidate.ready, start, end, &stats);
    unit.free = end;
    unit.complete = std::max(unit.complete, complete);
    unit.space = start;
    unit.queue.pop_front();
  }

  void Account(const Item& item, int64_t ready, int64_t start, int64_t end, UnitStats* stats) {
    Span span = {item.in.index, item.in.unit, ready, start, end, 0, 0};
    const bool token = IsToken(item.in.row->opcode);
    (token ? stats->token_cycles : stats->busy) += end - start;
    if (!token) ++stats->instructions;
    for (int i = 0; i < item.effect.access_count; ++i) {
      const Access& access = item.effect.accesses[static_cast<size_t>(i)];
      MemoryStats& memory = run_.memories[static_cast<size_t>(access.memory)];
      const int64_t bytes = std::max(access.rows * access.row_bytes, access.moved_bytes);
      const bool read = !access.write || access.read_first;
      if (read) memory.read_bytes += bytes;
      if (access.write) memory.written_bytes += bytes;
      span.bytes += bytes * (access.write && read ? 2 : 1);
    }
    for (size_t i = 0; i < core_.events().size(); ++i) {
      run_.events[i] += item.effect.events[i];
      if (core_.events()[i].mac) span.macs += item.effect.events[i];
    }
    if (options_.record_spans) run_.spans.push_back(span);
  }

  std::string Name(size_t index) const {
    return absl::StrCat(program_.Where(index), ": ",
                        Disassemble(core_.isa(), program_.instructions[index]));
  }

  absl::Status Stuck() const {
    std::vector<std::string> heads;
    for (const Unit& unit : units_) {
      if (!unit.queue.empty()) heads.push_back(Name(unit.queue.front().in.index));
    }
    return absl::FailedPreconditionError(
        absl::StrCat("deadlock: ", absl::StrJoin(heads, " and "), ": not signalled"));
  }

  const Core& core_;
  const Program& program_;
  const SimulationOptions& options_;
  Sequencer sequencer_;
  const size_t depth_;
  const BankMap map_;
  std::unique_ptr<Datapath> datapath_;
  std::vector<int64_t> bank_free_;
  std::vector<std::deque<int64_t>> tokens_;  // times at which they are there
  std::vector<Unit> units_;
  Resolved next_;
  bool pending_ = false;
  bool blocked_ = false;
  int64_t dispatch_time_ = 0;
  Simulation run_;
};

}  // namespace

absl::StatusOr<MemoryImage> NewImage(const Core& core, const Program& program) {
  STRATA_RETURN_IF_ERROR(CheckRegions(core, program));
  MemoryImage image(core.memories().size());
  for (size_t i = 0; i < image.size(); ++i) {
    uint64_t bytes = static_cast<uint64_t>(core.memories()[i].bytes);
    if (core.memories()[i].declared) {
      bytes = 0;
      for (const Region& region : program.regions) {
        bytes = std::max(bytes, region.address + region.bytes);
      }
    }
    if (bytes > kMaxImage) {
      return absl::ResourceExhaustedError(
          absl::StrCat(core.memories()[i].name, ": ", bytes,
                       " bytes are more than the simulator holds; move the regions down"));
    }
    image[i].resize(bytes);
  }
  return image;
}

absl::StatusOr<Simulation> Simulate(const Core& core, const Program& program,
                                    const SimulationOptions& options) {
  STRATA_RETURN_IF_ERROR(CheckRegions(core, program));
  STRATA_ASSIGN_OR_RETURN(Sequencer sequencer, Sequencer::Create(program));
  return Simulator(core, program, options, std::move(sequencer)).Run();
}

int64_t Macs(const Core& core, const Simulation& run) {
  int64_t macs = 0;
  for (size_t i = 0; i < core.events().size(); ++i) {
    if (core.events()[i].mac) macs += run.events[i];
  }
  return macs;
}

}  // namespace strata::chips::npu
