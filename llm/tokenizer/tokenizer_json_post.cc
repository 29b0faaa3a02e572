// What stands after the model in a tokenizer.json: post-processor and decoder.
#include <algorithm>
#include <string>
#include <utility>

#include "llm/tokenizer/tokenizer_json_parts.h"

namespace strata::llm::internal {
namespace {

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

absl::StatusOr<DecoderStep> ReadDecoderStep(const JsonView& part, const std::string& type) {
  if (type == "ByteFallback") return DecodeByteFallback();
  if (type == "Fuse") return DecodeFuse();
  if (type == "Strip") {
    DecodeStrip strip;
    STRATA_ASSIGN_OR_RETURN(strip.content, part.StringMember("content", " "));
    STRATA_ASSIGN_OR_RETURN(strip.start, part.IdMember("start", 0));
    STRATA_ASSIGN_OR_RETURN(strip.stop, part.IdMember("stop", 0));
    return strip;
  }
  if (type == "Replace") {
    STRATA_ASSIGN_OR_RETURN(ReplaceText replace, ReadReplace(part));
    return replace;
  }
  if (type == "Metaspace") {
    DecodeMetaspace metaspace;
    PrependScheme scheme;
    STRATA_RETURN_IF_ERROR(ReadMetaspace(part, &metaspace.replacement, &scheme));
    metaspace.strip_first = scheme != PrependScheme::kNever;
    return metaspace;
  }
  if (type == "WordPiece") {
    DecodeWordPiece wordpiece;
    STRATA_ASSIGN_OR_RETURN(wordpiece.prefix, part.StringMember("prefix", "##"));
    STRATA_ASSIGN_OR_RETURN(wordpiece.cleanup, part.BoolMember("cleanup", true));
    return wordpiece;
  }
  if (type == "BPEDecoder") {
    DecodeWordSuffix word;
    STRATA_ASSIGN_OR_RETURN(word.suffix, part.StringMember("suffix", "</w>"));
    return word;
  }
  if (type == "ByteLevel") return DecodeByteLetters();
  return UnsupportedType(
      part, type,
      "ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace, WordPiece, BPEDecoder, Sequence");
}

}  // namespace

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

absl::Status ReadDecoder(const JsonView& decoder, TokenizerSpec* spec) {
  return ForEachPart(
      decoder, "decoders", [&](const JsonView& part, const std::string& type) -> absl::Status {
        if (spec->byte_level) {
          return type == "ByteLevel" ? absl::OkStatus() : UnsupportedType(part, type, "ByteLevel");
        }
        STRATA_ASSIGN_OR_RETURN(DecoderStep step, ReadDecoderStep(part, type));
        spec->decoders.push_back(std::move(step));
        return absl::OkStatus();
      });
}

}  // namespace strata::llm::internal
