#include "inference/engine/prefix_cache.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace strata::inference {
namespace {

using Tokens = std::vector<int32_t>;

Tokens Copy(absl::Span<const int32_t> tokens) { return Tokens(tokens.begin(), tokens.end()); }

}  // namespace

// An edge together with the node at its end.
struct PrefixCache::Node {
  Node* parent = nullptr;     // null: a root
  std::string salt;           // of a root
  Tokens tokens;              // of the edge: page_size for each page
  std::vector<PageId> pages;  // none at a root, else at least one
  uint64_t used = 0;          // clock of the last use; no two nodes have the same
  std::map<Tokens, std::unique_ptr<Node>> children;  // by the first page of their tokens
};

PrefixCache::PrefixCache(BlockAllocator* pages) : pages_(pages), page_size_(pages->page_size()) {}

PrefixCache::~PrefixCache() {
  while (!leaves_.empty()) DropLastPage(leaves_.begin()->second);
}

PrefixCache::Node* PrefixCache::Root(const std::string& salt) {
  std::unique_ptr<Node>& root = roots_[salt];
  if (root == nullptr) {
    root = std::make_unique<Node>();
    root->salt = salt;
  }
  return root.get();
}

PrefixCache::Node* PrefixCache::Child(const Node* node, absl::Span<const int32_t> page) const {
  const auto it = node->children.find(Copy(page));
  return it == node->children.end() ? nullptr : it->second.get();
}

namespace {

// Whole pages that `a` and `b` begin with alike.
int64_t CommonPages(absl::Span<const int32_t> a, absl::Span<const int32_t> b, int64_t page_size) {
  const auto differs = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return (differs - a.begin()) / page_size;
}

}  // namespace

std::vector<PageId> PrefixCache::Match(absl::Span<const int32_t> tokens, const std::string& salt) {
  std::vector<PageId> found;
  const auto root = roots_.find(salt);
  if (root == roots_.end()) return found;
  Node* node = root->second.get();
  const auto page = static_cast<size_t>(page_size_);
  while (tokens.size() >= page) {
    Node* child = Child(node, tokens.first(page));
    if (child == nullptr) break;
    const int64_t common = CommonPages(child->tokens, tokens, page_size_);
    if (child->children.empty()) leaves_.erase(child->used);
    child->used = ++clock_;
    if (child->children.empty()) leaves_[child->used] = child;
    for (int64_t i = 0; i < common; ++i) found.push_back(child->pages[static_cast<size_t>(i)]);
    if (common < static_cast<int64_t>(child->pages.size())) break;
    tokens.remove_prefix(child->tokens.size());
    node = child;
  }
  for (PageId id : found) pages_->Share(id);
  return found;
}

int64_t PrefixCache::MatchLength(absl::Span<const int32_t> tokens, const std::string& salt) const {
  const auto root = roots_.find(salt);
  if (root == roots_.end()) return 0;
  const Node* node = root->second.get();
  const auto page = static_cast<size_t>(page_size_);
  int64_t length = 0;
  while (tokens.size() >= page) {
    const Node* child = Child(node, tokens.first(page));
    if (child == nullptr) break;
    const int64_t common = CommonPages(child->tokens, tokens, page_size_);
    length += common * page_size_;
    if (common < static_cast<int64_t>(child->pages.size())) break;
    tokens.remove_prefix(child->tokens.size());
    node = child;
  }
  return length;
}

bool PrefixCache::Exchange(const Node& known, absl::Span<PageId> pages) {
  bool changed = false;
  for (size_t i = 0; i < pages.size(); ++i) {
    if (pages[i] == known.pages[i]) continue;
    pages_->Share(known.pages[i]);
    pages_->Release(pages[i]);
    pages[i] = known.pages[i];
    changed = true;
  }
  return changed;
}

bool PrefixCache::Insert(absl::Span<const int32_t> tokens, absl::Span<PageId> pages,
                         const std::string& salt) {
  const auto page = static_cast<size_t>(page_size_);
  const size_t whole = std::min(tokens.size() / page, pages.size());
  tokens = tokens.first(whole * page);
  pages = pages.first(whole);
  if (pages.empty()) return false;
  bool changed = false;
  Node* node = Root(salt);
  while (!pages.empty()) {
    Node* child = Child(node, tokens.first(page));
    if (child == nullptr) {
      Append(node, tokens, pages);
      break;
    }
    const auto common = static_cast<size_t>(CommonPages(child->tokens, tokens, page_size_));
    changed |= Exchange(*child, pages.first(common));
    if (common == pages.size()) break;  // all of it was known
    if (common < child->pages.size()) Split(child, static_cast<int64_t>(common));
    tokens.remove_prefix(common * page);
    pages.remove_prefix(common);
    node = child;
  }
  return changed;
}

void PrefixCache::Append(Node* parent, absl::Span<const int32_t> tokens,
                         absl::Span<const PageId> pages) {
  for (PageId page : pages) pages_->Keep(page);
  size_ += static_cast<int64_t>(pages.size());
  if (parent->parent != nullptr && parent->children.empty()) {  // a longer edge, not a chain
    leaves_.erase(parent->used);
    parent->tokens.insert(parent->tokens.end(), tokens.begin(), tokens.end());
    parent->pages.insert(parent->pages.end(), pages.begin(), pages.end());
    parent->used = ++clock_;
    leaves_[parent->used] = parent;
    return;
  }
  auto node = std::make_unique<Node>();
  node->parent = parent;
  node->tokens = Copy(tokens);
  node->pages.assign(pages.begin(), pages.end());
  node->used = ++clock_;
  leaves_[node->used] = node.get();
  parent->children.emplace(Copy(tokens.first(static_cast<size_t>(page_size_))), std::move(node));
}

// `node` keeps its first `at` pages; a new node below it takes the rest and the children.
void PrefixCache::Split(Node* node, int64_t at) {
  const auto tokens = static_cast<size_t>(at * page_size_);
  auto rest = std::make_unique<Node>();
  rest->parent = node;
  rest->tokens.assign(node->tokens.begin() + static_cast<long>(tokens), node->tokens.end());
  rest->pages.assign(node->pages.begin() + at, node->pages.end());
  rest->children = std::move(node->children);
  for (auto& [key, child] : rest->children) child->parent = rest.get();
  rest->used = node->used;
  if (rest->children.empty()) leaves_[rest->used] = rest.get();  // in place of `node`
  node->tokens.resize(tokens);
  node->pages.resize(static_cast<size_t>(at));
  node->used = ++clock_;
  node->children.clear();
  const Tokens key(rest->tokens.begin(), rest->tokens.begin() + page_size_);
  node->children.emplace(key, std::move(rest));
}

PrefixCache::Node* PrefixCache::OldestIdleLeaf() {
  for (const auto& [used, leaf] : leaves_) {
    if (pages_->users(leaf->pages.back()) == 0) return leaf;
  }
  return nullptr;
}

void PrefixCache::DropLastPage(Node* leaf) {
  pages_->Drop(leaf->pages.back());
  --size_;
  leaf->pages.pop_back();
  leaf->tokens.resize(leaf->pages.size() * static_cast<size_t>(page_size_));
  if (!leaf->pages.empty()) return;
  leaves_.erase(leaf->used);
  Node* parent = leaf->parent;
  const auto owner = std::find_if(parent->children.begin(), parent->children.end(),
                                  [&](const auto& child) { return child.second.get() == leaf; });
  assert(owner != parent->children.end());
  parent->children.erase(owner);
  if (!parent->children.empty()) return;
  if (parent->parent != nullptr) {
    leaves_[parent->used] = parent;
  } else {
    roots_.erase(std::string(parent->salt));
  }
}

int64_t PrefixCache::Evict(int64_t count) {
  int64_t freed = 0;
  while (freed < count) {
    Node* leaf = OldestIdleLeaf();
    if (leaf == nullptr) break;
    auto idle = static_cast<int64_t>(leaf->pages.size());  // the leaf goes with its last page
    for (; idle > 0 && freed < count && pages_->users(leaf->pages.back()) == 0; --idle, ++freed)
      DropLastPage(leaf);
  }
  return freed;
}

}  // namespace strata::inference
