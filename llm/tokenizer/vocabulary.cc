#include "llm/tokenizer/vocabulary.h"

#include "inference/engine/utf8.h"
#include "llm/tokenizer/byte_alphabet.h"

namespace strata::llm {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string Printable(const TokenizerSpec& spec, const std::string& bytes) {
  return spec.byte_level ? BytesToAlphabet(bytes) : bytes;
}

}  // namespace

absl::StatusOr<Vocabulary> Vocabulary::Create(const TokenizerSpec& spec) {
  if (spec.unknown.has_value() &&
      (*spec.unknown < 0 || static_cast<size_t>(*spec.unknown) >= spec.tokens.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("unk_token: id ", *spec.unknown, " is outside [0, ", spec.tokens.size(), ")"));
  }
  Vocabulary vocabulary;
  vocabulary.ids_.reserve(spec.tokens.size());
  for (size_t i = 0; i < spec.tokens.size(); ++i) {
    const Token& token = spec.tokens[i];
    if (token.bytes.empty() || token.literal) continue;
    const auto [existing, added] =
        vocabulary.ids_.try_emplace(token.bytes, static_cast<int32_t>(i));
    if (!added) {
      return absl::InvalidArgumentError(absl::StrCat("vocab: ids ", existing->second, " and ", i,
                                                     " are both '", Printable(spec, token.bytes),
                                                     "'; give each token one id"));
    }
  }
  return vocabulary;
}

std::optional<uint8_t> ParseByteToken(absl::string_view text) {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return std::nullopt;
  const int high = HexDigit(text[3]);
  const int low = HexDigit(text[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<uint8_t>(high << 4 | low);
}

std::vector<int32_t> ByteTokens(const TokenizerSpec& spec) {
  std::vector<int32_t> ids(256, -1);
  for (size_t i = 0; i < spec.tokens.size(); ++i) {
    const std::optional<uint8_t> byte = ParseByteToken(spec.tokens[i].bytes);
    if (byte.has_value()) ids[*byte] = static_cast<int32_t>(i);
  }
  return ids;
}

size_t CharacterSize(absl::string_view text) {
  const inference::Utf8Character character = inference::Utf8Scan(text);
  return character.kind == inference::Utf8Kind::kValid ? character.size : 1;
}

}  // namespace strata::llm
