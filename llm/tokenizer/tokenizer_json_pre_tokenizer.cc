// The pre-tokenizer of a tokenizer.json.
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "llm/tokenizer/tokenizer_json_parts.h"

namespace strata::llm::internal {
namespace {

using Kind = PreTokenizerStep::Kind;

absl::Status ReadBehavior(const JsonView& part, const char* otherwise, PreTokenizerStep* step) {
  STRATA_ASSIGN_OR_RETURN(const std::string name, part.StringMember("behavior", otherwise));
  static const auto* const kNames = new absl::flat_hash_map<std::string, SplitBehavior>{
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous},
  };
  const auto it = kNames->find(name);
  STRATA_ASSIGN_OR_RETURN(const JsonView behavior, part.Member("behavior"));
  if (it == kNames->end()) {
    return behavior.Invalid(absl::StrCat("'", name,
                                         "' is none of Removed, Isolated, MergedWithPrevious, "
                                         "MergedWithNext, Contiguous"));
  }
  step->behavior = it->second;
  return absl::OkStatus();
}

absl::StatusOr<PreTokenizerStep> ReadStep(const JsonView& part, const std::string& type) {
  static const auto* const kKinds = new absl::flat_hash_map<std::string, Kind>{
      {"ByteLevel", Kind::kByteLevel},   {"Split", Kind::kSplit},
      {"Digits", Kind::kDigits},         {"Punctuation", Kind::kPunctuation},
      {"Whitespace", Kind::kWhitespace}, {"WhitespaceSplit", Kind::kWhitespaceSplit},
      {"Metaspace", Kind::kMetaspace},   {"BertPreTokenizer", Kind::kBert},
  };
  const auto kind = kKinds->find(type);
  if (kind == kKinds->end()) {
    return UnsupportedType(part, type,
                           "ByteLevel, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, "
                           "Metaspace, BertPreTokenizer, Sequence");
  }
  PreTokenizerStep step;
  step.kind = kind->second;
  if (step.kind == Kind::kByteLevel) {
    STRATA_ASSIGN_OR_RETURN(step.add_prefix_space, part.BoolMember("add_prefix_space", true));
    STRATA_ASSIGN_OR_RETURN(step.use_regex, part.BoolMember("use_regex", true));
  } else if (step.kind == Kind::kSplit) {
    STRATA_RETURN_IF_ERROR(ReadPattern(part, &step.pattern, &step.literal));
    STRATA_RETURN_IF_ERROR(ReadBehavior(part, "Isolated", &step));
    STRATA_ASSIGN_OR_RETURN(step.invert, part.BoolMember("invert", false));
  } else if (step.kind == Kind::kDigits) {
    STRATA_ASSIGN_OR_RETURN(step.individual_digits, part.BoolMember("individual_digits", false));
  } else if (step.kind == Kind::kPunctuation) {
    STRATA_RETURN_IF_ERROR(ReadBehavior(part, "Isolated", &step));
  } else if (step.kind == Kind::kMetaspace) {
    STRATA_RETURN_IF_ERROR(ReadMetaspace(part, &step.replacement, &step.prepend_scheme));
    STRATA_ASSIGN_OR_RETURN(step.split, part.BoolMember("split", true));
  }
  return step;
}

}  // namespace

absl::Status ReadMetaspace(const JsonView& part, std::string* replacement, PrependScheme* scheme) {
  STRATA_ASSIGN_OR_RETURN(*replacement, part.StringMember("replacement", "\u2581"));
  // Older files have add_prefix_space instead of prepend_scheme.
  STRATA_ASSIGN_OR_RETURN(const bool prefix, part.BoolMember("add_prefix_space", true));
  STRATA_ASSIGN_OR_RETURN(const std::string name,
                          part.StringMember("prepend_scheme", prefix ? "always" : "never"));
  STRATA_ASSIGN_OR_RETURN(const JsonView member, part.Member("prepend_scheme"));
  if (name != "always" && name != "first" && name != "never")
    return member.Invalid(absl::StrCat("'", name, "' is none of always, first, never"));
  *scheme = name == "always"  ? PrependScheme::kAlways
            : name == "first" ? PrependScheme::kFirst
                              : PrependScheme::kNever;
  return absl::OkStatus();
}

absl::Status ReadPreTokenizer(const JsonView& pre_tokenizer, TokenizerSpec* spec) {
  spec->byte_level = false;
  return ForEachPart(pre_tokenizer, "pretokenizers",
                     [&](const JsonView& part, const std::string& type) -> absl::Status {
                       STRATA_ASSIGN_OR_RETURN(PreTokenizerStep step, ReadStep(part, type));
                       if (spec->byte_level)
                         return part.Unsupported("a step after ByteLevel; only steps before it");
                       spec->byte_level = step.kind == Kind::kByteLevel;
                       spec->pre_tokenizer.push_back(std::move(step));
                       return absl::OkStatus();
                     });
}

}  // namespace strata::llm::internal
