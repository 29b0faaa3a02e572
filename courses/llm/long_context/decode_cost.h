// What a decode step's attention does and reads at a length of text, as the step's Plan counts it, and how long the whole
// step takes.
//
//   STRATA_ASSIGN_OR_RETURN(const DecodeCost cost, MeasureDecode(*model, shape, /*tokens=*/4096, /*repeats=*/5));
#ifndef STRATA_COURSES_LLM_LONG_CONTEXT_DECODE_COST_H_
#define STRATA_COURSES_LLM_LONG_CONTEXT_DECODE_COST_H_

#include <cstdint>

#include "base/status.h"
#include "courses/llm/long_context/shapes.h"
#include "inference/engine/decoder_model.h"

namespace strata::courses {

struct DecodeCost {
  int64_t tokens = 0;
  double flops = 0;       // of the paged_attention steps of all layers
  double bytes_read = 0;  // of the same, each operand once: keys, values and the list of slots
  double seconds = 0;     // of the whole step, the least of the repeats
};

// One token behind `tokens` - 1 others, keys and values in f16. With sinks the view is what is kept, with a window the
// graph reads the last of the whole view. `repeats` >= 1.
absl::StatusOr<DecodeCost> MeasureDecode(const inference::DecoderModel& model,
                                         const ContextShape& shape, int64_t tokens, int repeats);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_LONG_CONTEXT_DECODE_COST_H_
