#include "compiler/npu/barrier_tracker.h"

#include <algorithm>

#include "chips/npu/sim/shadow.h"

namespace strata::compiler {
namespace {

using chips::npu::Access;
using chips::npu::Effect;

bool IsEmpty(const Access& access) { return access.rows == 0 || access.row_bytes == 0; }

bool Overlap(const Access& a, const Access& b) {
  if (a.memory != b.memory) return false;
  const chips::npu::Overlap shared = chips::npu::FirstOverlap(
      {a.address, a.rows, a.row_bytes, a.stride}, {b.address, b.rows, b.row_bytes, b.stride});
  return shared.begin < shared.end;
}

}  // namespace

bool BarrierTracker::ReadsFresh(size_t unit, const Effect& effect) const {
  for (int i = 0; i < effect.access_count; ++i) {
    const Access& access = effect.accesses[static_cast<size_t>(i)];
    if (IsEmpty(access) || (access.write && !access.read_first)) continue;
    const bool fresh = std::any_of(fresh_[unit].begin(), fresh_[unit].end(),
                                   [&](const Access& write) { return Overlap(access, write); });
    if (fresh) return true;
  }
  return false;
}

bool BarrierTracker::Append(int unit, const Effect& effect) {
  if (core_.SeesItself(unit)) return false;
  std::vector<Access>& fresh = fresh_[static_cast<size_t>(unit)];
  const bool barrier = ReadsFresh(static_cast<size_t>(unit), effect);
  if (barrier) fresh.clear();
  for (int i = 0; i < effect.access_count; ++i) {
    const Access& access = effect.accesses[static_cast<size_t>(i)];
    if (access.write && !IsEmpty(access)) fresh.push_back(access);
  }
  return barrier;
}

}  // namespace strata::compiler
