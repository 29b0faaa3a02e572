#include "llm/tokenizer/unicode_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

#include "inference/engine/utf8.h"
#include "llm/tokenizer/code_point.h"

namespace strata::llm {
namespace {

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

utf8proc_option_t OptionsOf(UnicodeForm form) {
  int options = UTF8PROC_STABLE;
  if (form == UnicodeForm::kNfc || form == UnicodeForm::kNfkc) options |= UTF8PROC_COMPOSE;
  if (form == UnicodeForm::kNfd || form == UnicodeForm::kNfkd) options |= UTF8PROC_DECOMPOSE;
  if (form == UnicodeForm::kNfkc || form == UnicodeForm::kNfkd) options |= UTF8PROC_COMPAT;
  return static_cast<utf8proc_option_t>(options);
}

std::string MapForm(absl::string_view text, UnicodeForm form) {
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped, OptionsOf(form));
  const std::string result =
      size < 0 ? std::string(text)
               : std::string(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
  std::free(mapped);
  return result;
}

// Calls back with each character of each valid stretch; the callback appends what it becomes.
std::string MapCharacters(absl::string_view text,
                          absl::FunctionRef<void(uint32_t, std::string*)> map) {
  return MapValid(text, [&](absl::string_view valid) {
    std::string result;
    result.reserve(valid.size());
    for (size_t i = 0; i < valid.size();) {
      const CodePoint c = FrontCodePoint(valid.data() + i);
      map(c.value, &result);
      i += c.size;
    }
    return result;
  });
}

bool IsOther(uint32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
      return true;
    default:
      return false;
  }
}

bool IsIdeograph(uint32_t c) {
  static constexpr uint32_t kRanges[][2] = {
      {0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F},
      {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [c](const uint32_t* range) { return c >= range[0] && c <= range[1]; });
}

bool IsNmtControl(uint32_t c) {
  return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         c == 0x8F || c == 0x9F;
}

bool IsNmtSpace(uint32_t c) {
  return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
         c == 0xFFFD;
}

}  // namespace

std::string MapValid(absl::string_view text,
                     absl::FunctionRef<std::string(absl::string_view)> map) {
  std::string result;
  while (!text.empty()) {
    const size_t valid = inference::ValidUtf8Prefix(text);
    if (valid > 0) result += map(text.substr(0, valid));
    text.remove_prefix(valid);
    if (text.empty()) break;
    const size_t bad = inference::Utf8Scan(text).size;
    result.append(text.data(), bad);
    text.remove_prefix(bad);
  }
  return result;
}

std::string ToForm(absl::string_view text, UnicodeForm form) {
  if (IsAscii(text)) return std::string(text);
  return MapValid(text, [form](absl::string_view valid) { return MapForm(valid, form); });
}

std::string ToLowercase(absl::string_view text) {
  return MapCharacters(text, [](uint32_t c, std::string* result) {
    if (c == 0x130) {  // the one capital whose small form is two characters
      *result += "i\u0307";
    } else {
      AppendUtf8(static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), result);
    }
  });
}

std::string DropMarks(absl::string_view text) {
  return MapCharacters(text, [](uint32_t c, std::string* result) {
    if ((ClassesOf(c) & kMark) == 0) AppendUtf8(c, result);
  });
}

std::string DropNonspacingMarks(absl::string_view text) {
  return MapCharacters(text, [](uint32_t c, std::string* result) {
    if (utf8proc_category(static_cast<utf8proc_int32_t>(c)) != UTF8PROC_CATEGORY_MN)
      AppendUtf8(c, result);
  });
}

std::string CleanText(absl::string_view text) {
  return MapCharacters(text, [](uint32_t c, std::string* result) {
    const bool space = (ClassesOf(c) & kSpace) != 0;
    const bool line = c == '\t' || c == '\n' || c == '\r';
    if (c == 0 || c == 0xFFFD || (IsOther(c) && !line)) return;
    AppendUtf8(space ? ' ' : c, result);
  });
}

std::string SpaceIdeographs(absl::string_view text) {
  return MapCharacters(text, [](uint32_t c, std::string* result) {
    const bool ideograph = IsIdeograph(c);
    if (ideograph) *result += ' ';
    AppendUtf8(c, result);
    if (ideograph) *result += ' ';
  });
}

std::string CleanForNmt(absl::string_view text) {
  return MapCharacters(text, [](uint32_t c, std::string* result) {
    if (!IsNmtControl(c)) AppendUtf8(IsNmtSpace(c) ? ' ' : c, result);
  });
}

}  // namespace strata::llm
