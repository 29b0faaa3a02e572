#include "inference/engine/draft_model.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace strata::inference {

DraftModel::DraftModel(std::shared_ptr<const DecoderModel> model,
                       std::unique_ptr<StepRunner> runner, const DraftModelOptions& options)
    : model_(std::move(model)),
      runner_(std::move(runner)),
      options_(options),
      kv_(options.pages, options.page_size, /*prefixes=*/false) {
  for (int64_t view = runner_->views() - 1; view >= 0; --view) free_views_.push_back(view);
}

void DraftModel::Forget(int64_t sequence) {
  const auto it = texts_.find(sequence);
  if (it == texts_.end()) return;
  kv_.Release(&it->second.pages);
  free_views_.push_back(it->second.view);
  texts_.erase(it);
}

DraftModel::Text* DraftModel::TextOf(int64_t sequence) {
  const auto it = texts_.find(sequence);
  if (it != texts_.end()) return &it->second;
  if (free_views_.empty()) return nullptr;
  Text& text = texts_[sequence];
  text.view = free_views_.back();
  free_views_.pop_back();
  return &text;
}

// Forgets what was guessed wrong, and at least the last token: its logits are wanted.
void DraftModel::Rewind(Text* text, absl::Span<const int32_t> tokens) {
  const auto differs =
      std::mismatch(text->tokens.begin(), text->tokens.end(), tokens.begin(), tokens.end());
  const auto common = static_cast<size_t>(differs.first - text->tokens.begin());
  text->tokens.resize(std::min(common, tokens.size() - 1));
}

// The tokens that the draft model has not seen yet, as many as there is room for. False when it can go no further.
bool DraftModel::AddRows(Guess* guess, std::vector<StepRow>* rows, int64_t room) {
  Text& text = *guess->text;
  const auto computed = static_cast<int64_t>(text.tokens.size());
  const auto size = static_cast<int64_t>(guess->tokens.size());
  const int64_t count = std::min(size - computed, room);
  std::optional<PageCopy> copy;
  if (size > runner_->view_length() || !kv_.Reserve(computed, count, &text.pages, &copy))
    return false;
  const absl::Span<int32_t> view = runner_->View(text.view);
  for (int64_t i = computed; i < computed + count; ++i) {
    const int32_t slot = kv_.Slot(text.pages, i);
    view[static_cast<size_t>(i)] = slot;
    const int32_t token = guess->tokens[static_cast<size_t>(i)];
    rows->push_back({token, static_cast<int32_t>(i), slot, static_cast<int32_t>(text.view),
                     static_cast<int32_t>(i + 1), i + 1 == size});
    text.tokens.push_back(token);
  }
  return true;
}

absl::StatusOr<int32_t> DraftModel::NextToken(Guess* guess, absl::Span<const float> logits) const {
  constexpr uint64_t kOtherNumbers = 0x5bd1e995bb67ae85ull;  // independent of the answer's
  Sampler& sampler = guess->sampler;
  if (!options_.draws) return sampler.Sample(logits);
  STRATA_ASSIGN_OR_RETURN(Choices choices, sampler.Distribution(logits));
  guess->tree.draws.push_back(std::move(choices));
  return Draw(guess->tree.draws.back(),
              UniformsAt(sampler.options().seed ^ kOtherNumbers, sampler.count()).draw);
}

absl::Status DraftModel::Extend(Guess* guess, absl::Span<const float> logits) {
  Sampler& sampler = guess->sampler;
  const Ask& ask = *guess->ask;
  const absl::StatusOr<int32_t> next = NextToken(guess, logits);
  if (absl::IsInvalidArgument(next.status())) {  // by its grammar: the answer will say so
    guess->done = true;
    return absl::OkStatus();
  }
  STRATA_ASSIGN_OR_RETURN(const int32_t token, next);
  sampler.Record(token);
  std::vector<int32_t> path(guess->tokens.begin() + static_cast<long>(ask.tokens.size()),
                            guess->tokens.end());
  if (path.empty() && options_.width > 1) {
    for (const TokenLogProbability& other : TopLogProbabilities(logits, options_.width))
      if (other.token != token) guess->aside.push_back(other.token);
    guess->aside.resize(std::min(guess->aside.size(), static_cast<size_t>(options_.width - 1)));
  }
  path.push_back(token);
  guess->tokens.push_back(token);
  guess->tree.AddPath(path, ask.most);
  guess->done =
      static_cast<int64_t>(path.size()) >= std::min(ask.depth, ask.most) || sampler.complete();
  return absl::OkStatus();
}

// One step for all guesses that go on; whether there were any.
absl::StatusOr<bool> DraftModel::Round(std::vector<Guess>* guesses) {
  std::vector<StepRow> rows;
  std::vector<Guess*> wanting;
  for (Guess& guess : *guesses) {
    const int64_t room = runner_->max_rows() - static_cast<int64_t>(rows.size());
    if (guess.done || room == 0) continue;
    if (!AddRows(&guess, &rows, room)) {
      guess.done = true;
    } else if (rows.back().logits) {
      wanting.push_back(&guess);
    }
  }
  if (rows.empty()) return false;
  STRATA_ASSIGN_OR_RETURN(const graph::HostTensor logits, runner_->Run(rows));
  for (size_t i = 0; i < wanting.size(); ++i) {
    const float* row = logits.data<float>() + static_cast<int64_t>(i) * options_.vocabulary;
    STRATA_RETURN_IF_ERROR(
        Extend(wanting[i], absl::MakeConstSpan(row, static_cast<size_t>(options_.vocabulary))));
  }
  return true;
}

absl::StatusOr<std::vector<CandidateTree>> DraftModel::Propose(absl::Span<const Ask> asks) {
  std::vector<Guess> guesses;
  for (const Ask& ask : asks) {
    Text* text = TextOf(ask.sequence);
    if (text != nullptr) Rewind(text, ask.tokens);
    guesses.push_back({&ask,
                       text,
                       {ask.tokens.begin(), ask.tokens.end()},
                       *ask.sampler,
                       {},
                       {},
                       /*done=*/text == nullptr});
  }
  while (true) {
    STRATA_ASSIGN_OR_RETURN(const bool more, Round(&guesses));
    if (!more) break;
  }
  std::vector<CandidateTree> trees;
  for (Guess& guess : guesses) {
    for (int32_t token : guess.aside) guess.tree.AddPath({token}, guess.ask->most);
    trees.push_back(std::move(guess.tree));
  }
  return trees;
}

}  // namespace strata::inference
