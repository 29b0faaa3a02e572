#include "inference/engine/scheduler.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/engine/block_allocator.h"

namespace strata::inference {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

MATCHER_P3(Work, id, count, drafts, "") {
  return arg.id == id && arg.count == count && arg.drafts == drafts;
}

SequenceView Prompt(int64_t id, int64_t tokens, int64_t computed = 0, int64_t pages = 0) {
  SequenceView view;
  view.id = view.key = id;
  view.tokens = tokens;
  view.computed = computed;
  view.pages = view.own_pages = pages;
  return view;
}

constexpr SchedulerOptions kOptions = {
    .page_size = 4, .max_sequences = 4, .step_tokens = 8, .chunk_tokens = 6};

TEST(Scheduler, AnswersGoBeforePromptsAndPromptsAreCut) {
  const StepPlan plan =
      PlanStep(kOptions, {Prompt(1, 20), Prompt(2, 9, 8, 2), Prompt(3, 5, 4, 1)}, {}, 100);
  EXPECT_THAT(plan.work, ElementsAre(Work(1, 6, 0), Work(2, 1, 0), Work(3, 1, 0)));
  EXPECT_THAT(plan.preempted, IsEmpty());
}

TEST(Scheduler, WaitingSequencesTakeWhatIsLeftInOrderOfTheirKeys) {
  const StepPlan plan =
      PlanStep(kOptions, {Prompt(1, 9, 8, 3)}, {Prompt(5, 3), Prompt(4, 5), Prompt(6, 3)}, 100);
  EXPECT_THAT(plan.work, ElementsAre(Work(1, 1, 0), Work(4, 5, 0), Work(5, 2, 0)));
  EXPECT_THAT(plan.admitted, ElementsAre(4, 5));
}

TEST(Scheduler, NobodyOvertakesOneThatWaitsForPages) {
  const StepPlan plan =
      PlanStep(kOptions, {Prompt(1, 9, 8, 3)}, {Prompt(4, 40), Prompt(5, 3)}, /*available=*/9);
  EXPECT_THAT(plan.admitted, IsEmpty());
}

TEST(Scheduler, OnlySoManyRunAtOnce) {
  const StepPlan plan =
      PlanStep(kOptions, {Prompt(1, 2, 1, 1), Prompt(2, 2, 1, 1), Prompt(3, 2, 1, 1)},
               {Prompt(4, 1), Prompt(5, 1)}, 100);
  EXPECT_THAT(plan.admitted, ElementsAre(4));
}

TEST(Scheduler, TheGreatestKeyLosesItsPages) {
  const StepPlan plan = PlanStep(
      kOptions, {Prompt(1, 9, 8, 2), Prompt(2, 9, 8, 2), Prompt(3, 7, 6, 2)}, {Prompt(4, 1)}, 0);
  // 1 takes a page of 3; the other is for 2.
  EXPECT_THAT(plan.work, ElementsAre(Work(1, 1, 0), Work(2, 1, 0)));
  EXPECT_THAT(plan.preempted, ElementsAre(3));
  EXPECT_THAT(plan.admitted, IsEmpty());  // not in a step in which pages ran out
}

TEST(Scheduler, TheLastOneGivesUpItsOwnPages) {
  const StepPlan plan = PlanStep(kOptions, {Prompt(1, 8, 7, 2), Prompt(2, 9, 8, 2)}, {}, 0);
  EXPECT_THAT(plan.work, ElementsAre(Work(1, 1, 0)));
  EXPECT_THAT(plan.preempted, ElementsAre(2));
}

TEST(Scheduler, APromptTakesTheRowsThatItsPagesHold) {
  const StepPlan plan = PlanStep(kOptions, {Prompt(1, 20, 3, 1)}, {}, 1);
  EXPECT_THAT(plan.work, ElementsAre(Work(1, 5, 0)));
}

TEST(Scheduler, AWriteToASharedPageNeedsAnother) {
  SequenceView shared = Prompt(2, 7, 6, 2);
  shared.own_pages = 0;
  shared.shared_tail = true;
  EXPECT_EQ(NewPages(shared, 1, 4), 1);
  EXPECT_THAT(PlanStep(kOptions, {Prompt(1, 7, 6, 2), shared}, {}, 0).preempted, ElementsAre(2));
  EXPECT_THAT(PlanStep(kOptions, {Prompt(1, 7, 6, 2), shared}, {}, 1).preempted, IsEmpty());
}

TEST(Scheduler, SpeculationTakesOnlyWhatIsLeft) {
  SequenceView a = Prompt(1, 5, 4, 2), b = Prompt(2, 5, 4, 2);
  a.drafts = b.drafts = 4;
  a.draft_pages = b.draft_pages = 1;
  EXPECT_THAT(PlanStep(kOptions, {a, b}, {}, 9).work,
              ElementsAre(Work(1, 1, 4), Work(2, 1, 0)));  // 8 rows: 1 + 4 + 1
  EXPECT_THAT(PlanStep(kOptions, {a}, {}, 0).work, ElementsAre(Work(1, 1, 0)));
  EXPECT_THAT(PlanStep(kOptions, {a}, {Prompt(3, 6)}, 9).work,
              ElementsAre(Work(1, 1, 0), Work(3, 6, 0)));
}

// Random loads on small pools, applied as the engine applies them. Every step keeps the budget and the pages, every
// sequence ends, and no sequence starts while one of a smaller key waits.
class Simulation {
 public:
  explicit Simulation(uint64_t seed) : random_(seed) {
    options_.page_size = Draw(1, 8);
    options_.max_sequences = Draw(1, 6);
    options_.step_tokens = options_.max_sequences + Draw(0, 20);
    options_.chunk_tokens = Draw(1, 16);
    pages_ = PagesFor(kLongest, options_.page_size) + 1 + Draw(0, 20);
  }

  void Run() {
    int64_t arrivals = 60, next_id = 0;
    for (int step = 0; arrivals > 0 || !running_.empty() || !waiting_.empty(); ++step) {
      ASSERT_LT(step, 20000) << "stuck";
      if (arrivals > 0 && Draw(0, 2) == 0) {
        Sequence sequence;
        sequence.view = Prompt(next_id++, Draw(1, kLongest / 2));
        sequence.view.key = sequence.view.id - 5 * Draw(0, 2);  // some overtake
        sequence.left = Draw(1, kLongest / 2);
        waiting_[sequence.view.id] = sequence;
        --arrivals;
      }
      Step();
    }
  }

 private:
  static constexpr int64_t kLongest = 60;
  struct Sequence {
    SequenceView view;
    int64_t left = 0;
  };

  int64_t Draw(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
  }

  static std::vector<SequenceView> Views(const std::map<int64_t, Sequence>& sequences) {
    std::vector<SequenceView> views;
    for (const auto& [id, sequence] : sequences) views.push_back(sequence.view);
    return views;
  }

  int64_t Held() const {
    int64_t held = 0;
    for (const auto& [id, sequence] : running_) held += sequence.view.pages;
    return held;
  }

  void Step() {
    for (auto& [id, sequence] : running_) {
      sequence.view.drafts = Draw(0, 3);
      sequence.view.draft_pages = Draw(0, 2);
    }
    const StepPlan plan = PlanStep(options_, Views(running_), Views(waiting_), pages_ - Held());
    const bool idle = running_.empty() && waiting_.empty();
    ASSERT_EQ(plan.work.empty(), idle) << "each step goes on";
    int64_t rows = 0, extra = 0, last_key = INT64_MIN;
    for (int64_t id : plan.preempted) {
      waiting_[id] = running_.at(id);
      waiting_[id].view.pages = waiting_[id].view.own_pages = waiting_[id].view.computed = 0;
      running_.erase(id);
    }
    for (int64_t id : plan.admitted) {
      ASSERT_EQ(plan.preempted.size(), 0u);
      running_[id] = waiting_.at(id);
      waiting_.erase(id);
    }
    for (int64_t id : plan.admitted)
      for (const auto& [other, sequence] : waiting_)
        ASSERT_LE(running_.at(id).view.key, sequence.view.key);
    for (int64_t id : plan.preempted)  // only for the sake of smaller keys
      ASSERT_LT(plan.work.front().id == id ? INT64_MAX : KeyOf(plan.work.front().id),
                waiting_.at(id).view.key + 1);
    ASSERT_LE(static_cast<int64_t>(running_.size()), options_.max_sequences);
    std::set<int64_t> seen;
    for (const StepWork& work : plan.work) {
      ASSERT_TRUE(seen.insert(work.id).second);
      Sequence& sequence = running_.at(work.id);
      ASSERT_LE(last_key, sequence.view.key);
      last_key = sequence.view.key;
      ASSERT_GE(work.count, 1);
      ASSERT_LE(work.count,
                std::min(options_.chunk_tokens, sequence.view.tokens - sequence.view.computed));
      rows += work.count + work.drafts;
      if (work.drafts > 0) extra += sequence.view.draft_pages;
      sequence.view.pages += NewPages(sequence.view, work.count, options_.page_size);
      sequence.view.own_pages = sequence.view.pages;
      sequence.view.computed += work.count;
      if (sequence.view.computed < sequence.view.tokens) continue;
      ++sequence.view.tokens;
      if (--sequence.left == 0) running_.erase(work.id);
    }
    ASSERT_LE(rows, options_.step_tokens);
    ASSERT_LE(Held() + extra, pages_);
  }

  int64_t KeyOf(int64_t id) const {
    const auto it = running_.find(id);
    return it == running_.end() ? INT64_MIN : it->second.view.key;
  }

  std::mt19937_64 random_;
  SchedulerOptions options_;
  int64_t pages_ = 0;
  std::map<int64_t, Sequence> running_, waiting_;
};

TEST(Scheduler, RandomLoadsKeepEveryRuleAndEnd) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    Simulation(seed).Run();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace strata::inference
