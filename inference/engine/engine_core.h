// EngineCore: the engine without its thread: takes requests, and runs one step after another. What it does follows from
// the calls alone (no clock decides anything), so tests can drive it step by step.
//
//   EngineCore core(options, &tokenizer, std::move(runner), /*speculator=*/nullptr);
//   core.Add(request, on_token, on_done);
//   while (core.busy()) {
//     core.Step();
//     for (auto& end : core.TakeFinished()) end.request->on_done(end.choice, end.result);
//   }
//
// Not thread-safe. on_token is called within Step().
#ifndef STRATA_INFERENCE_ENGINE_ENGINE_CORE_H_
#define STRATA_INFERENCE_ENGINE_ENGINE_CORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "inference/engine/admission_order.h"
#include "inference/engine/engine_stats.h"
#include "inference/engine/kv_cache.h"
#include "inference/engine/request.h"
#include "inference/engine/scheduler.h"
#include "inference/engine/sequence.h"
#include "inference/engine/speculator.h"
#include "inference/engine/step_batch.h"
#include "inference/engine/step_runner.h"
#include "inference/engine/tokenizer.h"

namespace strata::inference {

struct CoreOptions {
  SchedulerOptions scheduler;
  int64_t pages = 0;  // the bin included; the others must hold `context` tokens and one page more
  bool prefix_cache = true;
  int64_t context = 0;      // tokens of a sequence
  int64_t vocabulary = 0;   // of the model
  int64_t draft_depth = 0;  // tokens of a path that speculation proposes
  int64_t draft_nodes =
      0;  // candidates of a sequence in a step; more than draft_depth with branches
};

class EngineCore {
 public:
  struct Finished {
    std::shared_ptr<RequestState> request;
    int64_t choice = 0;
    absl::StatusOr<Generation> result;
  };

  // The options must fit each other and the runner (Engine::Create sees to it). `tokenizer` must outlive the core.
  // `speculator` may be null.
  EngineCore(const CoreOptions& options, const Tokenizer* tokenizer,
             std::unique_ptr<StepRunner> runner, std::unique_ptr<Speculator> speculator);
  ~EngineCore();

  // Views that the runner must have.
  static int64_t ViewsFor(const CoreOptions& options);

  // The request must be valid. Gives the id by which it can be cancelled: 1, 2, 3 and so on.
  int64_t Add(std::shared_ptr<const GenerateRequest> request, OnToken on_token, OnDone on_done,
              EngineClock::time_point arrival = EngineClock::now());
  // Its answers end as kAborted; nothing happens when it has ended.
  void Cancel(int64_t request);
  void CancelAll();

  bool busy() const { return !running_.empty() || !waiting_.empty(); }
  void Step();
  // Something to do while nothing is busy: makes plans ready for steps in which max_sequences generate. False when all
  // are.
  bool Prepare() {
    return runner_->Prepare(options_.scheduler.max_sequences * (1 + options_.draft_nodes));
  }
  // Answers that have ended since the last call. Counted in stats() already.
  std::vector<Finished> TakeFinished();

  EngineStats stats() const;
  // OK when no page is in use. With nothing busy anything else is a leak.
  absl::Status CheckEmpty() const { return kv_.pages().CheckEmpty(); }
  // Loses all idle prefixes.
  void ClearPrefixes() { kv_.Clear(); }

 private:
  using Sequences = std::map<int64_t, std::unique_ptr<Sequence>>;                  // by id
  using Queue = std::map<std::pair<int64_t, int64_t>, std::unique_ptr<Sequence>>;  // key and id

  static std::pair<int64_t, int64_t> Place(const Sequence& sequence) {
    return {sequence.request->key, sequence.id};
  }

  // Lifecycle.
  void DropCancelled();
  void Start(Sequence* sequence);
  void Preempt(int64_t id);
  std::vector<Sequence*> All();
  void Finish(Sequence* sequence, const absl::Status& error);
  void FinishChoice(const std::shared_ptr<RequestState>& request, int64_t choice,
                    absl::StatusOr<Generation> result);
  void Release(Sequence* sequence);

  // Parts of a step.
  std::vector<Sequence*> Heads();
  void MatchPrefixes();
  SequenceView ViewOf(const Sequence& sequence) const;
  StepPlan Plan();
  void Apply(const StepPlan& plan);
  std::map<int64_t, CandidateTree> Propose(const StepPlan& plan);
  void Run(const StepPlan& plan);
  void TakeResults(StepBatch::Work& work, StepBatch* batch, const graph::HostTensor& logits);
  void Fork(Sequence* first, absl::Span<const float> logits);
  // One token of the answer; false when there is no next one.
  bool TakeToken(Sequence* sequence, absl::StatusOr<int32_t> token, absl::Span<const float> logits,
                 absl::Status* error);
  absl::StatusOr<int32_t> NextToken(Sequence* sequence, const CandidateTree& tree, int32_t parent,
                                    absl::Span<const float> logits);
  void Remember(Sequence* sequence);

  const CoreOptions options_;
  const Tokenizer* tokenizer_;
  std::unique_ptr<StepRunner> runner_;
  std::unique_ptr<Speculator> speculator_;
  KvCache kv_;
  AdmissionOrder order_;
  Sequences running_;
  Queue waiting_;
  std::vector<int64_t> free_views_;
  std::vector<Finished> finished_;
  EngineStats stats_;
  int64_t next_request_ = 1, next_sequence_ = 1;
  bool cancelled_ = false;  // some request is, and is not dropped yet
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_ENGINE_CORE_H_
