#include "inference/engine/engine_core.h"

#include <algorithm>
#include <utility>

#include "base/warning.h"
#include "inference/engine/rejection.h"

namespace strata::inference {
namespace {

double Seconds(EngineClock::time_point from, EngineClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

absl::Span<const float> Row(const graph::HostTensor& logits, int64_t row, int64_t vocabulary) {
  return {logits.data<float>() + row * vocabulary, static_cast<size_t>(vocabulary)};
}

}  // namespace

EngineCore::EngineCore(const CoreOptions& options, const Tokenizer* tokenizer,
                       std::unique_ptr<StepRunner> runner, std::unique_ptr<Speculator> speculator)
    : options_(options),
      tokenizer_(tokenizer),
      runner_(std::move(runner)),
      speculator_(std::move(speculator)),
      kv_(options.pages, options.scheduler.page_size, options.prefix_cache) {
  for (int64_t view = options_.scheduler.max_sequences - 1; view >= 0; --view)
    free_views_.push_back(view);
  stats_.page_size = options_.scheduler.page_size;
  stats_.kv_pages = kv_.pages().pages();
  stats_.kv_bytes = runner_->kv_bytes();
  stats_.accepted_per_position.resize(static_cast<size_t>(options_.draft_depth));
}

EngineCore::~EngineCore() = default;

int64_t EngineCore::ViewsFor(const CoreOptions& options) {
  const int64_t aside = options.draft_nodes > options.draft_depth ? options.draft_nodes : 0;
  return options.scheduler.max_sequences * (1 + aside);
}

// ---- Lifecycle ----

int64_t EngineCore::Add(std::shared_ptr<const GenerateRequest> request, OnToken on_token,
                        OnDone on_done, EngineClock::time_point arrival) {
  auto state = std::make_shared<RequestState>();
  state->id = next_request_++;
  state->request = std::move(request);
  state->on_token = std::move(on_token);
  state->on_done = std::move(on_done);
  state->arrival = arrival;
  state->key = order_.Enter(state->request->user, state->request->priority);
  auto sequence = std::make_unique<Sequence>(
      next_sequence_++, state, Answer(state->request, *tokenizer_, 0, options_.context));
  Sequence* added = sequence.get();
  waiting_[Place(*added)] = std::move(sequence);
  if (added->answer.finished()) Finish(added, absl::OkStatus());
  return state->id;
}

std::vector<Sequence*> EngineCore::All() {
  std::vector<Sequence*> all;
  for (auto& [id, sequence] : running_) all.push_back(sequence.get());
  for (auto& [place, sequence] : waiting_) all.push_back(sequence.get());
  return all;
}

void EngineCore::Cancel(int64_t request) {
  for (Sequence* sequence : All()) {
    if (sequence->request->id != request) continue;
    sequence->request->cancelled = true;
    cancelled_ = true;
  }
}

void EngineCore::CancelAll() {
  for (Sequence* sequence : All()) sequence->request->cancelled = cancelled_ = true;
}

void EngineCore::DropCancelled() {
  if (!cancelled_) return;
  cancelled_ = false;
  for (Sequence* sequence : All()) {
    if (!sequence->request->cancelled) continue;
    sequence->answer.Abort();
    Finish(sequence, absl::OkStatus());
  }
}

void EngineCore::Release(Sequence* sequence) {
  kv_.Release(&sequence->pages);
  sequence->computed = sequence->remembered = sequence->view_filled = 0;
  if (sequence->view >= 0) free_views_.push_back(sequence->view);
  sequence->view = -1;
}

void EngineCore::Start(Sequence* sequence) {
  sequence->view = free_views_.back();
  free_views_.pop_back();
  order_.Admitted(sequence->request->key, sequence->request->request->priority);
  if (sequence->scheduled) return;
  sequence->scheduled = true;
  sequence->first_scheduled = EngineClock::now();
  Generation& generation = sequence->answer.generation();
  generation.queue_seconds = Seconds(sequence->request->arrival, sequence->first_scheduled);
  generation.cached_tokens = sequence->computed;
  if (!options_.prefix_cache) return;
  stats_.prefix_queries += sequence->size();
  stats_.prefix_hits += sequence->computed;
}

void EngineCore::Preempt(int64_t id) {
  std::unique_ptr<Sequence> sequence = std::move(running_.extract(id).mapped());
  Release(sequence.get());
  ++stats_.preemptions;
  ++sequence->answer.generation().preemptions;
  waiting_[Place(*sequence)] = std::move(sequence);
}

void EngineCore::FinishChoice(const std::shared_ptr<RequestState>& request, int64_t choice,
                              absl::StatusOr<Generation> result) {
  if (!result.ok()) {
    ++stats_.finished_error;
  } else if (result->finish == FinishReason::kStop) {
    ++stats_.finished_stop;
  } else if (result->finish == FinishReason::kLength) {
    ++stats_.finished_length;
  } else {
    ++stats_.finished_aborted;
  }
  finished_.push_back({request, choice, std::move(result)});
}

// Ends the sequence; it is no more afterwards. Answers that had no sequence of their own yet end alike.
void EngineCore::Finish(Sequence* sequence, const absl::Status& error) {
  const std::shared_ptr<RequestState> request = sequence->request;
  Generation& generation = sequence->answer.generation();
  if (sequence->answer.sampler().count() > 0)
    generation.decode_seconds = Seconds(sequence->first_token, EngineClock::now());
  Release(sequence);
  if (speculator_ != nullptr) speculator_->Forget(sequence->id);
  const int64_t choices = request->forked ? 1 : request->request->n;
  for (int64_t i = 0; i < choices; ++i) {
    absl::StatusOr<Generation> result = generation;
    if (!error.ok()) result = error;
    FinishChoice(request, sequence->answer.choice() + i, std::move(result));
  }
  const auto place = Place(*sequence);
  if (running_.erase(place.second) == 0) waiting_.erase(place);
}

// ---- A step ----

SequenceView EngineCore::ViewOf(const Sequence& sequence) const {
  const int64_t page = options_.scheduler.page_size;
  SequenceView view;
  view.id = sequence.id;
  view.key = sequence.request->key;
  view.tokens = sequence.size();
  view.computed = sequence.computed;
  view.pages = static_cast<int64_t>(sequence.pages.size());
  view.own_pages = kv_.OwnPages(sequence.pages);
  view.shared_tail = kv_.SharedTail(sequence.pages, sequence.computed);
  if (speculator_ == nullptr || sequence.is_prompt()) return view;
  const int64_t depth = std::min(
      {options_.draft_depth, sequence.answer.left() - 1, options_.context - sequence.size()});
  if (depth < 1) return view;
  view.drafts = options_.draft_nodes;
  view.draft_pages = PagesFor(sequence.size() + depth, page) - PagesFor(sequence.size(), page);
  if (options_.draft_nodes > options_.draft_depth)
    view.draft_pages += PagesFor(options_.draft_nodes, page);
  return view;
}

// Those that may start now.
std::vector<Sequence*> EngineCore::Heads() {
  const auto room = static_cast<size_t>(options_.scheduler.max_sequences) - running_.size();
  std::vector<Sequence*> heads;
  for (auto it = waiting_.begin(); it != waiting_.end() && heads.size() < room; ++it)
    heads.push_back(it->second.get());
  return heads;
}

// Pages of those that do not start are given back after planning.
void EngineCore::MatchPrefixes() {
  if (!options_.prefix_cache) return;
  for (Sequence* s : Heads()) {
    s->computed = kv_.Match(s->tokens, s->request->request->cache_salt, &s->pages);
    s->remembered = s->computed;
  }
}

StepPlan EngineCore::Plan() {
  std::vector<SequenceView> running, waiting;
  for (const auto& [id, sequence] : running_) running.push_back(ViewOf(*sequence));
  for (const Sequence* head : Heads()) waiting.push_back(ViewOf(*head));
  return PlanStep(options_.scheduler, running, waiting, kv_.available());
}

void EngineCore::Apply(const StepPlan& plan) {
  const std::vector<Sequence*> heads = Heads();
  for (Sequence* head : heads) {
    if (std::count(plan.admitted.begin(), plan.admitted.end(), head->id) == 0) {
      Release(head);
      continue;
    }
    Start(head);
    auto node = waiting_.extract(Place(*head));
    running_[head->id] = std::move(node.mapped());
  }
  for (int64_t id : plan.preempted) Preempt(id);
}

std::map<int64_t, CandidateTree> EngineCore::Propose(const StepPlan& plan) {
  std::map<int64_t, CandidateTree> trees;
  std::vector<Speculator::Ask> asks;
  for (const StepWork& work : plan.work) {
    if (work.drafts == 0) continue;
    Sequence& s = *running_.at(work.id);
    const int64_t depth = std::min(
        {options_.draft_depth, s.answer.left() - 1, options_.context - s.size(), work.drafts});
    asks.push_back({s.id, s.tokens, work.drafts, depth, &s.answer.sampler()});
  }
  if (asks.empty()) return trees;
  auto proposed = speculator_->Propose(asks);
  if (!proposed.ok()) {  // a text comes slower without guesses, and the same
    Warn(absl::StrCat("speculation: ", proposed.status().message()));
    return trees;
  }
  for (size_t i = 0; i < asks.size(); ++i) {
    CandidateTree& tree = trees[asks[i].sequence] = std::move((*proposed)[i]);
    if (asks[i].sampler->has_grammar()) CutCandidates(*asks[i].sampler, &tree);
  }
  return trees;
}

void EngineCore::Step() {
  DropCancelled();
  if (!busy()) return;
  MatchPrefixes();
  StepPlan plan = Plan();
  Apply(plan);
  if (plan.work.empty() && plan.preempted.empty()) {  // without prefix hits, which hold pages
    plan = Plan();
    Apply(plan);
  }
  if (!plan.work.empty()) return Run(plan);
  if (!plan.preempted.empty()) return;  // the next plan has their pages
  Sequence* stuck =
      running_.empty() ? waiting_.begin()->second.get() : running_.begin()->second.get();
  Finish(stuck, absl::ResourceExhaustedError(
                    absl::StrCat("the KV cache has too few pages for a text of ", stuck->size(),
                                 " tokens; give the engine more pages")));
}

void EngineCore::Run(const StepPlan& plan) {
  std::map<int64_t, CandidateTree> trees = Propose(plan);
  StepBatch batch(&kv_, runner_.get(), options_.scheduler.max_sequences);
  for (const StepWork& work : plan.work) {
    const auto tree = trees.find(work.id);
    batch.Add(running_.at(work.id).get(), work.count,
              tree == trees.end() ? CandidateTree() : std::move(tree->second));
  }
  if (batch.rows().empty()) {
    return Finish(running_.at(plan.work.front().id).get(),
                  absl::InternalError("the scheduler planned pages that are not there"));
  }
  const EngineClock::time_point start = EngineClock::now();
  const absl::StatusOr<graph::HostTensor> logits = runner_->Run(batch.rows());
  stats_.step_seconds += Seconds(start, EngineClock::now());
  const auto rows = static_cast<int64_t>(batch.rows().size());
  ++stats_.steps;
  stats_.step_tokens += rows;
  const auto bound = std::lower_bound(EngineStats::kIterationBounds.begin(),
                                      EngineStats::kIterationBounds.end() - 1, rows);
  ++stats_.iteration_tokens[static_cast<size_t>(bound - EngineStats::kIterationBounds.begin())];
  for (StepBatch::Work& work : batch.work()) {
    if (logits.ok()) {
      TakeResults(work, &batch, *logits);
    } else {
      Finish(work.sequence, Annotate(logits.status(), "the step that this request was in"));
    }
  }
}

absl::StatusOr<int32_t> EngineCore::NextToken(Sequence* sequence, const CandidateTree& tree,
                                              int32_t parent, absl::Span<const float> logits) {
  Sampler& sampler = sequence->answer.sampler();
  if (tree.draws.empty()) return sampler.Sample(logits);
  const size_t child = static_cast<size_t>(parent + 1);  // a tree with draws is one path
  if (child >= tree.nodes.size()) return sampler.Sample(logits);
  STRATA_ASSIGN_OR_RETURN(const Choices target, sampler.Distribution(logits));
  return AcceptOrReplace(target, tree.draws[child], tree.nodes[child].token,
                         UniformsAt(sampler.options().seed, sampler.count()), options_.vocabulary)
      .token;
}

bool EngineCore::TakeToken(Sequence* sequence, absl::StatusOr<int32_t> token,
                           absl::Span<const float> logits, absl::Status* error) {
  if (!token.ok()) {
    *error = token.status();
    return false;
  }
  Answer& answer = sequence->answer;
  if (answer.sampler().count() == 0) {
    sequence->first_token = EngineClock::now();
    answer.generation().prefill_seconds = Seconds(sequence->first_scheduled, sequence->first_token);
  }
  const size_t before = answer.generation().tokens.size();
  const bool heard = answer.Push(*token, logits, sequence->request->on_token);
  stats_.generated_tokens += static_cast<int64_t>(answer.generation().tokens.size() - before);
  if (!heard) sequence->request->cancelled = cancelled_ = true;
  if (answer.finished()) return false;
  sequence->tokens.push_back(*token);
  return true;
}

void EngineCore::TakeResults(StepBatch::Work& work, StepBatch* batch,
                             const graph::HostTensor& logits) {
  Sequence* s = work.sequence;
  s->computed += work.count;
  if (work.first_logits < 0) return Remember(s);
  const auto row = [&](int32_t node) {
    return Row(logits, work.first_logits + 1 + node, options_.vocabulary);
  };
  if (!s->request->forked) Fork(s, row(-1));
  std::vector<int32_t> path;
  absl::Status error;
  for (int32_t node = -1;
       TakeToken(s, NextToken(s, work.tree, node, row(node)), row(node), &error);) {
    node = work.tree.Child(node, s->tokens.back());
    if (node < 0) break;
    path.push_back(node);
  }
  batch->Accept(work, path);
  s->computed += static_cast<int64_t>(path.size());
  if (!work.tree.empty()) {
    ++stats_.drafts;
    stats_.draft_tokens += static_cast<int64_t>(work.tree.nodes.size());
    stats_.accepted_tokens += static_cast<int64_t>(path.size());
    for (size_t i = 0; i < path.size(); ++i) ++stats_.accepted_per_position[i];
    s->answer.generation().draft_tokens += static_cast<int64_t>(work.tree.nodes.size());
    s->answer.generation().accepted_tokens += static_cast<int64_t>(path.size());
  }
  Remember(s);
  if (!error.ok() || s->answer.finished()) Finish(s, error);
}

// The prompt is computed: the other answers get sequences that share its pages, or wait if too many run.
void EngineCore::Fork(Sequence* first, absl::Span<const float> logits) {
  const std::shared_ptr<RequestState> request = first->request;
  request->forked = true;
  stats_.prompt_tokens += first->size();
  for (int64_t choice = 1; choice < request->request->n; ++choice) {
    auto fork = std::make_unique<Sequence>(
        next_sequence_++, request, Answer(request->request, *tokenizer_, choice, options_.context));
    Sequence* s = fork.get();
    s->scheduled = true;
    s->first_scheduled = first->first_scheduled;
    s->answer.generation().queue_seconds = first->answer.generation().queue_seconds;
    s->answer.generation().cached_tokens = first->size();
    if (free_views_.empty()) {
      waiting_[Place(*s)] = std::move(fork);
    } else {
      running_[s->id] = std::move(fork);
      s->pages = kv_.Fork(first->pages, first->computed);
      s->computed = first->computed;
      s->remembered = first->remembered;
      s->view = free_views_.back();
      free_views_.pop_back();
    }
    absl::Status error;
    if (!TakeToken(s, s->answer.sampler().Sample(logits), logits, &error)) Finish(s, error);
  }
}

void EngineCore::Remember(Sequence* sequence) {
  const int64_t page = options_.scheduler.page_size;
  if (sequence->computed / page == sequence->remembered / page) return;
  sequence->remembered = sequence->computed;
  if (kv_.Remember(sequence->tokens, sequence->computed, sequence->request->request->cache_salt,
                   &sequence->pages)) {
    sequence->view_filled = 0;  // pages were exchanged for known ones
  }
}

std::vector<EngineCore::Finished> EngineCore::TakeFinished() {
  return std::exchange(finished_, {});
}

EngineStats EngineCore::stats() const {
  EngineStats stats = stats_;
  stats.running = static_cast<int64_t>(running_.size());
  stats.waiting = static_cast<int64_t>(waiting_.size());
  stats.kv_pages_used = kv_.pages().used_pages();
  stats.kv_pages_idle = kv_.pages().idle_pages();
  return stats;
}

}  // namespace strata::inference
