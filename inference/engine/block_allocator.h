// BlockAllocator: who uses which page of the pool of key-value slots. A page is `page_size` slots in a row: page p has
// the slots [p * page_size, (p + 1) * page_size). Page 0 is never given out, because slot 0 takes what padding rows
// write. Kwon et al., "Efficient Memory Management for LLM Serving with PagedAttention", SOSP 2023.
//
//   BlockAllocator pages(/*pages=*/64, /*page_size=*/16);
//   std::optional<PageId> page = pages.Allocate();   // one user
//   pages.Share(*page);                              // two: a fork of the sequence
//   pages.Release(*page); pages.Release(*page);      // free again
//
// A page has users (sequences; counted) and may be kept by the prefix cache besides. So it is in one of three states:
//   used: one user or more;   idle: no user, but kept: may be given up;   free: neither.
// Not thread-safe. Misuse (releasing a page without users) is a bug of the caller and is caught by assert.
#ifndef STRATA_INFERENCE_ENGINE_BLOCK_ALLOCATOR_H_
#define STRATA_INFERENCE_ENGINE_BLOCK_ALLOCATOR_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"

namespace strata::inference {

using PageId = int32_t;

class BlockAllocator {
 public:
  static constexpr int64_t kMaxPageSize = 256;

  // INVALID_ARGUMENT unless 1 <= page_size <= kMaxPageSize, pages >= 2 (one of them is the bin), and every slot has an
  // i32 number.
  static absl::Status Validate(int64_t pages, int64_t page_size);

  // The arguments must be valid.
  BlockAllocator(int64_t pages, int64_t page_size);

  // A page with one user; nothing when no page is free. Idle pages are not given out: the prefix cache has to drop them
  // first.
  std::optional<PageId> Allocate();

  // One user more: of a used page, or of an idle one.
  void Share(PageId page);
  // One user less.
  void Release(PageId page);
  int64_t users(PageId page) const { return pages_[static_cast<size_t>(page)].users; }

  // The prefix cache begins and ends to keep a page.
  void Keep(PageId page);
  void Drop(PageId page);
  bool kept(PageId page) const { return pages_[static_cast<size_t>(page)].kept; }

  int64_t page_size() const { return page_size_; }
  int64_t pages() const { return static_cast<int64_t>(pages_.size()) - 1; }  // without the bin
  int64_t free_pages() const { return static_cast<int64_t>(free_.size()); }
  int64_t idle_pages() const { return idle_; }
  int64_t used_pages() const { return pages() - free_pages() - idle_pages(); }

  // OK when no page has a user. INTERNAL names the first leaked page: the state of the pool after any workload is a
  // test of the engine.
  absl::Status CheckEmpty() const;

 private:
  struct Page {
    int32_t users = 0;
    bool kept = false;
  };

  int64_t page_size_;
  std::vector<Page> pages_;
  std::vector<PageId> free_;  // a stack: what was freed last is warm in the caches
  int64_t idle_ = 0;
};

// Pages that hold `tokens` slots.
inline int64_t PagesFor(int64_t tokens, int64_t page_size) {
  return (tokens + page_size - 1) / page_size;
}

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_BLOCK_ALLOCATOR_H_
