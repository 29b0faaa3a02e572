#include "inference/engine/step_batch.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace strata::inference {
namespace {

// Trunk nodes come first.
int64_t TrunkSize(const CandidateTree& tree) {
  return std::count_if(tree.nodes.begin(), tree.nodes.end(),
                       [](const CandidateTree::Node& node) { return node.trunk; });
}

// Positions after the known text that candidates may come to.
int64_t Depth(const CandidateTree& tree) {
  int64_t depth = 0;
  for (const CandidateTree::Node& node : tree.nodes)
    depth = std::max<int64_t>(depth, node.depth + 1);
  return depth;
}

int64_t NodeCount(const CandidateTree& tree) { return static_cast<int64_t>(tree.nodes.size()); }

}  // namespace

StepBatch::~StepBatch() {
  for (Work& work : work_) kv_->Release(&work.branch_pages);
}

bool StepBatch::ReservePages(Work* work) {
  Sequence& s = *work->sequence;
  std::optional<PageCopy> copy;
  if (!kv_->Reserve(s.computed, work->count + Depth(work->tree), &s.pages, &copy)) {
    work->tree = {};
    if (!kv_->Reserve(s.computed, work->count, &s.pages, &copy)) return false;
  }
  if (copy.has_value()) {
    const int64_t size = kv_->pages().page_size();
    runner_->CopySlots(static_cast<int32_t>(copy->from * size),
                       static_cast<int32_t>(copy->to * size), size);
    s.view_filled = std::min(s.view_filled, s.computed / size * size);
  }
  const int64_t trunk = TrunkSize(work->tree), aside = NodeCount(work->tree) - trunk;
  if (aside > 0 && !kv_->Reserve(0, aside, &work->branch_pages, &copy))
    work->tree.nodes.resize(static_cast<size_t>(trunk));
  return true;
}

bool StepBatch::Add(Sequence* sequence, int64_t count, CandidateTree tree) {
  Work work;
  work.sequence = sequence;
  work.count = count;
  const bool ends = sequence->computed + count == sequence->size();
  if (ends) work.tree = std::move(tree);
  if (!ReservePages(&work)) return false;
  FillView(sequence, sequence->computed + count + TrunkSize(work.tree));
  AddKnown(&work);
  AddCandidates(&work);
  work_.push_back(std::move(work));
  return true;
}

void StepBatch::FillView(Sequence* sequence, int64_t length) {
  const absl::Span<int32_t> view = runner_->View(sequence->view);
  for (int64_t i = sequence->view_filled; i < length; ++i)
    view[static_cast<size_t>(i)] = kv_->Slot(sequence->pages, i);
  sequence->view_filled = std::max(sequence->view_filled, length);
}

void StepBatch::AddKnown(Work* work) {
  const Sequence& s = *work->sequence;
  for (int64_t i = s.computed; i < s.computed + work->count; ++i) {
    StepRow row;
    row.token = s.tokens[static_cast<size_t>(i)];
    row.position = static_cast<int32_t>(i);
    row.slot = kv_->Slot(s.pages, i);
    row.view = static_cast<int32_t>(s.view);
    row.length = static_cast<int32_t>(i + 1);
    row.logits = i + 1 == s.size();
    if (row.logits) work->first_logits = logits_++;
    rows_.push_back(row);
  }
}

// A view for each candidate: the sequence's own for the trunk; those aside share one for each path.
std::vector<int32_t> StepBatch::BranchViews(const Work& work) {
  const Sequence& s = *work.sequence;
  const auto& nodes = work.tree.nodes;
  const absl::Span<int32_t> trunk = runner_->View(s.view);
  std::vector<int32_t> views(nodes.size(), -1);
  for (auto i = static_cast<int32_t>(nodes.size()) - 1; i >= 0; --i) {
    if (nodes[static_cast<size_t>(i)].trunk) {
      views[static_cast<size_t>(i)] = static_cast<int32_t>(s.view);
      continue;
    }
    if (views[static_cast<size_t>(i)] >= 0) continue;
    const auto view = static_cast<int32_t>(next_view_++);
    const absl::Span<int32_t> slots = runner_->View(view);
    std::copy(trunk.begin(), trunk.begin() + s.size(), slots.begin());
    for (int32_t at = i; at >= 0; at = nodes[static_cast<size_t>(at)].parent) {
      const CandidateTree::Node& node = nodes[static_cast<size_t>(at)];
      slots[static_cast<size_t>(s.size() + node.depth)] = work.slots[static_cast<size_t>(at)];
      if (!node.trunk && views[static_cast<size_t>(at)] < 0) views[static_cast<size_t>(at)] = view;
    }
  }
  return views;
}

void StepBatch::AddCandidates(Work* work) {
  const Sequence& s = *work->sequence;
  int64_t aside = 0;
  for (const CandidateTree::Node& node : work->tree.nodes) {
    work->slots.push_back(node.trunk ? kv_->Slot(s.pages, s.size() + node.depth)
                                     : kv_->Slot(work->branch_pages, aside++));
  }
  if (runner_->views() - next_view_ < aside)  // at most one view a node
    work->tree.nodes.resize(static_cast<size_t>(TrunkSize(work->tree)));
  const std::vector<int32_t> views = BranchViews(*work);
  for (size_t i = 0; i < work->tree.nodes.size(); ++i) {
    const CandidateTree::Node& node = work->tree.nodes[i];
    StepRow row;
    row.token = node.token;
    row.position = static_cast<int32_t>(s.size() + node.depth);
    row.slot = work->slots[i];
    row.view = views[i];
    row.length = row.position + 1;
    row.logits = true;
    rows_.push_back(row);
    ++logits_;
  }
}

void StepBatch::Accept(const Work& work, absl::Span<const int32_t> path) {
  const Sequence& s = *work.sequence;
  int64_t position = s.computed;
  for (int32_t node : path) {
    const int32_t from = work.slots[static_cast<size_t>(node)];
    const int32_t to = kv_->Slot(s.pages, position++);
    if (from != to) runner_->CopySlots(from, to, 1);
  }
}

}  // namespace strata::inference
