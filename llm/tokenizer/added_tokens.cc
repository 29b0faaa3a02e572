#include "llm/tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

#include "llm/tokenizer/normalizer.h"

namespace strata::llm {
namespace {

bool StandsAlone(absl::string_view text, size_t begin, size_t end) {
  return !EndsWithWord(text.substr(0, begin)) && !StartsWithWord(text.substr(end));
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)), ends_{-1} {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    uint64_t node = 0;
    for (char c : tokens_[i].content) {
      const auto [edge, added] =
          edges_.try_emplace(node << 8 | static_cast<uint8_t>(c), ends_.size());
      if (added) ends_.push_back(-1);
      node = edge->second;
    }
    ends_[node] = static_cast<int32_t>(i);
    starts_[static_cast<uint8_t>(tokens_[i].content[0])] = true;
  }
}

const AddedToken* AddedTokenMatcher::Longest(absl::string_view text) const {
  const AddedToken* longest = nullptr;
  uint64_t node = 0;
  for (char c : text) {
    const auto edge = edges_.find(node << 8 | static_cast<uint8_t>(c));
    if (edge == edges_.end()) break;
    node = edge->second;
    if (ends_[node] >= 0) longest = &tokens_[ends_[node]];
  }
  return longest;
}

void AddedTokenMatcher::Split(absl::string_view text,
                              absl::FunctionRef<void(absl::string_view)> on_text,
                              absl::FunctionRef<void(int32_t)> on_token) const {
  size_t done = 0;
  size_t position = 0;
  while (position < text.size()) {
    if (!starts_[static_cast<uint8_t>(text[position])]) {
      ++position;
      continue;
    }
    const AddedToken* token = Longest(text.substr(position));
    if (token == nullptr) {
      ++position;
      continue;
    }
    size_t begin = position;
    size_t end = position + token->content.size();
    position = end;
    if (token->single_word && !StandsAlone(text, begin, end)) continue;
    if (token->lstrip) begin -= std::min(TrailingSpace(text.substr(0, begin)), begin - done);
    if (token->rstrip) end += LeadingSpace(text.substr(end));
    if (begin > done) on_text(text.substr(done, begin - done));
    on_token(token->id);
    done = position = end;
  }
  if (done < text.size()) on_text(text.substr(done));
}

}  // namespace strata::llm
