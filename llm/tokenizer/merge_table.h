// Pairs of tokens that become one: (left, right) -> rank and result. Open addressing over a power of
// two of slots, at most half full. Internal to bpe_model.
#ifndef STRATA_LLM_TOKENIZER_MERGE_TABLE_H_
#define STRATA_LLM_TOKENIZER_MERGE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace strata::llm {

struct Merge {
  uint32_t rank;  // the lowest goes first
  int32_t result;
};

class MergeTable {
 public:
  static constexpr uint32_t kNoMerge = UINT32_MAX;  // rank of a pair that does not merge

  explicit MergeTable(size_t merges = 0) {
    while (slots_.size() < 2 * merges + 2) slots_.resize(slots_.empty() ? 16 : 2 * slots_.size());
    while ((uint64_t{1} << (64 - shift_)) < slots_.size()) --shift_;
  }

  // False when the pair is there already. Not more often than the constructor was told.
  bool Add(int32_t left, int32_t right, Merge merge) {
    Slot& slot = slots_[IndexOf(KeyOf(left, right))];
    if (slot.merge.rank != kNoMerge) return false;
    slot = {KeyOf(left, right), merge};
    return true;
  }

  // Ids are >= 0. The rank is kNoMerge when there is none.
  Merge Find(int32_t left, int32_t right) const {
    return slots_[IndexOf(KeyOf(left, right))].merge;
  }

 private:
  struct Slot {
    uint64_t key = 0;
    Merge merge = {kNoMerge, -1};
  };

  static uint64_t KeyOf(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }

  // The slot with the key, or the free one where it belongs.
  size_t IndexOf(uint64_t key) const {
    size_t index = (key * 0x9E3779B97F4A7C15u) >> shift_;
    while (slots_[index].merge.rank != kNoMerge && slots_[index].key != key)
      index = (index + 1) & (slots_.size() - 1);
    return index;
  }

  std::vector<Slot> slots_;
  int shift_ = 63;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_MERGE_TABLE_H_
