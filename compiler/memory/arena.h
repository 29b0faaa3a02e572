// PlanArena: places slices with known lifetimes in one arena, so that slices live at the same time share no byte.
//
//   std::vector<Slice> slices = {{1024, 0, 3}, {512, 4, 9}};   // bytes, first and last step
//   const uint64_t bytes = PlanArena(absl::MakeSpan(slices));  // fills Slice::offset; here 1024: the second reuses
//
// Greedy: one slice after the other, each into the tightest gap that is free for its whole life (Pisarchyk and Lee 2020,
// "Efficient memory management for deep neural net inference"), in several orders: by size, by size times life, by life
// (a backward pass frees in the order opposite to the forward pass: long lives go to the bottom), by how full the arena
// is meanwhile, and mixtures. If none comes within half a per cent of the lower bound, a search climbs from the best order: what lies
// at the top is placed earlier than what it met. The search is bounded and deterministic.
#ifndef STRATA_COMPILER_MEMORY_ARENA_H_
#define STRATA_COMPILER_MEMORY_ARENA_H_

#include <cstdint>

#include "absl/types/span.h"

namespace strata::compiler {

inline constexpr uint64_t kArenaAlignment = 64;

struct Slice {
  uint64_t bytes = 0;
  int first = 0, last = 0;  // steps, both included; first <= last
  uint64_t offset = 0;      // result: a multiple of kArenaAlignment
};

// Fills the offsets; returns the size of the arena.
uint64_t PlanArena(absl::Span<Slice> slices);

// The most bytes that are live at one step (each slice rounded up to the alignment), and the first step with so many.
struct ArenaLoad {
  uint64_t most = 0;
  int at = 0;
};
ArenaLoad ArenaLoadOf(absl::Span<const Slice> slices);

// No arena can be smaller.
inline uint64_t ArenaLowerBound(absl::Span<const Slice> slices) { return ArenaLoadOf(slices).most; }

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_MEMORY_ARENA_H_
