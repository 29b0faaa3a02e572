// GenerationJob: gives the generations of one API request to the engine, all at once, and writes the answer as they
// come, whole or as server-sent events. What completions and chat write differently is behind AnswerFormat.
//
// The stream: for each choice its opening, a piece a token (its text may be empty; where calls of tools are looked for,
// none for a token that says nothing yet) and its finish, the choices in any order; then the usage if asked for, then
// [DONE]. An error before the first event is an ordinary error answer; after it, an event {"error":...}, then [DONE]. No
// thread waits for an answer: the engine's thread writes the events.
#ifndef STRATA_INFERENCE_SERVER_GENERATION_JOB_H_
#define STRATA_INFERENCE_SERVER_GENERATION_JOB_H_

#include <memory>
#include <string>
#include <vector>

#include "inference/server/answer_reader.h"
#include "inference/server/generation_params.h"
#include "inference/server/serving.h"
#include "nlohmann/json.hpp"

namespace strata::inference {

// How one kind of endpoint writes. Const and thread-safe.
class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;
  virtual std::string IdPrefix() const = 0;           // "cmpl-"
  virtual std::string Object(bool stream) const = 0;  // "text_completion"
  // Elements of "choices". `events` are the tokens behind the text, for logprobs.
  virtual nlohmann::json Whole(int index, const AnswerPiece& answer,
                               const std::vector<TokenEvent>& events,
                               const std::string& finish_reason) const = 0;
  virtual nlohmann::json Opening(int index) const = 0;  // null: none
  // One or more, to be sent one after another.
  virtual std::vector<nlohmann::json> Pieces(int index, const AnswerPiece& piece,
                                             const std::vector<TokenEvent>& events) const = 0;
  virtual nlohmann::json Finish(int index, const std::string& finish_reason) const = 0;
  virtual bool wants_logprobs() const = 0;
};

struct GenerationJob {
  GenerationParams params;                    // request.max_tokens set
  std::vector<std::vector<int32_t>> prompts;  // checked; each is answered n times
  std::shared_ptr<const AnswerFormat> format;
  RequestTools tools = {};
  std::chrono::steady_clock::time_point arrival;
};

// Begins the job. RESOURCE_EXHAUSTED when too many are under way already.
absl::Status SubmitGeneration(Serving& serving, GenerationJob job,
                              std::shared_ptr<HttpReply> reply);

// "stop", "length" or "abort".
std::string FinishName(FinishReason reason);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_GENERATION_JOB_H_
