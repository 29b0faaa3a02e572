// The merge loop of byte pair encoding. Internal to bpe_model.
#ifndef STRATA_LLM_TOKENIZER_BPE_MERGING_H_
#define STRATA_LLM_TOKENIZER_BPE_MERGING_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "llm/tokenizer/merge_table.h"

namespace strata::llm {

// Merges the ids from `begin` to the end in place: the pair with the lowest rank first, the leftmost
// of equals, until no neighbours merge.
void MergeTail(const MergeTable& merges, size_t begin, std::vector<int32_t>* ids);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_BPE_MERGING_H_
