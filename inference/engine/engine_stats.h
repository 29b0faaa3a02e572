// EngineStats: what an engine counted since its creation, for /metrics. Meanings are vLLM's.
#ifndef STRATA_INFERENCE_ENGINE_ENGINE_STATS_H_
#define STRATA_INFERENCE_ENGINE_ENGINE_STATS_H_

#include <array>
#include <cstdint>
#include <vector>

namespace strata::inference {

struct EngineStats {
  int64_t running = 0;        // sequences that hold pages
  int64_t waiting = 0;        // the others, new or preempted
  int64_t prompt_tokens = 0;  // of requests whose first token is out
  int64_t generated_tokens = 0;
  int64_t finished_stop = 0;
  int64_t finished_length = 0;
  int64_t finished_aborted = 0;
  int64_t finished_error = 0;

  int64_t page_size = 0;      // slots
  int64_t kv_pages = 0;       // that can be used
  int64_t kv_pages_used = 0;  // by sequences
  int64_t kv_pages_idle = 0;  // kept for prefixes only
  int64_t kv_bytes = 0;       // of the whole pool

  int64_t prefix_queries = 0;  // tokens looked up in the prefix cache
  int64_t prefix_hits = 0;     // of those, found
  int64_t preemptions = 0;

  int64_t drafts = 0;                          // times that candidates were verified
  int64_t draft_tokens = 0;                    // candidates
  int64_t accepted_tokens = 0;                 // of those, that became text
  std::vector<int64_t> accepted_per_position;  // [d]: drafts whose candidate at depth d was taken

  int64_t steps = 0;
  int64_t step_tokens = 0;  // rows of all steps, without padding
  double step_seconds = 0;  // in the model
  // Steps by their rows: counts[i] of those with at most kIterationBounds[i] and more than the bound before.
  static constexpr std::array<int64_t, 13> kIterationBounds = {
      1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};
  std::array<int64_t, 13> iteration_tokens = {};

  double kv_usage() const {
    return kv_pages == 0 ? 0 : static_cast<double>(kv_pages_used) / static_cast<double>(kv_pages);
  }
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_ENGINE_STATS_H_
