// StepWorkload: prompts and decoding on a bare step runner, timed step by step: what the engine's speed is made of.
//
//   StepWorkload work(runner.get(), /*batch=*/8);
//   STRATA_ASSIGN_OR_RETURN(double seconds, work.Prefill(512));       // all sequences' prompts, one after another
//   STRATA_ASSIGN_OR_RETURN(std::vector<double> steps, work.Decode(128));
#ifndef STRATA_INFERENCE_BENCH_STEP_WORKLOAD_H_
#define STRATA_INFERENCE_BENCH_STEP_WORKLOAD_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "inference/engine/step_runner.h"

namespace strata::inference {

// The vocabulary's tokens 3 .. 1002 in a made order; special ones come first in most vocabularies.
int32_t MadeToken(int64_t i);

class StepWorkload {
 public:
  // Sequence b has view b and the slots [1 + b * view_length, ...). `runner` must outlive it and be made for that.
  StepWorkload(StepRunner* runner, int64_t batch) : runner_(runner), batch_(batch) { Start(); }

  static int64_t SlotsFor(int64_t batch, int64_t length) { return 1 + batch * length; }

  // Forgets all texts.
  void Start();

  // `tokens` of prompt into the first sequence, in steps of max_rows; seconds up to the next token's choice.
  absl::StatusOr<double> Prefill(int64_t tokens);

  // Gives every sequence the first one's text so far, by copies of its keys and values.
  void Spread();

  // Steps of one token each for all sequences, the likeliest one; seconds of each step.
  absl::StatusOr<std::vector<double>> Decode(int64_t steps);

  // The rows of the next decoding step.
  std::vector<StepRow> DecodeRows();
  // Those of the first step of a prompt of `tokens` in the first sequence, whatever its text is.
  std::vector<StepRow> PrefillRows(int64_t tokens) const;

  int64_t length() const { return length_; }  // of every text, so far

 private:
  StepRow Row(int64_t sequence, int64_t position, int32_t token) const;

  StepRunner* runner_;
  int64_t batch_;
  int64_t length_ = 0;
  std::vector<int32_t> next_;  // token of each sequence
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_BENCH_STEP_WORKLOAD_H_
