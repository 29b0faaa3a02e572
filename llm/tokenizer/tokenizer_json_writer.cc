#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/tokenizer_json.h"
#include "nlohmann/json.hpp"

namespace strata::llm {
namespace {

using Json = nlohmann::ordered_json;

// Bytes that are no UTF-8 cannot be in these texts when the spec came from a file; from elsewhere
// they are replaced.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string TextOf(const Token& token) {
  return token.literal ? token.bytes : BytesToAlphabet(token.bytes);
}

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

const char* NameOf(Normalization form) {
  switch (form) {
    case Normalization::kNfc:
      return "NFC";
    case Normalization::kNfd:
      return "NFD";
    case Normalization::kNfkc:
      return "NFKC";
    case Normalization::kNfkd:
      return "NFKD";
  }
  return "";
}

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
  }
  return nullptr;
}

// One part as it is, several as a Sequence, none as null.
Json SequenceOf(std::vector<Json> parts, const char* list) {
  if (parts.empty()) return nullptr;
  if (parts.size() == 1) return parts[0];
  return {{"type", "Sequence"}, {list, std::move(parts)}};
}

Json AddedOf(const AddedToken& token) {
  return {{"id", token.id},          {"content", token.content}, {"single_word", token.single_word},
          {"lstrip", token.lstrip},  {"rstrip", token.rstrip},   {"normalized", token.normalized},
          {"special", token.special}};
}

Json ByteLevelPart() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", true},
          {"trim_offsets", true},
          {"use_regex", true}};
}

Json PostProcessorOf(const TokenizerSpec& spec) {
  if (spec.prefix.empty() && spec.suffix.empty()) return ByteLevelPart();
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

// One entry a line, so that files can be compared.
std::string VocabularyOf(const TokenizerSpec& spec) {
  std::vector<bool> outside(spec.tokens.size(), false);
  for (const AddedToken& token : spec.added) outside[token.id] = !token.in_vocab;
  std::vector<std::string> lines;
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.tokens[id].bytes.empty() || outside[id]) continue;
    lines.push_back(absl::StrCat("      ", Dump(TextOf(spec.tokens[id])), ": ", id));
  }
  return absl::StrJoin(lines, ",\n");
}

// As "a b": every version of the format reads that, and no letter of the alphabet is a space.
std::string MergesOf(const TokenizerSpec& spec) {
  return absl::StrJoin(spec.merges, ",\n",
                       [&](std::string* out, const std::pair<int32_t, int32_t>& merge) {
                         absl::StrAppend(out, "      ",
                                         Dump(absl::StrCat(TextOf(spec.tokens[merge.first]), " ",
                                                           TextOf(spec.tokens[merge.second]))));
                       });
}

}  // namespace

std::string PrintTokenizerJson(const TokenizerSpec& spec) {
  std::vector<std::string> added;
  for (const AddedToken& token : spec.added)
    added.push_back(absl::StrCat("    ", Dump(AddedOf(token))));
  std::vector<Json> normalizers;
  for (Normalization form : spec.normalizers) normalizers.push_back({{"type", NameOf(form)}});
  std::vector<Json> steps;
  for (const PreTokenizerStep& step : spec.pre_tokenizer) steps.push_back(StepOf(step));
  const auto flag = [](bool value) { return value ? "true" : "false"; };
  return absl::StrCat(
      "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  "
      "\"added_tokens\": [\n",
      absl::StrJoin(added, ",\n"),
      "\n  ],\n  \"normalizer\": ", Dump(SequenceOf(normalizers, "normalizers")),
      ",\n  \"pre_tokenizer\": ", Dump(SequenceOf(steps, "pretokenizers")),
      ",\n  \"post_processor\": ", Dump(PostProcessorOf(spec)),
      ",\n  \"decoder\": ", Dump(ByteLevelPart()),
      ",\n  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": ",
      spec.unknown.has_value() ? Dump(TextOf(spec.tokens[*spec.unknown])) : "null",
      ",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    "
      "\"fuse_unk\": ",
      flag(spec.fuse_unknown),
      ",\n    \"byte_fallback\": false,\n    \"ignore_merges\": ", flag(spec.ignore_merges),
      ",\n    \"vocab\": {\n", VocabularyOf(spec), "\n    },\n    \"merges\": [\n", MergesOf(spec),
      "\n    ]\n  }\n}\n");
}

}  // namespace strata::llm
