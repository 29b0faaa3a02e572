// The requests of a load: made by a recipe, read from a file, or as a trace says.
//
//   STRATA_ASSIGN_OR_RETURN(std::vector<LoadRequest> requests, RandomRequests({.count = 100, .vocabulary = 32000}));
//
// Made prompts are token ids, so that their lengths are exact whatever the server's tokenizer. The same options give the
// same requests. INVALID_ARGUMENT names the option, or the line of the file, that is wrong.
#ifndef STRATA_INFERENCE_LOAD_LOAD_REQUESTS_H_
#define STRATA_INFERENCE_LOAD_LOAD_REQUESTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::inference {

struct LoadRequest {
  std::vector<int32_t> ids = {};  // the prompt, or
  std::string text = {};          // this when there are no ids
  int64_t output_tokens = 16;     // exactly so many are asked for (ignore_eos)
};

// Ids drawn evenly. With `range` r, lengths are even in [length (1 - r), length (1 + r)].
struct RandomRequestOptions {
  int64_t count = 100;
  int64_t input_tokens = 1024;
  int64_t output_tokens = 128;
  double range = 0;           // [0, 1)
  int64_t prefix_tokens = 0;  // further ones before each prompt, the same for all
  int64_t vocabulary = 0;     // ids are in [0, vocabulary)
  uint64_t seed = 0;
};
absl::StatusOr<std::vector<LoadRequest>> RandomRequests(const RandomRequestOptions& options);

// `prefixes` prefixes, each before count / prefixes different suffixes, in random order: what a prefix cache is for.
struct PrefixRequestOptions {
  int64_t count = 100;
  int64_t prefixes = 10;
  int64_t prefix_tokens = 256;
  int64_t suffix_tokens = 256;
  int64_t output_tokens = 128;
  int64_t vocabulary = 0;
  uint64_t seed = 0;
};
absl::StatusOr<std::vector<LoadRequest>> PrefixRequests(const PrefixRequestOptions& options);

// One JSON object a line: {"prompt": text or ids, "output_tokens": n}; without the latter `output_tokens`. The file is
// gone through again from its start until there are `count`.
absl::StatusOr<std::vector<LoadRequest>> ReadRequests(const std::string& path, int64_t count,
                                                      int64_t output_tokens);

// A trace: one JSON object a line, as Mooncake's traces have them: {"timestamp": milliseconds, "input_length": tokens,
// "output_length": tokens, "hash_ids": [block, ...]}. Prompts with the same first hash_ids have the same first tokens:
// each block is 512 tokens that follow from its id. Without lengths those of `options` hold; hash_ids may be left out.
// At most `options.count` requests; times count from the first one's.
struct Trace {
  std::vector<LoadRequest> requests;
  std::vector<double> times;  // seconds, in order
};
absl::StatusOr<Trace> ReadTrace(const std::string& path, const RandomRequestOptions& options);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_LOAD_LOAD_REQUESTS_H_
