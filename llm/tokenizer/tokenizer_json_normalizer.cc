// The normalizer of a tokenizer.json.
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "llm/tokenizer/tokenizer_json_parts.h"

namespace strata::llm::internal {
namespace {

absl::StatusOr<Normalization> ReadStrip(const JsonView& part) {
  StripSpace strip;
  STRATA_ASSIGN_OR_RETURN(strip.left, part.BoolMember("strip_left", true));
  STRATA_ASSIGN_OR_RETURN(strip.right, part.BoolMember("strip_right", true));
  return strip;
}

absl::StatusOr<Normalization> ReadPrepend(const JsonView& part) {
  PrependText prepend;
  STRATA_ASSIGN_OR_RETURN(prepend.text, part.StringMember("prepend"));
  return prepend;
}

// The map is written in base 64.
absl::StatusOr<Normalization> ReadPrecompiled(const JsonView& part) {
  STRATA_ASSIGN_OR_RETURN(const JsonView member, part.Member("precompiled_charsmap"));
  STRATA_ASSIGN_OR_RETURN(const std::string text, member.String());
  CharacterMap map;
  if (!absl::Base64Unescape(text, &map.bytes)) return member.Invalid("is no base 64");
  return map;
}

absl::StatusOr<Normalization> ReadBert(const JsonView& part) {
  BertNormalization bert;
  STRATA_ASSIGN_OR_RETURN(bert.clean_text, part.BoolMember("clean_text", true));
  STRATA_ASSIGN_OR_RETURN(bert.space_chinese, part.BoolMember("handle_chinese_chars", true));
  STRATA_ASSIGN_OR_RETURN(bert.lowercase, part.BoolMember("lowercase", true));
  STRATA_ASSIGN_OR_RETURN(const JsonView accents, part.Member("strip_accents"));
  if (!accents.IsNull()) {
    STRATA_ASSIGN_OR_RETURN(bert.strip_accents, part.BoolMember("strip_accents", false));
  }
  return bert;
}

absl::StatusOr<Normalization> ReadStep(const JsonView& part, const std::string& type) {
  if (type == "NFC") return UnicodeForm::kNfc;
  if (type == "NFD") return UnicodeForm::kNfd;
  if (type == "NFKC") return UnicodeForm::kNfkc;
  if (type == "NFKD") return UnicodeForm::kNfkd;
  if (type == "Lowercase") return Lowercase();
  if (type == "StripAccents") return StripAccents();
  if (type == "Nmt") return NmtNormalization();
  if (type == "ByteLevel") return BytesToLetters();
  if (type == "Strip") return ReadStrip(part);
  if (type == "Prepend") return ReadPrepend(part);
  if (type == "Precompiled") return ReadPrecompiled(part);
  if (type == "BertNormalizer") return ReadBert(part);
  if (type == "Replace") {
    STRATA_ASSIGN_OR_RETURN(ReplaceText replace, ReadReplace(part));
    return replace;
  }
  return UnsupportedType(part, type,
                         "NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend, "
                         "Precompiled, BertNormalizer, Nmt, ByteLevel, Sequence");
}

}  // namespace

absl::StatusOr<ReplaceText> ReadReplace(const JsonView& part) {
  ReplaceText replace;
  STRATA_RETURN_IF_ERROR(ReadPattern(part, &replace.pattern, &replace.literal));
  STRATA_ASSIGN_OR_RETURN(replace.content, part.StringMember("content"));
  return replace;
}

absl::Status ReadNormalizer(const JsonView& normalizer, TokenizerSpec* spec) {
  return ForEachPart(normalizer, "normalizers",
                     [&](const JsonView& part, const std::string& type) -> absl::Status {
                       STRATA_ASSIGN_OR_RETURN(Normalization step, ReadStep(part, type));
                       spec->normalizers.push_back(std::move(step));
                       return absl::OkStatus();
                     });
}

}  // namespace strata::llm::internal
