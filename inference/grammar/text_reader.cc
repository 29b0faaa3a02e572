#include "inference/grammar/text_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata::inference::grammar {
namespace {

// The first character of `text`, which becomes shorter by it; nothing when it is none.
std::optional<char32_t> TakeCharacter(absl::string_view* text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>((*text)[i]); };
  const unsigned char lead = byte(0);
  const size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || text->size() < size) return std::nullopt;
  char32_t code = size == 1 ? lead : lead & (0xffu >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    return std::nullopt;
  text->remove_prefix(size);
  return code;
}

}  // namespace

absl::StatusOr<TextReader> TextReader::Create(absl::string_view what, absl::string_view text) {
  TextReader reader;
  reader.what_ = std::string(what);
  while (!text.empty()) {
    const std::optional<char32_t> code = TakeCharacter(&text);
    reader.at_ = reader.text_.size();
    if (!code.has_value()) return reader.Fault("is not valid UTF-8");
    if (reader.at_ == kMostCharacters)
      return reader.Fault(absl::StrCat("is longer than ", kMostCharacters, " characters"));
    reader.text_.push_back(*code);
  }
  reader.at_ = 0;
  return reader;
}

bool TextReader::Take(absl::string_view text) {
  if (text.size() > text_.size() - at_) return false;
  const bool same = std::equal(text.begin(), text.end(), text_.begin() + static_cast<long>(at_),
                               [](char a, char32_t b) { return static_cast<char32_t>(a) == b; });
  if (same) at_ += text.size();
  return same;
}

absl::StatusOr<std::optional<int32_t>> TextReader::Number(int32_t most) {
  const size_t first = at_;
  int64_t number = 0;
  for (; Peek() >= '0' && Peek() <= '9'; ++at_) {
    number = number * 10 + static_cast<int64_t>(Peek() - '0');
    if (number > most) return FaultAt(first, absl::StrCat("the number is above ", most));
  }
  if (at_ == first) return std::optional<int32_t>();
  return std::optional<int32_t>(static_cast<int32_t>(number));
}

absl::StatusOr<char32_t> TextReader::Hex(int digits) {
  char32_t code = 0;
  for (int i = 0; i < digits; ++i) {
    const char32_t c = Peek();
    const bool digit = c >= '0' && c <= '9', lower = c >= 'a' && c <= 'f',
               upper = c >= 'A' && c <= 'F';
    if (!digit && !lower && !upper)
      return Fault(absl::StrCat("expected ", digits, " hexadecimal digits"));
    code = code * 16 + (digit ? c - '0' : lower ? c - 'a' + 10 : c - 'A' + 10);
    ++at_;
  }
  return code;
}

absl::Status TextReader::FaultAt(size_t at, absl::string_view message) const {
  size_t line = 1, column = 1;
  for (size_t i = 0; i < std::min(at, text_.size()); ++i) {
    ++column;
    if (text_[i] == '\n') ++line, column = 1;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(what_, ", line ", line, ", column ", column, ": ", message));
}

}  // namespace strata::inference::grammar
