// PrefixCache: pages of keys and values by the text that leads to them, so that a prompt whose beginning was computed
// before is not computed again. A radix tree over token ids whose edges are whole pages (as SGLang's RadixAttention,
// Zheng et al. 2024): a path from the root spells a text, and each page_size tokens of it own one page.
//
//   PrefixCache cache(&pages);
//   cache.Insert(tokens, absl::MakeSpan(mine), /*salt=*/"");  // as soon as pages are full and computed
//   std::vector<PageId> hit = cache.Match(prompt, ""); // pages of the longest known beginning, shared for the caller
//
// The cache keeps pages (BlockAllocator::Keep) beside their users. A page without users is idle and stays until Evict()
// needs it: the leaf used longest ago goes first. A sequence that uses a page uses all pages before it, so idle pages
// are always at the ends of branches, and all of them can be had.
//
// `salt` separates texts that must not share: another salt is another tree. Not thread-safe.
#ifndef STRATA_INFERENCE_ENGINE_PREFIX_CACHE_H_
#define STRATA_INFERENCE_ENGINE_PREFIX_CACHE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "inference/engine/block_allocator.h"

namespace strata::inference {

class PrefixCache {
 public:
  // `pages` must outlive the cache.
  explicit PrefixCache(BlockAllocator* pages);
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  // The pages of the longest prefix of whole pages that is known, first page first. Each has one user more: the caller
  // releases them.
  std::vector<PageId> Match(absl::Span<const int32_t> tokens, const std::string& salt);

  // Tokens that Match() would find; changes nothing.
  int64_t MatchLength(absl::Span<const int32_t> tokens, const std::string& salt) const;

  // Makes known that pages[i] holds the i-th page_size tokens; tokens after the last whole page are ignored. Each page
  // must have the caller as a user. Where this text has a page already, the caller's is exchanged for it (the contents
  // are the same): pages[i] changes, and the caller is a user of the known one instead. Whether any was.
  bool Insert(absl::Span<const int32_t> tokens, absl::Span<PageId> pages, const std::string& salt);

  // Frees up to `count` idle pages, those used longest ago first; how many it freed.
  int64_t Evict(int64_t count);

  int64_t size() const { return size_; }  // pages kept
  // Salts that have pages; others take no memory.
  int64_t salts() const { return static_cast<int64_t>(roots_.size()); }

 private:
  struct Node;
  Node* Root(const std::string& salt);
  // The node below `node` that begins with this page of tokens, or null.
  Node* Child(const Node* node, absl::Span<const int32_t> page) const;
  bool Exchange(const Node& known, absl::Span<PageId> pages);
  void Split(Node* node, int64_t at);
  void Append(Node* parent, absl::Span<const int32_t> tokens, absl::Span<const PageId> pages);
  Node* OldestIdleLeaf();
  void DropLastPage(Node* leaf);

  BlockAllocator* pages_;
  const int64_t page_size_;
  std::map<std::string, std::unique_ptr<Node>> roots_;  // by salt
  // Leaves, by when they were used last.
  std::map<uint64_t, Node*> leaves_;
  uint64_t clock_ = 0;
  int64_t size_ = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_PREFIX_CACHE_H_
