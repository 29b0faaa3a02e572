// The serving ladder: one load, answered by engines that each know one thing more.
//
//   naive           the whole text is computed again for each token, one request at a time
//   KV cache        keys and values are kept: each token is computed once
//   batching        requests share steps, each with room for a whole context
//   paging          room is given out by small pages: more requests fit
//   chunked prefill long prompts are cut, so that no step keeps those who wait for their next token
//   prefix cache    what prompts have in common is computed once
//   speculation     tokens are guessed from the text so far and verified in one step
//
//   STRATA_ASSIGN_OR_RETURN(const std::vector<Rung> rungs, ClimbLadder({}));
//   for (const Claim& claim : ClaimsOf(rungs)) ...
//
// Claims are on counted work (tokens computed, steps, their sizes), which no other load on the machine changes much;
// times are for the plots. Each rung must answer with the same tokens.
#ifndef STRATA_COURSES_LLM_SERVING_LADDER_LADDER_H_
#define STRATA_COURSES_LLM_SERVING_LADDER_LADDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "courses/lab/claims.h"
#include "inference/engine/engine_stats.h"
#include "inference/load/load_generator.h"
#include "inference/load/serving_measures.h"

namespace strata::courses {

struct LadderOptions {
  int64_t requests = 16;
  int64_t prefixes = 2;        // prompts begin with one of so many
  int64_t prefix_tokens = 80;  // of them
  int64_t suffix_tokens = 16;  // that follow, of each prompt its own
  int64_t output_tokens = 24;
  int64_t layers = 2;
  int64_t width = 64;
  double rate = 0;  // requests a second; 0: all at once
  uint64_t seed = 1;
  bool warm_up = true;  // other prompts first, so that no kernel is compiled in what is timed
};

struct Rung {
  std::string name;
  std::string idea;
  inference::EngineStats work;  // of the load
  inference::LoadRun run;
  inference::ServingMeasures measures;
  std::vector<std::vector<int32_t>> answers;

  // Steps of more than `bound` tokens (one of EngineStats::kIterationBounds).
  int64_t StepsAbove(int64_t bound) const;
};

// What each rung must save beside the one below; `rungs` are all seven.
std::vector<Claim> ClaimsOf(const std::vector<Rung>& rungs);

absl::StatusOr<std::vector<Rung>> ClimbLadder(const LadderOptions& options);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_SERVING_LADDER_LADDER_H_
