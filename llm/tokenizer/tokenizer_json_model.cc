// The model and the added tokens of a tokenizer.json.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/tokenizer_json_parts.h"

namespace strata::llm::internal {
namespace {

// A vocabulary may have holes, but not be all holes: ids far beyond the number of tokens are a
// damaged file.
absl::Status CheckRange(const JsonView& where, int32_t id, size_t tokens) {
  if (static_cast<size_t>(id) < 2 * tokens + 4096) return absl::OkStatus();
  return where.Invalid(
      absl::StrCat("id ", id, " is far beyond the ", tokens, " tokens of the vocabulary"));
}

absl::Status ReadVocabulary(const JsonView& vocab, TokenizerSpec* spec, Ids* ids) {
  if (!vocab.value().is_object()) return vocab.Invalid("expected an object of token to id");
  const size_t size = vocab.value().size();
  ids->reserve(size);
  for (const auto& [text, value] : vocab.value().items()) {
    const JsonView entry(&value, absl::StrCat(vocab.path(), "['", text, "']"));
    STRATA_ASSIGN_OR_RETURN(const int32_t id, entry.Id());
    STRATA_RETURN_IF_ERROR(CheckRange(entry, id, size));
    if (text.empty()) return entry.Invalid("a token cannot be empty");
    if (static_cast<size_t>(id) >= spec->tokens.size()) spec->tokens.resize(id + 1);
    Token& token = spec->tokens[id];
    if (!token.bytes.empty())
      return entry.Invalid(absl::StrCat("id ", id, " is already that of another token"));
    std::optional<std::string> bytes = AlphabetToBytes(text);
    token = bytes.has_value() ? Token{*std::move(bytes), false} : Token{text, true};
    ids->emplace(text, id);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::pair<std::string, std::string>> ReadMerge(const JsonView& merge) {
  if (merge.value().is_string()) {
    const std::string& text = merge.value().get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      return merge.Invalid(
          absl::StrCat("'", text, "' is not two tokens with a space between them"));
    }
    return std::make_pair(text.substr(0, space), text.substr(space + 1));
  }
  if (!merge.value().is_array() || merge.value().size() != 2) {
    return merge.Invalid("expected a pair of tokens or a string of two");
  }
  STRATA_ASSIGN_OR_RETURN(std::string left, merge.Element(0).String());
  STRATA_ASSIGN_OR_RETURN(std::string right, merge.Element(1).String());
  return std::make_pair(std::move(left), std::move(right));
}

absl::Status ReadMerges(const JsonView& merges, const Ids& ids, TokenizerSpec* spec) {
  STRATA_ASSIGN_OR_RETURN(const size_t size, merges.ArraySize());
  for (size_t i = 0; i < size; ++i) {
    const JsonView merge = merges.Element(i);
    STRATA_ASSIGN_OR_RETURN(const auto pair, ReadMerge(merge));
    const auto left = ids.find(pair.first);
    const auto right = ids.find(pair.second);
    if (left == ids.end() || right == ids.end()) {
      return merge.Invalid(absl::StrCat("token '", left == ids.end() ? pair.first : pair.second,
                                        "' is not in model.vocab"));
    }
    spec->merges.emplace_back(left->second, right->second);
  }
  return absl::OkStatus();
}

absl::Status RefuseSubwordMarks(const JsonView& model) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    STRATA_ASSIGN_OR_RETURN(const std::string mark, model.StringMember(key, ""));
    STRATA_ASSIGN_OR_RETURN(const JsonView member, model.Member(key));
    if (!mark.empty())
      return member.Unsupported(absl::StrCat("'", mark, "'; only byte-level BPE without marks"));
  }
  STRATA_ASSIGN_OR_RETURN(const JsonView dropout, model.Member("dropout"));
  if (!dropout.IsNull() && dropout.value() != 0)
    return dropout.Unsupported("is not supported; set it to null");
  STRATA_ASSIGN_OR_RETURN(const bool byte_fallback, model.BoolMember("byte_fallback", false));
  if (byte_fallback) {
    STRATA_ASSIGN_OR_RETURN(const JsonView member, model.Member("byte_fallback"));
    return member.Unsupported("true; only byte-level BPE, which needs none");
  }
  return absl::OkStatus();
}

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

// Ordinary text must not be able to forge a control mark: the model may make one only where its
// merges do.
void ReserveSpecialTokens(TokenizerSpec* spec) {
  absl::flat_hash_set<std::string> merged;
  size_t longest = 0;
  for (const AddedToken& token : spec->added)
    longest = std::max(longest, token.special ? token.content.size() : 0);
  for (const auto& [left, right] : spec->merges) {
    const std::string& front = spec->tokens[left].bytes;
    const std::string& back = spec->tokens[right].bytes;
    if (front.size() + back.size() <= longest) merged.insert(front + back);
  }
  for (const AddedToken& token : spec->added) {
    if (token.special && token.content.size() > 1 && !merged.contains(token.content)) {
      spec->tokens[token.id].literal = true;
    }
  }
}

}  // namespace

absl::Status ReadModel(const JsonView& model, Ids* ids, TokenizerSpec* spec) {
  STRATA_ASSIGN_OR_RETURN(const std::string type, model.StringMember("type", "BPE"));
  if (type != "BPE") {
    STRATA_ASSIGN_OR_RETURN(const JsonView member, model.Member("type"));
    return member.Unsupported(absl::StrCat("'", type, "' is not supported; only BPE"));
  }
  STRATA_RETURN_IF_ERROR(RefuseSubwordMarks(model));
  STRATA_ASSIGN_OR_RETURN(spec->ignore_merges, model.BoolMember("ignore_merges", false));
  STRATA_ASSIGN_OR_RETURN(spec->fuse_unknown, model.BoolMember("fuse_unk", false));
  STRATA_ASSIGN_OR_RETURN(const JsonView vocab, model.Member("vocab"));
  STRATA_RETURN_IF_ERROR(ReadVocabulary(vocab, spec, ids));
  STRATA_ASSIGN_OR_RETURN(const JsonView merges, model.Member("merges"));
  STRATA_RETURN_IF_ERROR(ReadMerges(merges, *ids, spec));
  STRATA_ASSIGN_OR_RETURN(const JsonView unknown, model.Member("unk_token"));
  if (unknown.IsNull()) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(const std::string text, unknown.String());
  const auto it = ids->find(text);
  if (it == ids->end()) return unknown.Invalid(absl::StrCat("'", text, "' is not in model.vocab"));
  spec->unknown = it->second;
  return absl::OkStatus();
}

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
