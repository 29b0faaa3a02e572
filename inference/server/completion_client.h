// One completion from an OpenAI-compatible server: a prompt in, its text out.
//
//   STRATA_ASSIGN_OR_RETURN(std::string text, CompleteOverHttp("127.0.0.1", port, {.prompt = "Once", .max_tokens = 16}));
#ifndef STRATA_INFERENCE_SERVER_COMPLETION_CLIENT_H_
#define STRATA_INFERENCE_SERVER_COMPLETION_CLIENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace strata::inference {

struct CompletionQuestion {
  std::string model = {};  // empty: what the server has
  std::string prompt = {};
  int64_t max_tokens = 16;
  double temperature = 0;
  double top_p = 1;
  uint64_t seed = 0;
};

// POST /v1/completions. INTERNAL with the server's own words when it does not answer with a text.
absl::StatusOr<std::string> CompleteOverHttp(const std::string& host, int port,
                                             const CompletionQuestion& question);

// The same answer as the bytes of its tokens. The API writes those of a token that is part of a character as
// "bytes:\xe2\x82"; so a token of exactly such a text cannot be told from that.
absl::StatusOr<std::vector<std::string>> CompleteTokensOverHttp(const std::string& host, int port,
                                                                const CompletionQuestion& question);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_COMPLETION_CLIENT_H_
