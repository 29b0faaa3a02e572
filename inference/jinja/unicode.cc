#include "inference/jinja/unicode.h"

#include <utf8proc.h>

#include "inference/engine/utf8.h"

namespace strata::inference::jinja {

size_t CharacterSize(absl::string_view text) {
  if (static_cast<unsigned char>(text[0]) < 0x80) return 1;
  const Utf8Character character = Utf8Scan(text);
  return character.kind == Utf8Kind::kValid ? character.size : 1;
}

int64_t CountCharacters(absl::string_view text) {
  int64_t count = 0;
  for (size_t at = 0; at < text.size(); at += CharacterSize(text.substr(at))) ++count;
  return count;
}

std::vector<size_t> CharacterStarts(absl::string_view text) {
  std::vector<size_t> starts;
  starts.reserve(text.size() + 1);
  size_t at = 0;
  for (; at < text.size(); at += CharacterSize(text.substr(at))) starts.push_back(at);
  starts.push_back(at);
  return starts;
}

uint32_t CodePoint(absl::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (first < 0x80) return first;
  utf8proc_int32_t code = -1;
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(character.data()),
                   static_cast<utf8proc_ssize_t>(character.size()), &code);
  return code < 0 ? 0xFFFD : static_cast<uint32_t>(code);
}

void AppendCodePoint(uint32_t code, std::string* text) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes);
  text->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

bool IsSpace(uint32_t code) {
  if (code < 0x80)
    return code == ' ' || (code >= 9 && code <= 13) || (code >= 0x1C && code <= 0x1F);
  if (code == 0x85) return true;
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

bool IsLetter(uint32_t code) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool IsDigit(uint32_t code) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code)) == UTF8PROC_CATEGORY_ND;
}

bool IsPrintable(uint32_t code) {
  if (code < 0x80) return code >= 0x20 && code < 0x7F;
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(code));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_SO;
}

uint32_t UpperCase(uint32_t code) {
  return static_cast<uint32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(code)));
}

uint32_t LowerCase(uint32_t code) {
  return static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code)));
}

}  // namespace strata::inference::jinja
