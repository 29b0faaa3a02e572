// KvCache: the pages of all sequences: takes them from the pool (evicting idle prefixes), copies shared ones before they
// are written, finds and keeps prefixes. Knows page numbers only; whoever holds the tensors does the copies.
//
//   KvCache kv(pages, page_size, /*prefixes=*/true);
//   PageList list;                                     // of one sequence
//   int64_t cached = kv.Match(prompt, salt, &list);    // tokens that need not be computed
//   std::optional<PageCopy> copy;
//   if (kv.Reserve(cached, 17, &list, &copy)) ...      // slots for tokens [cached, cached + 17) are the sequence's own
//   kv.Slot(list, position);
//   kv.Release(&list);
#ifndef STRATA_INFERENCE_ENGINE_KV_CACHE_H_
#define STRATA_INFERENCE_ENGINE_KV_CACHE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "inference/engine/block_allocator.h"
#include "inference/engine/prefix_cache.h"

namespace strata::inference {

using PageList = std::vector<PageId>;

// The contents of page `from` must be copied to page `to` before the next step.
struct PageCopy {
  PageId from = 0;
  PageId to = 0;
};

class KvCache {
 public:
  // The sizes must be valid (BlockAllocator::Validate).
  KvCache(int64_t pages, int64_t page_size, bool prefixes);

  // Pages of the longest known prefix into the empty `list`; how many of the tokens need no computing. Always fewer than
  // all: the last token is computed for its logits.
  int64_t Match(absl::Span<const int32_t> tokens, const std::string& salt, PageList* list);

  // The first `computed` tokens are in the pages: other texts may use the whole pages of them. Whether pages of the list
  // were exchanged for known ones.
  bool Remember(absl::Span<const int32_t> tokens, int64_t computed, const std::string& salt,
                PageList* list);

  // Makes the slots of positions [computed, computed + count) the sequence's own: adds pages, and exchanges a page that
  // others see too (`copy` says so). False, and nothing changed, when there are too few pages.
  bool Reserve(int64_t computed, int64_t count, PageList* list, std::optional<PageCopy>* copy);

  // A second user of the pages of the first `computed` tokens.
  PageList Fork(const PageList& list, int64_t computed);

  // Gives the pages up.
  void Release(PageList* list);

  // Whether writing position `computed` needs a copy first.
  bool SharedTail(const PageList& list, int64_t computed) const;
  // Pages of the list without another user.
  int64_t OwnPages(const PageList& list) const;

  int32_t Slot(const PageList& list, int64_t position) const {
    const int64_t size = pages_.page_size();
    return static_cast<int32_t>(list[static_cast<size_t>(position / size)] * size +
                                position % size);
  }

  int64_t available() const { return pages_.free_pages() + pages_.idle_pages(); }
  const BlockAllocator& pages() const { return pages_; }

  // Gives up all prefixes that nobody uses.
  void Clear();

 private:
  std::optional<PageId> Take();

  BlockAllocator pages_;
  std::unique_ptr<PrefixCache> prefixes_;  // null: none
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_KV_CACHE_H_
