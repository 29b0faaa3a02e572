// The added tokens of a tokenizer.json.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "llm/tokenizer/tokenizer_json_parts.h"

namespace strata::llm::internal {
namespace {

absl::Status AddToken(const JsonView& where, AddedToken token, size_t listed, const Ids& ids,
                      TokenizerSpec* spec) {
  if (token.content.empty()) return where.Invalid("content: is empty");
  STRATA_RETURN_IF_ERROR(CheckRange(where, token.id, spec->tokens.size() + listed));
  const auto in_vocab = ids.find(token.content);
  token.in_vocab = in_vocab != ids.end();
  if (token.in_vocab && in_vocab->second != token.id) {
    return where.Invalid(absl::StrCat("id: ", token.id, ", but '", token.content, "' is ",
                                      in_vocab->second, " in model.vocab"));
  }
  if (static_cast<size_t>(token.id) >= spec->tokens.size()) spec->tokens.resize(token.id + 1);
  Token& entry = spec->tokens[token.id];
  if (!token.in_vocab && !entry.bytes.empty()) {
    return where.Invalid(absl::StrCat("id: ", token.id, " of '", token.content,
                                      "' is another token's in model.vocab"));
  }
  if (entry.bytes != token.content) entry = {token.content, true};
  spec->added.push_back(std::move(token));
  return absl::OkStatus();
}

// Ordinary text must not be able to forge a control mark: a model may make one only where merges do.
void ReserveSpecialTokens(TokenizerSpec* spec) {
  absl::flat_hash_set<std::string> merged;
  size_t longest = 0;
  for (const AddedToken& token : spec->added)
    longest = std::max(longest, token.special ? token.content.size() : 0);
  const BpeSpec* bpe = std::get_if<BpeSpec>(&spec->model);
  for (size_t i = 0; bpe != nullptr && i < bpe->merges.size(); ++i) {
    const std::string& front = spec->tokens[bpe->merges[i].first].bytes;
    const std::string& back = spec->tokens[bpe->merges[i].second].bytes;
    if (front.size() + back.size() <= longest) merged.insert(front + back);
  }
  for (const AddedToken& token : spec->added) {
    const bool needed =
        bpe != nullptr && (token.content.size() == 1 || merged.contains(token.content));
    if (token.special && !needed) spec->tokens[token.id].literal = true;
  }
}

}  // namespace

absl::Status ReadAddedTokens(const JsonView& tokens, const Ids& ids, TokenizerSpec* spec) {
  if (tokens.IsNull()) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(const size_t size, tokens.ArraySize());
  absl::flat_hash_set<int32_t> seen;
  for (size_t i = 0; i < size; ++i) {
    const JsonView entry = tokens.Element(i);
    AddedToken token;
    STRATA_ASSIGN_OR_RETURN(const JsonView id, entry.Member("id"));
    STRATA_ASSIGN_OR_RETURN(token.id, id.Id());
    if (!seen.insert(token.id).second)
      return id.Invalid(absl::StrCat(token.id, " is already that of another token"));
    STRATA_ASSIGN_OR_RETURN(token.content, entry.StringMember("content"));
    STRATA_ASSIGN_OR_RETURN(token.single_word, entry.BoolMember("single_word", false));
    STRATA_ASSIGN_OR_RETURN(token.lstrip, entry.BoolMember("lstrip", false));
    STRATA_ASSIGN_OR_RETURN(token.rstrip, entry.BoolMember("rstrip", false));
    STRATA_ASSIGN_OR_RETURN(token.special, entry.BoolMember("special", false));
    STRATA_ASSIGN_OR_RETURN(token.normalized, entry.BoolMember("normalized", !token.special));
    STRATA_RETURN_IF_ERROR(AddToken(entry, std::move(token), size, ids, spec));
  }
  ReserveSpecialTokens(spec);
  return absl::OkStatus();
}

}  // namespace strata::llm::internal
