#include "inference/engine/kv_cache.h"

#include <algorithm>

namespace strata::inference {

KvCache::KvCache(int64_t pages, int64_t page_size, bool prefixes) : pages_(pages, page_size) {
  if (prefixes) prefixes_ = std::make_unique<PrefixCache>(&pages_);
}

int64_t KvCache::Match(absl::Span<const int32_t> tokens, const std::string& salt, PageList* list) {
  if (prefixes_ == nullptr) return 0;
  *list = prefixes_->Match(tokens, salt);
  const auto found = static_cast<int64_t>(list->size()) * pages_.page_size();
  return std::min(found, static_cast<int64_t>(tokens.size()) - 1);
}

bool KvCache::Remember(absl::Span<const int32_t> tokens, int64_t computed, const std::string& salt,
                       PageList* list) {
  if (prefixes_ == nullptr) return false;
  return prefixes_->Insert(tokens.first(static_cast<size_t>(computed)), absl::MakeSpan(*list),
                           salt);
}

std::optional<PageId> KvCache::Take() {
  if (pages_.free_pages() == 0 && prefixes_ != nullptr) prefixes_->Evict(1);
  return pages_.Allocate();
}

bool KvCache::SharedTail(const PageList& list, int64_t computed) const {
  const auto at = static_cast<size_t>(computed / pages_.page_size());
  return at < list.size() && (pages_.users(list[at]) > 1 || pages_.kept(list[at]));
}

int64_t KvCache::OwnPages(const PageList& list) const {
  return std::count_if(list.begin(), list.end(),
                       [&](PageId page) { return pages_.users(page) == 1; });
}

bool KvCache::Reserve(int64_t computed, int64_t count, PageList* list,
                      std::optional<PageCopy>* copy) {
  copy->reset();
  const bool shared = count > 0 && SharedTail(*list, computed);
  const int64_t held = static_cast<int64_t>(list->size());
  const int64_t more = std::max<int64_t>(0, PagesFor(computed + count, pages_.page_size()) - held);
  if (more + (shared ? 1 : 0) > available()) return false;
  if (shared) {
    PageId& tail = (*list)[static_cast<size_t>(computed / pages_.page_size())];
    *copy = PageCopy{tail, *Take()};
    pages_.Release(tail);
    tail = (*copy)->to;
  }
  for (int64_t i = 0; i < more; ++i) list->push_back(*Take());
  return true;
}

PageList KvCache::Fork(const PageList& list, int64_t computed) {
  const PageList fork(list.begin(), list.begin() + PagesFor(computed, pages_.page_size()));
  for (PageId page : fork) pages_.Share(page);
  return fork;
}

void KvCache::Release(PageList* list) {
  for (PageId page : *list) pages_.Release(page);
  list->clear();
}

void KvCache::Clear() {
  if (prefixes_ != nullptr) prefixes_->Evict(pages_.idle_pages());
}

}  // namespace strata::inference
