#include "inference/grammar/token_grammar.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::inference::grammar {

absl::StatusOr<std::shared_ptr<const TokenGrammar>> TokenGrammar::Create(
    Grammar grammar, std::shared_ptr<const TokenTrie> trie) {
  STRATA_ASSIGN_OR_RETURN(Program program, Program::Compile(std::move(grammar)));
  std::shared_ptr<const TokenGrammar> made(new TokenGrammar(std::move(program), std::move(trie)));
  // Also the first mask, so that a grammar that is too hard is refused at once.
  STRATA_RETURN_IF_ERROR(made->Current()->matcher.start().status());
  STRATA_RETURN_IF_ERROR(TokenMatcher(made).Mask().status());
  return made;
}

std::shared_ptr<TokenGrammar::Knowledge> TokenGrammar::Current() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  bool full = current_ == nullptr;
  if (!full) {
    const std::lock_guard<std::mutex> inner(current_->mutex);
    full = current_->matcher.size() > kShared;
  }
  if (full) current_ = std::make_shared<Knowledge>(&program_, trie_.get());
  return current_;
}

TokenMatcher::TokenMatcher(std::shared_ptr<const TokenGrammar> grammar)
    : grammar_(std::move(grammar)), knowledge_(grammar_->Current()) {
  const std::lock_guard<std::mutex> lock(knowledge_->mutex);
  const Matcher& matcher = knowledge_->matcher;
  const absl::StatusOr<Matcher::State> start = knowledge_->matcher.start();
  if (!start.ok()) return;  // Create() has refused it
  state_ = *start;
  may_end_ = matcher.may_end(state_);
  must_end_ = matcher.items(state_).empty();
}

absl::StatusOr<std::shared_ptr<const TokenMask>> TokenMatcher::Mask() const {
  const std::lock_guard<std::mutex> lock(knowledge_->mutex);
  return knowledge_->masks.MaskOf(state_);
}

absl::Status TokenMatcher::Accept(int32_t token) {
  const std::lock_guard<std::mutex> lock(knowledge_->mutex);
  Matcher& matcher = knowledge_->matcher;
  const std::string& bytes = grammar_->trie().bytes(token);
  Matcher::State state = bytes.empty() ? Matcher::kDead : state_;
  for (char byte : bytes) {
    STRATA_ASSIGN_OR_RETURN(state, matcher.Step(state, static_cast<uint8_t>(byte)));
  }
  if (state == Matcher::kDead)
    return absl::InvalidArgumentError(absl::StrCat("token ", token, " does not fit the grammar"));
  if (matcher.size() > TokenGrammar::kMost)
    return absl::InvalidArgumentError(
        "the grammar needs too much memory for a text of this length");
  state_ = state;
  may_end_ = matcher.may_end(state);
  must_end_ = matcher.items(state).empty();
  return absl::OkStatus();
}

}  // namespace strata::inference::grammar
