#include "compiler/npu/dispatch_order.h"

#include <algorithm>
#include <limits>

#include "chips/npu/sim/banks.h"

namespace strata::compiler {
namespace {

using chips::npu::BankMap;
using chips::npu::Core;
using chips::npu::Effect;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

class Timing {
 public:
  Timing(const Core& core, const std::vector<TimedStep>& steps)
      : steps_(steps),
        map_(core),
        bank_free_(map_.is_dram.size()),
        complete_(steps.size(), kNever),
        units_(core.isa().units.size()) {
    for (size_t i = 0; i < steps.size(); ++i) {
      units_[static_cast<size_t>(steps[i].unit)].queue.push_back(i);
    }
  }

  std::vector<size_t> Run() {
    std::vector<size_t> order;
    order.reserve(steps_.size());
    while (order.size() < steps_.size()) {
      size_t first = 0;
      int64_t start = kNever;
      for (size_t u = 0; u < units_.size(); ++u) {
        if (units_[u].start == kNever) units_[u].start = StartOfHead(units_[u]);
        const int64_t at = std::max(units_[u].start, BanksFree(units_[u]));
        if (at < start) {
          start = at;
          first = u;
        }
      }
      order.push_back(Start(start, &units_[first]));
    }
    return order;
  }

 private:
  struct Unit {
    std::vector<size_t> queue;
    size_t head = 0;
    int64_t free = 0;
    int64_t complete = 0;
    int64_t start = kNever;  // of the head, as far as tokens go; kNever: not known yet
    std::vector<int> banks;  // of the head
  };

  int64_t StartOfHead(Unit& unit) {
    if (unit.head == unit.queue.size()) return kNever;
    const TimedStep& step = steps_[unit.queue[unit.head]];
    int64_t start = unit.free;
    for (const size_t wait : *step.waits) {
      if (complete_[wait] == kNever) return kNever;
      start = std::max(start, complete_[wait]);
    }
    unit.banks.clear();
    for (int i = 0; i < step.effect->access_count; ++i) {
      map_.Append(step.effect->accesses[static_cast<size_t>(i)], &unit.banks);
    }
    return start;
  }

  int64_t BanksFree(const Unit& unit) const {
    int64_t free = 0;
    if (unit.start == kNever) return free;
    for (const int bank : unit.banks) {
      free = std::max(free, bank_free_[static_cast<size_t>(bank)]);
    }
    return free;
  }

  size_t Start(int64_t start, Unit* unit) {
    const size_t index = unit->queue[unit->head++];
    const Effect& effect = *steps_[index].effect;
    unit->free = start + effect.busy;
    unit->complete = std::max(unit->complete, start + effect.latency);
    complete_[index] = unit->complete;
    for (const int bank : unit->banks) bank_free_[static_cast<size_t>(bank)] = unit->free;
    unit->start = kNever;
    return index;
  }

  const std::vector<TimedStep>& steps_;
  const BankMap map_;
  std::vector<int64_t> bank_free_;
  std::vector<int64_t> complete_;
  std::vector<Unit> units_;
};

}  // namespace

std::vector<size_t> DispatchOrder(const Core& core, const std::vector<TimedStep>& steps) {
  return Timing(core, steps).Run();
}

}  // namespace strata::compiler
