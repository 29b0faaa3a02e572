#include "llm/tokenizer/code_point.h"

#include <utf8proc.h>

#include <array>
#include <map>
#include <vector>

#include "inference/engine/utf8.h"
#include "llm/tokenizer/regex.h"

namespace strata::llm {
namespace {

constexpr uint32_t kCodePoints = 0x110000;
constexpr uint32_t kPage = 256;

bool IsSurrogate(uint32_t value) { return value >= 0xD800 && value < 0xE000; }

// Classes by code point; equal pages are kept once.
class ClassTable {
 public:
  ClassTable() {
    std::vector<uint8_t> all(kCodePoints, 0);
    MarkMatches(R"(\p{L}+)", kLetter, &all);
    MarkMatches(R"(\p{N}+)", kNumber, &all);
    MarkMatches(R"(\s+)", kSpace, &all);
    MarkMatches(R"(\p{M}+)", kMark, &all);
    MarkMatches(R"(\p{P}+)", kPunctuation, &all);
    std::map<std::vector<uint8_t>, uint16_t> known;
    for (uint32_t begin = 0; begin < kCodePoints; begin += kPage) {
      const std::vector<uint8_t> page(all.begin() + begin, all.begin() + begin + kPage);
      const auto [it, added] = known.try_emplace(page, static_cast<uint16_t>(known.size()));
      if (added) classes_.insert(classes_.end(), page.begin(), page.end());
      pages_[begin / kPage] = it->second;
    }
  }

  uint8_t Of(uint32_t value) const {
    return value < kCodePoints ? classes_[pages_[value / kPage] * kPage + value % kPage] : 0;
  }

 private:
  // Sets the class of every code point that the pattern matches: it is asked about all of them.
  static void MarkMatches(absl::string_view pattern, uint8_t mark, std::vector<uint8_t>* all) {
    const absl::StatusOr<Regex> regex = Regex::Compile(pattern);
    if (!regex.ok()) return;
    for (uint32_t begin = 0; begin < kCodePoints; begin += 0x10000) {
      std::string text;
      for (uint32_t value = begin; value < begin + 0x10000; ++value) {
        if (!IsSurrogate(value)) AppendUtf8(value, &text);
      }
      size_t start = 0;
      while (const std::optional<TextRange> match = regex->Find(text, start)) {
        for (size_t i = match->begin; i < match->end;) {
          const CodePoint c = FrontCodePoint(text.data() + i);
          (*all)[c.value] |= mark;
          i += c.size;
        }
        start = match->end;
      }
    }
  }

  std::array<uint16_t, kCodePoints / kPage> pages_;
  std::vector<uint8_t> classes_;
};

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

void AppendUtf8(uint32_t value, std::string* text) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(value), bytes);
  text->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

uint8_t ClassesOf(uint32_t code_point) {
  static const ClassTable* const table = new ClassTable();
  return table->Of(code_point);
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
  while (StartsWithSpace(text.substr(size))) size += inference::Utf8Scan(text.substr(size)).size;
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
