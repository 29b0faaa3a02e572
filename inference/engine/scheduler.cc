#include "inference/engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "inference/engine/block_allocator.h"

namespace strata::inference {
namespace {

bool Before(const SequenceView& a, const SequenceView& b) {
  return a.key != b.key ? a.key < b.key : a.id < b.id;
}

std::vector<SequenceView> Sorted(absl::Span<const SequenceView> sequences) {
  std::vector<SequenceView> sorted(sequences.begin(), sequences.end());
  std::sort(sorted.begin(), sorted.end(), Before);
  return sorted;
}

class Planner {
 public:
  Planner(const SchedulerOptions& options, absl::Span<const SequenceView> running,
          int64_t available)
      : options_(options), budget_(options.step_tokens), available_(available) {
    for (const SequenceView& sequence : Sorted(running)) entries_.push_back({sequence});
  }

  void PlanRunning(bool prompts) {
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].preempted || IsPrompt(entries_[i].view) != prompts || budget_ == 0) continue;
      Give(i);
    }
  }

  // Pages that only this waiting sequence holds can be had until it starts.
  void Lend(const SequenceView& waiting) { available_ += waiting.own_pages; }

  void Admit(const SequenceView& waiting) {
    available_ -= waiting.own_pages;
    entries_.push_back({waiting});
    entries_.back().admitted = true;
    TakeRows(&entries_.back(), Fitting(waiting));
  }

  // Whether the next of the queue may start now.
  bool HasRoomFor(const SequenceView& waiting) const {
    if (preemption_ || budget_ == 0 || Active() >= options_.max_sequences) return false;
    const int64_t left = available_ - waiting.own_pages;
    if (Active() == 0) return left >= NewPages(waiting, 1, options_.page_size);
    return left >= NewPages(waiting, waiting.tokens - waiting.computed, options_.page_size);
  }

  void Speculate() {
    for (Entry& entry : entries_) {
      const SequenceView& view = entry.view;
      const bool ends_known = view.computed + entry.count == view.tokens;
      if (entry.preempted || entry.count == 0 || IsPrompt(view) || !ends_known) continue;
      if (view.drafts == 0 || view.drafts > budget_ || view.draft_pages > available_) continue;
      entry.drafts = view.drafts;
      budget_ -= view.drafts;
      available_ -= view.draft_pages;
    }
  }

  StepPlan Plan() const {
    std::vector<Entry> entries = entries_;
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return Before(a.view, b.view); });
    StepPlan plan;
    for (const Entry& entry : entries) {
      if (entry.preempted) plan.preempted.push_back(entry.view.id);
      if (entry.count == 0) continue;
      plan.work.push_back({entry.view.id, entry.count, entry.drafts});
      if (entry.admitted) plan.admitted.push_back(entry.view.id);
    }
    return plan;
  }

 private:
  struct Entry {
    SequenceView view;
    int64_t count = 0, drafts = 0;
    int64_t pages = 0;  // taken in this plan
    bool preempted = false, admitted = false;
  };

  static bool IsPrompt(const SequenceView& view) { return view.tokens - view.computed > 1; }

  int64_t Active() const {
    return std::count_if(entries_.begin(), entries_.end(),
                         [](const Entry& entry) { return !entry.preempted; });
  }

  // The most rows that fit the budget, the chunk and the pages.
  int64_t Fitting(const SequenceView& view) const {
    const int64_t wanted = std::min({view.tokens - view.computed, options_.chunk_tokens, budget_});
    const int64_t pages = view.pages + available_ - (view.shared_tail ? 1 : 0);
    return std::max<int64_t>(0, std::min(wanted, pages * options_.page_size - view.computed));
  }

  void TakeRows(Entry* entry, int64_t count) {
    entry->count = count;
    entry->pages = NewPages(entry->view, count, options_.page_size);
    budget_ -= count;
    available_ -= entry->pages;
  }

  void Give(size_t i) {
    int64_t count = Fitting(entries_[i].view);
    while (count == 0) {
      const size_t victim = LastActive();
      // Pages that victims share with each other are free only now: the next step counts them.
      if (victim == i && (preemption_ || Active() == 1)) return;
      Preempt(&entries_[victim]);
      if (victim == i) return;
      count = Fitting(entries_[i].view);
    }
    TakeRows(&entries_[i], count);
  }

  size_t LastActive() const {
    size_t i = entries_.size() - 1;
    while (entries_[i].preempted) --i;
    return i;
  }

  void Preempt(Entry* entry) {
    budget_ += entry->count;
    available_ += entry->pages + entry->view.own_pages;
    entry->count = 0;
    entry->preempted = true;
    preemption_ = true;
  }

  const SchedulerOptions& options_;
  int64_t budget_;
  int64_t available_;
  bool preemption_ = false;
  std::vector<Entry> entries_;  // running ones by key, then the admitted ones
};

}  // namespace

int64_t NewPages(const SequenceView& sequence, int64_t count, int64_t page_size) {
  if (count == 0) return 0;
  const int64_t more = PagesFor(sequence.computed + count, page_size) - sequence.pages;
  return std::max<int64_t>(0, more) + (sequence.shared_tail ? 1 : 0);
}

StepPlan PlanStep(const SchedulerOptions& options, absl::Span<const SequenceView> running,
                  absl::Span<const SequenceView> waiting, int64_t available) {
  Planner planner(options, running, available);
  for (const SequenceView& sequence : waiting) planner.Lend(sequence);
  planner.PlanRunning(/*prompts=*/false);
  planner.PlanRunning(/*prompts=*/true);
  for (const SequenceView& next : Sorted(waiting)) {
    if (!planner.HasRoomFor(next)) break;
    planner.Admit(next);
  }
  planner.Speculate();
  return planner.Plan();
}

}  // namespace strata::inference
