// Scheduler: which tokens of which sequences the next step computes. A pure function of what it is told: no clock, no
// memory, no pages of its own.
//
//   const StepPlan plan = PlanStep(options, running, waiting, pages.free_pages() + pages.idle_pages());
//
// Rules, in this order:
//   1. A step has one budget of token rows (`step_tokens`) for prompts and answers alike.
//   2. Sequences that generate (one token without keys and values) come first, each with one row.
//   3. Then prompts that have begun, then waiting sequences, each with at most `chunk_tokens` rows (chunked prefill:
//      Agrawal et al., Sarathi-Serve 2024).
//   4. What is left of the budget goes to candidates of speculation, and only pages that nobody else wants.
// Within each rule the smaller key goes first (AdmissionOrder). When pages run out for a running sequence, the running
// one of the greatest key loses its pages and waits again (preemption by recompute); a sequence preempts only ones of
// greater keys, so the first always goes on: a pool that can hold the longest sequence and one page more never blocks. A
// waiting sequence starts when the pages of all its tokens are there and
// never overtakes one of a smaller key.
#ifndef STRATA_INFERENCE_ENGINE_SCHEDULER_H_
#define STRATA_INFERENCE_ENGINE_SCHEDULER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace strata::inference {

struct SchedulerOptions {
  int64_t page_size = 16;
  int64_t max_sequences = 8;   // running at once, >= 1
  int64_t step_tokens = 512;   // rows a step, >= max_sequences
  int64_t chunk_tokens = 512;  // rows of one prompt a step, >= 1
};

// What the scheduler is told of a sequence.
struct SequenceView {
  int64_t id = 0;
  int64_t key = 0;        // AdmissionOrder; ties go by id
  int64_t tokens = 0;     // known: the prompt and what was generated
  int64_t computed = 0;   // of these, with keys and values in the cache; < tokens
  int64_t pages = 0;      // held
  int64_t own_pages = 0;  // of these, without another user: preemption frees them
  bool shared_tail =
      false;           // the next write goes to a page that has other users: a copy is made first
  int64_t drafts = 0;  // candidate rows that speculation would like besides
  int64_t draft_pages = 0;  // pages that those need beyond the ones of `tokens`
};

struct StepWork {
  int64_t id = 0;
  int64_t count = 0;   // tokens to compute, from `computed` on
  int64_t drafts = 0;  // candidate rows besides: `drafts` of the view, or 0
};

struct StepPlan {
  std::vector<StepWork> work;      // by key; no id twice
  std::vector<int64_t> admitted;   // ids of waiting sequences that run now; each has work
  std::vector<int64_t> preempted;  // ids of running sequences that wait again, without pages
};

// `available`: pages that are free, or idle in the prefix cache. Pages of waiting sequences (prefix hits) count as held;
// those without another user are taken for running ones where needed, so sequences that do not start must give them up.
StepPlan PlanStep(const SchedulerOptions& options, absl::Span<const SequenceView> running,
                  absl::Span<const SequenceView> waiting, int64_t available);

// Pages that computing `count` tokens more takes from the pool.
int64_t NewPages(const SequenceView& sequence, int64_t count, int64_t page_size);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_SCHEDULER_H_
