// PromptFlops: the arithmetic of reading a prompt, counted from the graphs of its steps: what a prefill's speed is a
// fraction of.
//
//   STRATA_ASSIGN_OR_RETURN(double flops, PromptFlops(*model, /*tokens=*/512, runner->max_rows()));
#ifndef STRATA_INFERENCE_BENCH_PROMPT_WORK_H_
#define STRATA_INFERENCE_BENCH_PROMPT_WORK_H_

#include <cstdint>

#include "base/status.h"
#include "inference/engine/decoder_model.h"

namespace strata::inference {

// A multiply-add is two. Products with packed weights, and attention over the keys that each token sees; not norms and
// activations, nor rows that only fill up a step. The prompt comes in steps of at most `step_rows` rows, each of which
// asks for the logits of one. tokens, step_rows >= 1.
absl::StatusOr<double> PromptFlops(const DecoderModel& model, int64_t tokens, int64_t step_rows);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_BENCH_PROMPT_WORK_H_
