// How far back a decoder recalls, by the engine's own steps on a pool that holds only what a policy keeps.
//
//   STRATA_ASSIGN_OR_RETURN(const Recall recall, MeasureRecall(*model, {.sinks = 4, .recent = 4}, {.place = 0}));
//   recall.share[d];   // of the texts, those whose key is named d tokens after it
//
// The texts go through token by token. A text has sinks + recent slots; a new token takes the slot of the one that falls
// out, and the view lists what is left in the order of the text.
#ifndef STRATA_COURSES_LLM_LONG_CONTEXT_RECALL_H_
#define STRATA_COURSES_LLM_LONG_CONTEXT_RECALL_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "inference/engine/decoder_model.h"

namespace strata::courses {

// What is kept of a text. recent 0: everything.
struct KeepPolicy {
  int64_t sinks = 0;
  int64_t recent = 0;
};

struct RecallOptions {
  int64_t place = 0;  // of the key in the text
  inference::KvFormat kv = inference::KvFormat::kF32;
};

struct Recall {
  std::vector<double> share;     // index: tokens since the key, 0: at the key itself
  std::vector<int32_t> answers;  // the likeliest token of each text, distance by distance
  int64_t kv_bytes = 0;          // of the slots of one text

  // The least share of [first, last], and the greatest.
  double Least(int64_t first, int64_t last) const;
  double Greatest(int64_t first, int64_t last) const;
  int64_t last() const { return static_cast<int64_t>(share.size()) - 1; }
};

// Every key behind and before the same fillers, with several draws of those: so what no longer hangs on the key is right
// exactly once in so many keys.
absl::StatusOr<Recall> MeasureRecall(const inference::DecoderModel& model, const KeepPolicy& policy,
                                     const RecallOptions& options);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_LONG_CONTEXT_RECALL_H_
