#include "chips/npu/sim/reference_simulator.h"

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>

#include "chips/npu/sim/sequencer.h"

namespace strata::chips::npu {
namespace {

constexpr int64_t kStill = 5'000;  // no single instruction takes as long

struct Queued {
  Resolved in;
  int64_t visible;
};

struct Machinery {
  std::vector<std::deque<Queued>> queues;
  std::vector<int64_t> busy_until;
  std::vector<int64_t> complete_at;
  std::map<std::pair<int, int64_t>, int64_t> bank_busy_until;  // (memory, bank)
  // (from, to, index): cycles from which on tokens are there.
  std::map<std::tuple<int64_t, int64_t, int64_t>, std::deque<int64_t>> tokens;
};

// The banks that bytes of an access lie in, found byte row by byte row, and those between.
std::vector<std::pair<int, int64_t>> BanksOf(const Core& core, const Effect& effect) {
  std::vector<std::pair<int, int64_t>> banks;
  for (int i = 0; i < effect.access_count; ++i) {
    const Access& access = effect.accesses[static_cast<size_t>(i)];
    if (access.rows * access.row_bytes == 0) continue;
    const MemorySpec& memory = core.memories()[static_cast<size_t>(access.memory)];
    const int64_t end = access.address + (access.rows - 1) * access.stride + access.row_bytes;
    for (int64_t bank = 0; bank < memory.banks; ++bank) {
      const int64_t size = memory.bytes / memory.banks;
      if (access.address < (bank + 1) * size && end > bank * size) {
        banks.push_back({access.memory, bank});
      }
    }
  }
  return banks;
}

std::tuple<int64_t, int64_t, int64_t> Key(const Resolved& in) {
  return {in.values[0], in.values[1], in.values[2]};
}

// Starts the head of a queue at cycle `now` if the rules allow it.
absl::StatusOr<bool> TryStart(const Core& core, size_t unit, int64_t now, Machinery* m) {
  std::deque<Queued>& queue = m->queues[unit];
  if (queue.empty() || queue.front().visible > now || m->busy_until[unit] > now) return false;
  const Resolved in = queue.front().in;
  if (in.row->opcode == kWait) {
    std::deque<int64_t>& given = m->tokens[Key(in)];
    if (given.empty() || given.front() > now) return false;
    given.pop_front();
    m->busy_until[unit] = now + 1;
    m->complete_at[unit] = std::max(m->complete_at[unit], now + 1);
  } else if (in.row->opcode == kBarrier) {
    if (m->complete_at[unit] > now) return false;
    m->busy_until[unit] = m->complete_at[unit] = now + 1;
  } else if (in.row->opcode == kSignal) {
    m->tokens[Key(in)].push_back(std::max(m->complete_at[unit], now + 1));
    m->busy_until[unit] = now + 1;
    m->complete_at[unit] = std::max(m->complete_at[unit], now + 1);
  } else {
    Effect effect;
    STRATA_RETURN_IF_ERROR(core.EffectOf(in, &effect));
    const auto banks = BanksOf(core, effect);
    for (const auto& bank : banks) {
      if (m->bank_busy_until[bank] > now) return false;
    }
    for (const auto& bank : banks) m->bank_busy_until[bank] = now + effect.busy;
    m->busy_until[unit] = now + effect.busy;
    m->complete_at[unit] = std::max(m->complete_at[unit], now + effect.latency);
  }
  queue.pop_front();
  return true;
}

bool IsQuiet(const Machinery& m, int64_t now) {
  for (size_t u = 0; u < m.queues.size(); ++u) {
    if (!m.queues[u].empty() || m.complete_at[u] > now) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<ReferenceRun> ReferenceSimulate(const Core& core, const Program& program) {
  STRATA_ASSIGN_OR_RETURN(Sequencer sequencer, Sequencer::Create(program));
  const size_t units = core.isa().units.size();
  Machinery m = {std::vector<std::deque<Queued>>(units),
                 std::vector<int64_t>(units),
                 std::vector<int64_t>(units),
                 {},
                 {}};
  ReferenceRun run;
  Resolved next;
  bool pending = sequencer.Next(&next);
  int64_t moved = 0;
  for (int64_t now = 0; now < moved + kStill; ++now) {
    if (!pending && IsQuiet(m, now)) {
      run.cycles = now;
      return run;
    }
    for (size_t unit = 1; unit < units; ++unit) {
      if (m.queues[unit].empty()) continue;
      const size_t index = m.queues[unit].front().in.index;
      STRATA_ASSIGN_OR_RETURN(const bool started, TryStart(core, unit, now, &m));
      if (!started) continue;
      moved = now;
      run.starts.push_back({now, static_cast<int>(unit), index});
    }
    if (!pending) continue;
    if (next.row->opcode == kFence) {
      if (!IsQuiet(m, now)) continue;
    } else if (next.unit != kControlUnit) {
      std::deque<Queued>& queue = m.queues[static_cast<size_t>(next.unit)];
      if (queue.size() == static_cast<size_t>(core.queue_depth())) continue;
      queue.push_back({next, now + 1});
    }
    moved = now;
    pending = sequencer.Next(&next);
  }
  return absl::FailedPreconditionError("nothing moves any more");
}

}  // namespace strata::chips::npu
