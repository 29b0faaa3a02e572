#include "llm/tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

#include "llm/tokenizer/code_point.h"

namespace strata::llm {
namespace {

bool StandsAlone(absl::string_view text, size_t begin, size_t end) {
  return !EndsWithWord(text.substr(0, begin)) && !StartsWithWord(text.substr(end));
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::vector<std::pair<absl::string_view, int32_t>> entries;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    entries.emplace_back(tokens_[i].content, static_cast<int32_t>(i));
    starts_[static_cast<uint8_t>(tokens_[i].content[0])] = true;
  }
  trie_ = ByteTrie(std::move(entries));
}

const AddedToken* AddedTokenMatcher::Longest(absl::string_view text, size_t begin,
                                             Filter accept) const {
  const AddedToken* longest = nullptr;
  trie_.ForEachPrefix(text.substr(begin), [&](size_t, int32_t i) {
    if (accept(tokens_[i], begin)) longest = &tokens_[i];
  });
  return longest;
}

void AddedTokenMatcher::Split(absl::string_view text,
                              absl::FunctionRef<void(absl::string_view)> on_text,
                              absl::FunctionRef<void(int32_t)> on_token, Filter accept) const {
  if (tokens_.empty()) {
    if (!text.empty()) on_text(text);
    return;
  }
  size_t done = 0;
  size_t position = 0;
  while (position < text.size()) {
    if (!starts_[static_cast<uint8_t>(text[position])]) {
      ++position;
      continue;
    }
    const AddedToken* token = Longest(text, position, accept);
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
