// The merge table of a byte-level BPE: turns one piece of text into ids.
//
// A piece starts as one token a byte; then the two neighbours with the best merge (lowest rank,
// leftmost of equals) become one, until no neighbours have a merge. With a heap over a linked list
// that is O(n log n) for n bytes. Immutable and safe to share between threads.
#ifndef STRATA_LLM_TOKENIZER_BPE_MODEL_H_
#define STRATA_LLM_TOKENIZER_BPE_MODEL_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

class BpeModel {
 public:
  // INVALID_ARGUMENT with the path to the fault: a merge of or to a token that there is not, two
  // tokens of the same bytes, the same merge twice.
  static absl::StatusOr<BpeModel> Create(const TokenizerSpec& spec);

  // Appends the ids of `piece`.
  void Encode(absl::string_view piece, std::vector<int32_t>* ids) const;

  // The token of exactly these bytes that the model can make.
  std::optional<int32_t> Find(absl::string_view bytes) const;

 private:
  struct Merge {
    uint32_t rank;
    int32_t result;
  };

  absl::Status AddTokens(const TokenizerSpec& spec);
  absl::Status AddMerges(const TokenizerSpec& spec);
  void AppendSymbols(absl::string_view piece, std::vector<int32_t>* symbols) const;
  const Merge* FindMerge(int32_t left, int32_t right) const;

  std::array<int32_t, 256> byte_ids_;  // -1: no token
  absl::flat_hash_map<std::string, int32_t> ids_;
  absl::flat_hash_map<uint64_t, Merge> merges_;  // by left << 32 | right
  bool ignore_merges_ = false;
  bool fuse_unknown_ = false;
  std::optional<int32_t> unknown_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_BPE_MODEL_H_
