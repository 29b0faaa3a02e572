// The parameters that completions and chat have in common.
#ifndef STRATA_INFERENCE_SERVER_GENERATION_PARAMS_H_
#define STRATA_INFERENCE_SERVER_GENERATION_PARAMS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/server/request_fields.h"
#include "inference/server/serving.h"

namespace strata::inference {

inline constexpr int64_t kMaxChoices = 128;  // prompts times n

struct GenerationParams {
  GenerateRequest request;  // all but the prompt, n and max_tokens
  int64_t n = 1;            // answers to each prompt, with seeds seed, seed + 1, ...
  int64_t best_of = 0;      // answers made of each prompt, of which the n likeliest are told; 0: n
  bool stream = false;
  bool include_usage = false;
  bool continuous_usage = false;  // in every event
};

// NOT_FOUND when the field "model" names another model than the one that is served; absent is fine.
absl::Status CheckModel(RequestFields* fields, const Serving& serving);

// Reads model, what binds the form of the answer (ReadStructuredOutput), temperature, top_p, top_k, min_p,
// repetition_penalty, presence_penalty, frequency_penalty, logit_bias, min_tokens, n, seed, stop, stop_token_ids,
// ignore_eos, priority, user, cache_salt, stream and stream_options.
// Parameters that are known but not supported are refused unless they ask for nothing; those that change nothing in the
// answer (metadata, ...) are accepted and ignored. Without a seed one is drawn.
// `body` is the text that `fields` came from.
absl::StatusOr<GenerationParams> ReadGenerationParams(RequestFields* fields,
                                                      const std::string& body, Serving& serving);

// The ids of a text that may contain special tokens, with the begin-of-text token where the server was told to add it,
// or where the prompt would be empty otherwise.
std::vector<int32_t> EncodePrompt(const Serving& serving, const std::string& text);

// INVALID_ARGUMENT when the engine could not take the prompt: empty, too long, or ids outside the vocabulary.
absl::Status CheckPrompt(const Serving& serving, const std::string& field,
                         const std::vector<int32_t>& prompt);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_GENERATION_PARAMS_H_
