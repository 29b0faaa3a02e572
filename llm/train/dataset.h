// TokenDataset: a corpus as token ids, and batches of it that depend on (seed, step) alone: a resumed run sees the same
// batches without any stored state.
#ifndef STRATA_LLM_TRAIN_DATASET_H_
#define STRATA_LLM_TRAIN_DATASET_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "framework/graph/host_tensor.h"

namespace strata::llm {

struct Batch {
  graph::HostTensor tokens;   // [B, T] i32
  graph::HostTensor targets;  // [B, T] i32, each the token that follows
};

class TokenDataset {
 public:
  // INVALID_ARGUMENT when there are fewer than sequence + 1 tokens.
  static absl::StatusOr<TokenDataset> Create(std::vector<int32_t> tokens, int64_t batch,
                                             int64_t sequence, uint64_t seed);

  // The batch of a step (from 0): windows at random places.
  Batch BatchAt(int64_t step) const;

  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  const std::vector<int32_t>& tokens() const { return tokens_; }

 private:
  TokenDataset(std::vector<int32_t> tokens, int64_t batch, int64_t sequence, uint64_t seed)
      : tokens_(std::move(tokens)), batch_(batch), sequence_(sequence), seed_(seed) {}
  std::vector<int32_t> tokens_;
  int64_t batch_, sequence_;
  uint64_t seed_;
};

// Reads text files and joins them, each ended by the end-of-text token where the tokenizer has one. Empty files,
// and text that is not UTF-8, are INVALID_ARGUMENT with the path and the byte.
absl::StatusOr<std::string> ReadCorpus(const std::vector<std::string>& paths);

}  // namespace strata::llm

#endif  // STRATA_LLM_TRAIN_DATASET_H_
