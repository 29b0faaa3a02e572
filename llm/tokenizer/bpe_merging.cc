#include "llm/tokenizer/bpe_merging.h"

#include <algorithm>

namespace strata::llm {
namespace {

constexpr size_t kShort = 40;  // symbols up to which searching beats the heap

// Looks for the best pair each time; ranks of pairs are kept beside the ids.
size_t MergeShort(const MergeTable& merges, int32_t* ids, size_t size) {
  Merge pairs[kShort];  // pairs[i]: of ids[i] and ids[i + 1]
  for (size_t i = 0; i + 1 < size; ++i) pairs[i] = merges.Find(ids[i], ids[i + 1]);
  while (size > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < size; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == MergeTable::kNoMerge) break;
    ids[best] = pairs[best].result;
    --size;
    for (size_t i = best + 1; i < size; ++i) {
      ids[i] = ids[i + 1];
      pairs[i - 1] = pairs[i];
    }
    if (best > 0) pairs[best - 1] = merges.Find(ids[best - 1], ids[best]);
    if (best + 1 < size) pairs[best] = merges.Find(ids[best], ids[best + 1]);
  }
  return size;
}

struct Node {
  int32_t id;        // -1: swallowed
  int32_t previous;  // -1 at the start
  int32_t next;      // -1 at the end
};

// A merge that was possible when it was pushed; outdated when its nodes have changed since.
struct Candidate {
  uint32_t rank;
  int32_t position;
  int32_t left;
  int32_t right;

  // A max heap pops the greatest: lowest rank, then leftmost.
  bool operator<(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

// A heap over a linked list.
class LongMerger {
 public:
  LongMerger(const MergeTable& merges, const int32_t* ids, size_t size)
      : merges_(merges), nodes_(size) {
    const int32_t count = static_cast<int32_t>(size);
    for (int32_t i = 0; i < count; ++i) nodes_[i] = {ids[i], i - 1, i + 1 < count ? i + 1 : -1};
    for (int32_t i = 0; i + 1 < count; ++i) Consider(i);
    std::make_heap(heap_.begin(), heap_.end());
  }

  size_t Run(int32_t* ids) {
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      const Candidate best = heap_.back();
      heap_.pop_back();
      Apply(best);
    }
    size_t size = 0;
    for (int32_t i = 0; i >= 0; i = nodes_[i].next) ids[size++] = nodes_[i].id;
    return size;
  }

 private:
  bool Consider(int32_t position) {
    if (position < 0 || nodes_[position].next < 0) return false;
    const int32_t left = nodes_[position].id;
    const int32_t right = nodes_[nodes_[position].next].id;
    const Merge merge = merges_.Find(left, right);
    if (merge.rank == MergeTable::kNoMerge) return false;
    heap_.push_back({merge.rank, position, left, right});
    return true;
  }

  void Apply(const Candidate& best) {
    Node& node = nodes_[best.position];
    if (node.id != best.left || node.next < 0 || nodes_[node.next].id != best.right) return;
    node.id = merges_.Find(best.left, best.right).result;
    Node& swallowed = nodes_[node.next];
    swallowed.id = -1;
    node.next = swallowed.next;
    if (node.next >= 0) nodes_[node.next].previous = best.position;
    if (Consider(node.previous)) std::push_heap(heap_.begin(), heap_.end());
    if (Consider(best.position)) std::push_heap(heap_.begin(), heap_.end());
  }

  const MergeTable& merges_;
  std::vector<Node> nodes_;
  std::vector<Candidate> heap_;
};

}  // namespace

void MergeTail(const MergeTable& merges, size_t begin, std::vector<int32_t>* ids) {
  const size_t size = ids->size() - begin;
  if (size < 2) return;
  int32_t* tail = ids->data() + begin;
  const size_t left =
      size <= kShort ? MergeShort(merges, tail, size) : LongMerger(merges, tail, size).Run(tail);
  ids->resize(begin + left);
}

}  // namespace strata::llm
