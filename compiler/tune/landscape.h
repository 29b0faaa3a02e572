// Landscapes: search spaces with costs from a formula, for tests and labs: the optimum is known by exhaustive search,
// and nothing depends on a clock.
//
//   const Landscape landscape = GemmLandscape({.m = 512, .n = 768, .k = 768});
//   FunctionMeasure measure(&landscape.space, landscape.cost);
#ifndef STRATA_COMPILER_TUNE_LANDSCAPE_H_
#define STRATA_COMPILER_TUNE_LANDSCAPE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/tune/measure.h"
#include "compiler/tune/search_space.h"

namespace strata::compiler::tune {

struct Landscape {
  std::string name;
  SearchSpace space;
  FunctionMeasure::Function cost;
};

// A blocked matrix product C[m, n] = A[m, k] B[k, n] in f32 on a core with 32 vector registers of 16 lanes, counted
// instead of run: vector multiply-adds (whole tiles, so remainders cost what full ones do), loads, the latency of too
// small a tile, spills of too large a one, the lines that come from each cache level because a block does not stay in
// the level below, and packing. Knobs: MR rows and NV vectors of the register tile, KC, the panels NCP of a block of B, MC rows of
// a block of A, whether C is prefetched, which loop is outside. Costs in cycles. A tile of more than 48 accumulators fails.
struct GemmSize {
  int64_t m = 512, n = 512, k = 512;
  int64_t threads = 1;
};
Landscape GemmLandscape(const GemmSize& size);

// Every knob by itself: the bowl that any strategy should find.
Landscape BowlLandscape();

// Many valleys: knobs that matter only in pairs, and a fixed roughness of +-10 % at every point. A sixteenth of it fails.
Landscape RuggedLandscape(uint64_t seed);

struct Optimum {
  Config config;
  double cost = 0;
  int64_t valid = 0;  // points that have a cost
};
Optimum FindOptimum(const Landscape& landscape);

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_LANDSCAPE_H_
