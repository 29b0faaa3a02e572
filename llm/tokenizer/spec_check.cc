#include "llm/tokenizer/spec_check.h"

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace strata::llm {
namespace {

bool InRange(int32_t id, const TokenizerSpec& spec) {
  return id >= 0 && static_cast<size_t>(id) < spec.tokens.size();
}

absl::Status CheckAddedToken(const AddedToken& token, const TokenizerSpec& spec) {
  if (token.content.empty()) return absl::InvalidArgumentError("content: is empty");
  if (!InRange(token.id, spec)) {
    return absl::InvalidArgumentError(
        absl::StrCat("id: ", token.id, " is outside the vocabulary of ", spec.tokens.size()));
  }
  if (spec.tokens[token.id].bytes != token.content) {
    return absl::InvalidArgumentError(
        absl::StrCat("id: ", token.id, " is '", spec.tokens[token.id].bytes,
                     "' in the vocabulary, not '", token.content, "'"));
  }
  return absl::OkStatus();
}

absl::Status CheckAdded(const TokenizerSpec& spec) {
  absl::flat_hash_map<std::string, size_t> seen;
  for (size_t i = 0; i < spec.added.size(); ++i) {
    STRATA_RETURN_IF_ERROR(
        Annotate(CheckAddedToken(spec.added[i], spec), absl::StrCat("added_tokens[", i, "]")));
    const auto [existing, added] = seen.try_emplace(spec.added[i].content, i);
    if (!added) {
      return absl::InvalidArgumentError(
          absl::StrCat("added_tokens[", i, "].content: '", spec.added[i].content,
                       "' is already added_tokens[", existing->second, "]"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckIds(const std::vector<int32_t>& ids, const TokenizerSpec& spec,
                      absl::string_view what) {
  for (int32_t id : ids) {
    if (!InRange(id, spec)) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": id ", id, " is outside the vocabulary of ", spec.tokens.size()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckAddedTokensAndIds(const TokenizerSpec& spec) {
  STRATA_RETURN_IF_ERROR(CheckAdded(spec));
  STRATA_RETURN_IF_ERROR(CheckIds(spec.prefix, spec, "post_processor"));
  STRATA_RETURN_IF_ERROR(CheckIds(spec.suffix, spec, "post_processor"));
  if (spec.eos.has_value()) STRATA_RETURN_IF_ERROR(CheckIds({*spec.eos}, spec, "eos_token"));
  return absl::OkStatus();
}

}  // namespace strata::llm
