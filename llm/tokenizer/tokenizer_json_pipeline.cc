// What stands before and after the model in a tokenizer.json.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "llm/tokenizer/tokenizer_json_parts.h"

namespace strata::llm::internal {
namespace {

using Kind = PreTokenizerStep::Kind;

// Calls `visit` with each part of a {"type": "Sequence", list: [...]}, or with the part that is
// none; null has none.
absl::Status ForEachPart(
    const JsonView& part, const char* list,
    absl::FunctionRef<absl::Status(const JsonView&, const std::string& type)> visit) {
  if (part.IsNull()) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(const std::string type, part.StringMember("type"));
  if (type != "Sequence") return visit(part, type);
  STRATA_ASSIGN_OR_RETURN(const JsonView parts, part.Member(list));
  STRATA_ASSIGN_OR_RETURN(const size_t size, parts.ArraySize());
  for (size_t i = 0; i < size; ++i) {
    // Sequences of sequences are legal, though nobody writes them; the file's own depth bounds this
    // recursion.
    STRATA_RETURN_IF_ERROR(ForEachPart(parts.Element(i), list, visit));
  }
  return absl::OkStatus();
}

absl::Status UnsupportedType(const JsonView& part, const std::string& type,
                             absl::string_view supported) {
  STRATA_ASSIGN_OR_RETURN(const JsonView member, part.Member("type"));
  return member.Unsupported(absl::StrCat("'", type, "' is not supported; only ", supported));
}

absl::Status ReadPattern(const JsonView& split, PreTokenizerStep* step) {
  STRATA_ASSIGN_OR_RETURN(const JsonView pattern, split.Member("pattern"));
  STRATA_ASSIGN_OR_RETURN(const JsonView regex, pattern.Member("Regex"));
  STRATA_ASSIGN_OR_RETURN(const JsonView text, pattern.Member("String"));
  if (regex.IsNull() == text.IsNull())
    return pattern.Invalid("expected either a Regex or a String");
  step->literal = regex.IsNull();
  STRATA_ASSIGN_OR_RETURN(step->pattern, step->literal ? text.String() : regex.String());
  return absl::OkStatus();
}

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
  PreTokenizerStep step;
  if (type == "ByteLevel") {
    step.kind = Kind::kByteLevel;
    STRATA_ASSIGN_OR_RETURN(step.add_prefix_space, part.BoolMember("add_prefix_space", true));
    STRATA_ASSIGN_OR_RETURN(step.use_regex, part.BoolMember("use_regex", true));
  } else if (type == "Split") {
    step.kind = Kind::kSplit;
    STRATA_RETURN_IF_ERROR(ReadPattern(part, &step));
    STRATA_RETURN_IF_ERROR(ReadBehavior(part, "Isolated", &step));
    STRATA_ASSIGN_OR_RETURN(step.invert, part.BoolMember("invert", false));
  } else if (type == "Digits") {
    step.kind = Kind::kDigits;
    STRATA_ASSIGN_OR_RETURN(step.individual_digits, part.BoolMember("individual_digits", false));
  } else if (type == "Punctuation") {
    step.kind = Kind::kPunctuation;
    STRATA_RETURN_IF_ERROR(ReadBehavior(part, "Isolated", &step));
  } else if (type == "Whitespace") {
    step.kind = Kind::kWhitespace;
  } else if (type == "WhitespaceSplit") {
    step.kind = Kind::kWhitespaceSplit;
  } else {
    return UnsupportedType(
        part, type, "ByteLevel, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, Sequence");
  }
  return step;
}

// The id of the first token in a template's entry {"SpecialToken": {"id": "<s>"}}.
absl::StatusOr<int32_t> SpecialId(const JsonView& text, const TokenizerSpec& spec) {
  STRATA_ASSIGN_OR_RETURN(const std::string content, text.String());
  const auto it = std::find_if(spec.added.begin(), spec.added.end(),
                               [&](const AddedToken& token) { return token.content == content; });
  if (it == spec.added.end())
    return text.Invalid(absl::StrCat("'", content, "' is not in added_tokens"));
  return it->id;
}

absl::Status ReadTemplate(const JsonView& processor, TokenizerSpec* spec) {
  STRATA_ASSIGN_OR_RETURN(const JsonView single, processor.Member("single"));
  STRATA_ASSIGN_OR_RETURN(const size_t size, single.ArraySize());
  bool after_text = false;
  for (size_t i = 0; i < size; ++i) {
    STRATA_ASSIGN_OR_RETURN(const JsonView special, single.Element(i).Member("SpecialToken"));
    if (special.IsNull()) {
      after_text = true;
      continue;
    }
    STRATA_ASSIGN_OR_RETURN(const JsonView content, special.Member("id"));
    STRATA_ASSIGN_OR_RETURN(const int32_t id, SpecialId(content, *spec));
    (after_text ? spec->suffix : spec->prefix).push_back(id);
  }
  return absl::OkStatus();
}

// {"cls": ["<s>", 0], "sep": ["</s>", 2]}
absl::Status ReadClassAndSeparator(const JsonView& processor, TokenizerSpec* spec) {
  for (const char* key : {"cls", "sep"}) {
    STRATA_ASSIGN_OR_RETURN(const JsonView pair, processor.Member(key));
    STRATA_ASSIGN_OR_RETURN(const size_t size, pair.ArraySize());
    if (size != 2) return pair.Invalid("expected a token and its id");
    STRATA_ASSIGN_OR_RETURN(const int32_t id, pair.Element(1).Id());
    if (static_cast<size_t>(id) >= spec->tokens.size()) {
      return pair.Invalid(
          absl::StrCat("id ", id, " is outside the vocabulary of ", spec->tokens.size()));
    }
    (key[0] == 'c' ? spec->prefix : spec->suffix).push_back(id);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadNormalizer(const JsonView& normalizer, TokenizerSpec* spec) {
  return ForEachPart(normalizer, "normalizers", [&](const JsonView& part, const std::string& type) {
    if (type == "NFC") {
      spec->normalizers.push_back(Normalization::kNfc);
    } else if (type == "NFD") {
      spec->normalizers.push_back(Normalization::kNfd);
    } else if (type == "NFKC") {
      spec->normalizers.push_back(Normalization::kNfkc);
    } else if (type == "NFKD") {
      spec->normalizers.push_back(Normalization::kNfkd);
    } else {
      return UnsupportedType(part, type, "NFC, NFD, NFKC, NFKD, Sequence");
    }
    return absl::OkStatus();
  });
}

absl::Status ReadPreTokenizer(const JsonView& pre_tokenizer, TokenizerSpec* spec) {
  bool byte_level = false;
  STRATA_RETURN_IF_ERROR(
      ForEachPart(pre_tokenizer, "pretokenizers",
                  [&](const JsonView& part, const std::string& type) -> absl::Status {
                    STRATA_ASSIGN_OR_RETURN(PreTokenizerStep step, ReadStep(part, type));
                    if (byte_level)
                      return part.Unsupported("a step after ByteLevel; only steps before it");
                    byte_level = step.kind == Kind::kByteLevel;
                    spec->pre_tokenizer.push_back(std::move(step));
                    return absl::OkStatus();
                  }));
  if (!byte_level)
    return pre_tokenizer.Unsupported("has no ByteLevel; only byte-level BPE is supported");
  return absl::OkStatus();
}

absl::Status ReadPostProcessor(const JsonView& processor, TokenizerSpec* spec) {
  return ForEachPart(processor, "processors", [&](const JsonView& part, const std::string& type) {
    if (type == "ByteLevel") return absl::OkStatus();  // only trims offsets
    if (type == "TemplateProcessing") return ReadTemplate(part, spec);
    if (type == "RobertaProcessing" || type == "BertProcessing")
      return ReadClassAndSeparator(part, spec);
    return UnsupportedType(
        part, type, "ByteLevel, TemplateProcessing, BertProcessing, RobertaProcessing, Sequence");
  });
}

absl::Status ReadDecoder(const JsonView& decoder) {
  return ForEachPart(decoder, "decoders", [&](const JsonView& part, const std::string& type) {
    return type == "ByteLevel" ? absl::OkStatus() : UnsupportedType(part, type, "ByteLevel");
  });
}

}  // namespace strata::llm::internal
