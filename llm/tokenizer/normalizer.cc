#include "llm/tokenizer/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

#include "inference/engine/utf8.h"

namespace strata::llm {
namespace {

using inference::Utf8Kind;
using inference::Utf8Scan;
using inference::ValidUtf8Prefix;

utf8proc_option_t OptionsOf(Normalization form) {
  int options = UTF8PROC_STABLE;
  if (form == Normalization::kNfc || form == Normalization::kNfkc) options |= UTF8PROC_COMPOSE;
  if (form == Normalization::kNfd || form == Normalization::kNfkd) options |= UTF8PROC_DECOMPOSE;
  if (form == Normalization::kNfkc || form == Normalization::kNfkd) options |= UTF8PROC_COMPAT;
  return static_cast<utf8proc_option_t>(options);
}

// `text` is valid UTF-8.
void AppendNormalized(absl::string_view text, Normalization form, std::string* result) {
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped, OptionsOf(form));
  if (size < 0) {
    result->append(text.data(), text.size());
  } else {
    result->append(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
  }
  std::free(mapped);
}

std::string NormalizeOnce(absl::string_view text, Normalization form) {
  std::string result;
  while (!text.empty()) {
    const size_t valid = ValidUtf8Prefix(text);
    if (valid > 0) AppendNormalized(text.substr(0, valid), form, &result);
    text.remove_prefix(valid);
    if (text.empty()) break;
    const size_t bad = Utf8Scan(text).size;
    result.append(text.data(), bad);
    text.remove_prefix(bad);
  }
  return result;
}

// The code point at the front, or -1.
int32_t Front(absl::string_view text) {
  utf8proc_int32_t code_point = -1;
  if (text.empty()) return -1;
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &code_point);
  return code_point;
}

// Start of the last character.
size_t LastCharacter(absl::string_view text) {
  size_t start = text.empty() ? 0 : text.size() - 1;
  while (start > 0 && text.size() - start < 4 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80)
    --start;
  return start;
}

bool IsWord(int32_t code_point) {
  if (code_point < 0) return false;
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string Normalize(absl::string_view text, const std::vector<Normalization>& forms) {
  std::string result(text);
  const bool ascii =
      std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
  if (ascii) return result;
  for (Normalization form : forms) result = NormalizeOnce(result, form);
  return result;
}

bool StartsWithSpace(absl::string_view text) {
  const int32_t c = Front(text);
  if ((c >= 9 && c <= 13) || c == 0x85) return true;
  if (c < 0) return false;
  const utf8proc_category_t category = utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

bool StartsWithWord(absl::string_view text) { return IsWord(Front(text)); }

bool EndsWithWord(absl::string_view text) {
  return IsWord(Front(text.substr(LastCharacter(text))));
}

size_t LeadingSpace(absl::string_view text) {
  size_t size = 0;
  while (StartsWithSpace(text.substr(size))) size += Utf8Scan(text.substr(size)).size;
  return size;
}

size_t TrailingSpace(absl::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    const size_t start = LastCharacter(text.substr(0, end));
    if (!StartsWithSpace(text.substr(start, end - start))) break;
    end = start;
  }
  return text.size() - end;
}

}  // namespace strata::llm
