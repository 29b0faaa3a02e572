// What a soak's random clients send.
#ifndef STRATA_INFERENCE_LOAD_SOAK_REQUESTS_H_
#define STRATA_INFERENCE_LOAD_SOAK_REQUESTS_H_

#include <cstdint>
#include <string>

#include "inference/load/load_random.h"

namespace strata::inference {

struct SoakRequest {
  std::string target;
  std::string body;
  bool good = true;  // false: an error is due
  bool stream = false;
  int64_t leave_after = -1;  // events after which the client hangs up; -1: never
};

// Prompts of letters, at most `most_tokens` of them, answers of at most that many tokens.
SoakRequest RandomSoakRequest(int64_t most_tokens, LoadRandom* random);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_LOAD_SOAK_REQUESTS_H_
