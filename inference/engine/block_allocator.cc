#include "inference/engine/block_allocator.h"

#include <cassert>
#include <limits>

namespace strata::inference {

absl::Status BlockAllocator::Validate(int64_t pages, int64_t page_size) {
  if (page_size < 1 || page_size > kMaxPageSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("page_size: ", page_size, " is outside [1, ", kMaxPageSize, "]"));
  }
  if (pages < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "pages: ", pages, " is below 2; one page is the bin and one must hold something"));
  }
  if (pages > std::numeric_limits<int32_t>::max() / page_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("pages: ", pages, " of ", page_size,
                     " slots are more than 32-bit slot numbers reach; give fewer pages"));
  }
  return absl::OkStatus();
}

BlockAllocator::BlockAllocator(int64_t pages, int64_t page_size)
    : page_size_(page_size), pages_(static_cast<size_t>(pages)) {
  for (auto page = static_cast<PageId>(pages - 1); page >= 1; --page) free_.push_back(page);
}

std::optional<PageId> BlockAllocator::Allocate() {
  if (free_.empty()) return std::nullopt;
  const PageId page = free_.back();
  free_.pop_back();
  pages_[static_cast<size_t>(page)].users = 1;
  return page;
}

void BlockAllocator::Share(PageId page) {
  Page& p = pages_[static_cast<size_t>(page)];
  assert(p.users > 0 || p.kept);
  if (p.users++ == 0) --idle_;
}

void BlockAllocator::Release(PageId page) {
  Page& p = pages_[static_cast<size_t>(page)];
  assert(p.users > 0);
  if (--p.users > 0) return;
  if (p.kept) {
    ++idle_;
  } else {
    free_.push_back(page);
  }
}

void BlockAllocator::Keep(PageId page) {
  Page& p = pages_[static_cast<size_t>(page)];
  assert(p.users > 0 && !p.kept);
  p.kept = true;
}

void BlockAllocator::Drop(PageId page) {
  Page& p = pages_[static_cast<size_t>(page)];
  assert(p.kept);
  p.kept = false;
  if (p.users > 0) return;
  --idle_;
  free_.push_back(page);
}

absl::Status BlockAllocator::CheckEmpty() const {
  for (size_t page = 1; page < pages_.size(); ++page) {
    if (pages_[page].users == 0) continue;
    return absl::InternalError(absl::StrCat("page ", page,
                                            " of the KV cache is leaked: ", pages_[page].users,
                                            " users are left; ", used_pages(), " pages in all"));
  }
  return absl::OkStatus();
}

}  // namespace strata::inference
