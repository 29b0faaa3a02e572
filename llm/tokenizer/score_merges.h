// SentencePiece's BPE as a list of merges: it has scores of tokens instead, and merges any two
// tokens that spell one, best score first.
#ifndef STRATA_LLM_TOKENIZER_SCORE_MERGES_H_
#define STRATA_LLM_TOKENIZER_SCORE_MERGES_H_

#include <cstdint>
#include <vector>

#include "llm/tokenizer/merge_table.h"
#include "llm/tokenizer/tokenizer_spec.h"
#include "llm/tokenizer/vocabulary.h"

namespace strata::llm {

struct ScoreMerge {
  int32_t left;
  int32_t right;
  Merge merge;
};

// All pairs, best first. Ranks count the different scores: equal scores have equal ranks, and of
// such merges the leftmost in the text goes first.
std::vector<ScoreMerge> MergesByScore(const TokenizerSpec& spec, const Vocabulary& vocabulary);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_SCORE_MERGES_H_
