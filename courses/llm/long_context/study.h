// Long context: what ways of attention keep of a text, what a decode step reads of it, and what is recalled.
//
//   STRATA_ASSIGN_OR_RETURN(const LongContext study, StudyLongContext({}));
//   for (const Claim& claim : ClaimsOf(study)) ...
//
// Claims are on bytes and work counted from step graphs and plans, and on answers; times are for the plot alone.
#ifndef STRATA_COURSES_LLM_LONG_CONTEXT_STUDY_H_
#define STRATA_COURSES_LLM_LONG_CONTEXT_STUDY_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "courses/lab/claims.h"
#include "courses/llm/long_context/decode_cost.h"
#include "courses/llm/long_context/recall.h"
#include "courses/llm/long_context/shapes.h"

namespace strata::courses {

struct ContextOptions {
  // Of the decode steps: ascending; the last two are longer than what windows and sinks keep.
  std::vector<int64_t> lengths = {2048, 4096};
  int repeats = 3;
  int64_t training_steps = 200;
  uint64_t seed = 1;
};

inline constexpr int64_t kContexts[] = {4096, 32768, 131072};

// One way of attention.
struct ShapeCount {
  ContextShape shape;
  std::array<int64_t, 3> token_bytes = {};  // of kKvFormats, counted from the step graph
  std::vector<DecodeCost> decode;           // one a length

  // At a length of text, in kKvFormats[format].
  int64_t KvBytes(int64_t tokens, size_t format) const {
    return token_bytes[format] * shape.Kept(tokens);
  }
};

// One curve of recall over distance.
struct RecallCurve {
  std::string name;
  std::string idea;
  Recall recall;
};

struct LongContext {
  std::vector<ShapeCount> shapes;
  std::vector<RecallCurve> curves;  // full, int8, window, recent, sinks, sinks_late
  std::vector<double> full_losses, window_losses;
  int64_t window = 0;             // of the model trained with one
  int64_t reach = 0;              // how far back that lets anything through
  int64_t sinks = 0, recent = 0;  // kept of the model trained without
};

absl::StatusOr<LongContext> StudyLongContext(const ContextOptions& options);

std::vector<Claim> ClaimsOf(const LongContext& study);

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_LONG_CONTEXT_STUDY_H_
