#include "compiler/plan/memory_use.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/memory/arena.h"
#include "compiler/plan/explain.h"

namespace strata::plan {
namespace {

std::string Bytes(uint64_t bytes) { return HumanNumber(static_cast<double>(bytes), "B"); }

double Above(uint64_t bytes, uint64_t bound) {
  return bound == 0 ? 0 : 100 * (static_cast<double>(bytes) / static_cast<double>(bound) - 1);
}

}  // namespace

MemoryUse MemoryUseOf(const Plan& plan) {
  MemoryUse use;
  use.arena = plan.arena_bytes();
  std::vector<compiler::Slice> slices;
  for (const Buffer& buffer : plan.buffers()) {
    if (buffer.has_in_place_of()) continue;  // counted where its storage is
    if (buffer.kind() == INPUT) use.inputs += buffer.size_bytes();
    if (buffer.kind() == OUTPUT) use.outputs += buffer.size_bytes();
    if (buffer.kind() == CONSTANT) use.constants += buffer.size_bytes();
    if (buffer.kind() == TEMPORARY)
      slices.push_back({buffer.size_bytes(), buffer.first_step(), buffer.last_step(), 0});
  }
  const compiler::ArenaLoad load = compiler::ArenaLoadOf(slices);
  use.arena_lower_bound = load.most;
  if (load.most > 0) use.fullest_step = load.at;
  return use;
}

std::string MemoryUse::ToString() const {
  return absl::StrCat("arena ", Bytes(arena), ", lower bound ", Bytes(arena_lower_bound),
                      absl::StrFormat(" (+%.1f %%)", Above(arena, arena_lower_bound)), "; with ",
                      Bytes(inputs), " of inputs, ", Bytes(outputs), " of other results and ",
                      Bytes(constants), " of constants ", Bytes(peak()), ", lower bound ",
                      Bytes(lower_bound()),
                      absl::StrFormat(" (+%.1f %%)", Above(peak(), lower_bound())));
}

}  // namespace strata::plan
