#include "llm/tokenizer/tokenizer_json_writer_parts.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace strata::llm::internal {
namespace {

const char* NameOf(SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::kRemoved:
      return "Removed";
    case SplitBehavior::kIsolated:
      return "Isolated";
    case SplitBehavior::kMergedWithPrevious:
      return "MergedWithPrevious";
    case SplitBehavior::kMergedWithNext:
      return "MergedWithNext";
    case SplitBehavior::kContiguous:
      return "Contiguous";
  }
  return "";
}

const char* NameOf(PrependScheme scheme) {
  switch (scheme) {
    case PrependScheme::kAlways:
      return "always";
    case PrependScheme::kFirst:
      return "first";
    case PrependScheme::kNever:
      return "never";
  }
  return "";
}

const char* NameOf(UnicodeForm form) {
  switch (form) {
    case UnicodeForm::kNfc:
      return "NFC";
    case UnicodeForm::kNfd:
      return "NFD";
    case UnicodeForm::kNfkc:
      return "NFKC";
    case UnicodeForm::kNfkd:
      return "NFKD";
  }
  return "";
}

Json ReplaceOf(const ReplaceText& replace) {
  return {{"type", "Replace"},
          {"pattern", {{replace.literal ? "String" : "Regex", replace.pattern}}},
          {"content", replace.content}};
}

struct NormalizationOf {
  Json operator()(UnicodeForm form) const { return {{"type", NameOf(form)}}; }
  Json operator()(const Lowercase&) const { return {{"type", "Lowercase"}}; }
  Json operator()(const StripAccents&) const { return {{"type", "StripAccents"}}; }
  Json operator()(const NmtNormalization&) const { return {{"type", "Nmt"}}; }
  Json operator()(const ReplaceText& replace) const { return ReplaceOf(replace); }
  Json operator()(const StripSpace& strip) const {
    return {{"type", "Strip"}, {"strip_left", strip.left}, {"strip_right", strip.right}};
  }
  Json operator()(const PrependText& prepend) const {
    return {{"type", "Prepend"}, {"prepend", prepend.text}};
  }
  Json operator()(const CharacterMap& map) const {
    return {{"type", "Precompiled"}, {"precompiled_charsmap", absl::Base64Escape(map.bytes)}};
  }
  Json operator()(const BytesToLetters&) const { return {{"type", "ByteLevel"}}; }
  Json operator()(const BertNormalization& bert) const {
    Json accents = nullptr;
    if (bert.strip_accents.has_value()) accents = *bert.strip_accents;
    return {{"type", "BertNormalizer"},
            {"clean_text", bert.clean_text},
            {"handle_chinese_chars", bert.space_chinese},
            {"strip_accents", accents},
            {"lowercase", bert.lowercase}};
  }
};

Json ByteLevelPart() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", true},
          {"trim_offsets", true},
          {"use_regex", true}};
}

struct DecoderStepOf {
  Json operator()(const DecodeByteFallback&) const { return {{"type", "ByteFallback"}}; }
  Json operator()(const DecodeFuse&) const { return {{"type", "Fuse"}}; }
  Json operator()(const ReplaceText& replace) const { return ReplaceOf(replace); }
  Json operator()(const DecodeStrip& strip) const {
    return {{"type", "Strip"},
            {"content", strip.content},
            {"start", strip.start},
            {"stop", strip.stop}};
  }
  Json operator()(const DecodeMetaspace& metaspace) const {
    return {{"type", "Metaspace"},
            {"replacement", metaspace.replacement},
            {"prepend_scheme", metaspace.strip_first ? "always" : "never"},
            {"split", true}};
  }
  Json operator()(const DecodeWordPiece& wordpiece) const {
    return {{"type", "WordPiece"}, {"prefix", wordpiece.prefix}, {"cleanup", wordpiece.cleanup}};
  }
  Json operator()(const DecodeWordSuffix& word) const {
    return {{"type", "BPEDecoder"}, {"suffix", word.suffix}};
  }
  Json operator()(const DecodeByteLetters&) const { return ByteLevelPart(); }
};

Json StepOf(const PreTokenizerStep& step) {
  switch (step.kind) {
    case PreTokenizerStep::Kind::kSplit:
      return {{"type", "Split"},
              {"pattern", {{step.literal ? "String" : "Regex", step.pattern}}},
              {"behavior", NameOf(step.behavior)},
              {"invert", step.invert}};
    case PreTokenizerStep::Kind::kByteLevel:
      return {{"type", "ByteLevel"},
              {"add_prefix_space", step.add_prefix_space},
              {"trim_offsets", true},
              {"use_regex", step.use_regex}};
    case PreTokenizerStep::Kind::kDigits:
      return {{"type", "Digits"}, {"individual_digits", step.individual_digits}};
    case PreTokenizerStep::Kind::kPunctuation:
      return {{"type", "Punctuation"}, {"behavior", NameOf(step.behavior)}};
    case PreTokenizerStep::Kind::kWhitespace:
      return {{"type", "Whitespace"}};
    case PreTokenizerStep::Kind::kWhitespaceSplit:
      return {{"type", "WhitespaceSplit"}};
    case PreTokenizerStep::Kind::kMetaspace:
      return {{"type", "Metaspace"},
              {"replacement", step.replacement},
              {"prepend_scheme", NameOf(step.prepend_scheme)},
              {"split", step.split}};
    case PreTokenizerStep::Kind::kBert:
      return {{"type", "BertPreTokenizer"}};
  }
  return nullptr;
}

// One part as it is, several as a Sequence, none as null.
Json SequenceOf(std::vector<Json> parts, const char* list) {
  if (parts.empty()) return nullptr;
  if (parts.size() == 1) return parts[0];
  return {{"type", "Sequence"}, {list, std::move(parts)}};
}

}  // namespace

Json AddedOf(const AddedToken& token) {
  return {{"id", token.id},          {"content", token.content}, {"single_word", token.single_word},
          {"lstrip", token.lstrip},  {"rstrip", token.rstrip},   {"normalized", token.normalized},
          {"special", token.special}};
}

Json NormalizerOf(const TokenizerSpec& spec) {
  std::vector<Json> parts;
  for (const Normalization& step : spec.normalizers)
    parts.push_back(std::visit(NormalizationOf(), step));
  return SequenceOf(std::move(parts), "normalizers");
}

Json PreTokenizerOf(const TokenizerSpec& spec) {
  std::vector<Json> parts;
  for (const PreTokenizerStep& step : spec.pre_tokenizer) parts.push_back(StepOf(step));
  return SequenceOf(std::move(parts), "pretokenizers");
}

Json DecoderOf(const TokenizerSpec& spec) {
  if (spec.byte_level) return ByteLevelPart();
  std::vector<Json> parts;
  for (const DecoderStep& step : spec.decoders) parts.push_back(std::visit(DecoderStepOf(), step));
  return SequenceOf(std::move(parts), "decoders");
}

Json PostProcessorOf(const TokenizerSpec& spec) {
  if (spec.prefix.empty() && spec.suffix.empty())
    return spec.byte_level ? ByteLevelPart() : nullptr;
  Json specials = Json::object();
  const auto special = [&](int32_t id) -> Json {
    const std::string& content = spec.tokens[id].bytes;
    specials[content] = {
        {"id", content}, {"ids", Json::array({id})}, {"tokens", Json::array({content})}};
    return {{"SpecialToken", {{"id", content}, {"type_id", 0}}}};
  };
  const auto text = [](const char* name, int type) -> Json {
    return {{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  Json single = Json::array();
  for (int32_t id : spec.prefix) single.push_back(special(id));
  single.push_back(text("A", 0));
  for (int32_t id : spec.suffix) single.push_back(special(id));
  const Json pair = Json::array({text("A", 0), text("B", 1)});
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", specials}};
}

}  // namespace strata::llm::internal
