#include "framework/graph/text_lexer.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace strata::graph {
namespace {

bool StartsName(char c) { return absl::ascii_isalpha(c) || c == '_'; }
bool ContinuesName(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '.'; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Length of the UTF-8 character at text[0], 0 when it is not one (overlong and surrogates
// included).
size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
  };
  const auto continues = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xe0 && byte(1) < 0xa0) return 0;
    if (first == 0xed && byte(1) > 0x9f) return 0;
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

absl::Status Lexer::ErrorAt(const Token& place, absl::string_view message) const {
  return absl::InvalidArgumentError(
      absl::StrCat(where_, ":", place.line, ":", place.column, ": ", message));
}

void Lexer::Advance() {
  if (text_[at_++] == '\n') {
    ++line_;
    column_ = 1;
  } else {
    ++column_;
  }
}

void Lexer::SkipBlanks() {
  while (!done()) {
    if (absl::ascii_isspace(static_cast<unsigned char>(peek()))) {
      Advance();
    } else if (peek() == '/' && peek(1) == '/') {
      while (!done() && peek() != '\n') Advance();
    } else {
      return;
    }
  }
}

absl::StatusOr<Token> Lexer::Next() {
  SkipBlanks();
  Token token;
  token.line = line_;
  token.column = column_;
  if (done()) return token;
  const char c = peek();
  if (StartsName(c)) {
    token.kind = TokenKind::kWord;
    token.text = TakeName();
  } else if (c == '%' && StartsName(peek(1))) {
    Advance();
    token.kind = TokenKind::kValue;
    token.text = TakeName();
  } else if (absl::ascii_isdigit(c) || c == '-') {
    token.kind = TokenKind::kNumber;
    token.text = TakeNumber();
  } else if (c == '"') {
    STRATA_RETURN_IF_ERROR(TakeString(&token));
  } else if (absl::string_view("{}()[],:=@").find(c) != absl::string_view::npos) {
    token.kind = TokenKind::kMark;
    token.text = std::string(1, c);
    Advance();
  } else {
    return ErrorAt(
        token, c == '%' ? "a value's name follows %: a letter or _ first"
                        : absl::StrCat("character code ", static_cast<int>(static_cast<uint8_t>(c)),
                                       " has no place outside a string; remove it"));
  }
  return token;
}

std::string Lexer::TakeName() {
  const size_t start = at_;
  while (!done() && ContinuesName(peek())) Advance();
  return std::string(text_.substr(start, at_ - start));
}

// Everything that looks like part of a number; whoever wants one checks it. "-inf" is one too.
std::string Lexer::TakeNumber() {
  const size_t start = at_;
  Advance();
  while (!done()) {
    const char last = text_[at_ - 1];
    const bool sign = (peek() == '-' || peek() == '+') && (last == 'e' || last == 'E');
    if (!sign && !absl::ascii_isalnum(peek()) && peek() != '.') break;
    Advance();
  }
  return std::string(text_.substr(start, at_ - start));
}

absl::Status Lexer::TakeString(Token* token) {
  token->kind = TokenKind::kString;
  Advance();
  while (true) {
    if (done() || peek() == '\n')
      return ErrorAt(*token, "the string has no end; close it with \" on its line");
    if (peek() == '"') break;
    if (peek() == '\\') {
      STRATA_RETURN_IF_ERROR(TakeEscape(*token, &token->text));
      continue;
    }
    const size_t length = Utf8Length(text_.substr(at_));
    if (length == 0) return ErrorAt(*token, "the string is not UTF-8");
    for (size_t i = 0; i < length; ++i) {
      token->text += peek();
      Advance();
    }
  }
  Advance();
  return absl::OkStatus();
}

absl::Status Lexer::TakeEscape(const Token& start, std::string* out) {
  Advance();
  const char c = peek();
  const int high = HexDigit(peek(1)), low = c == 'x' && high >= 0 ? HexDigit(peek(2)) : -1;
  if (c == '"' || c == '\\') {
    *out += c;
  } else if (c == 'n' || c == 't') {
    *out += c == 'n' ? '\n' : '\t';
  } else if (c == 'x' && low >= 0 && high < 8) {
    *out += static_cast<char>(high * 16 + low);
    Advance();
    Advance();
  } else {
    return ErrorAt(
        start, "the string holds an unknown escape; there is \\\" \\\\ \\n \\t and \\x00 to \\x7f");
  }
  Advance();
  return absl::OkStatus();
}

std::string Quote(absl::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (char c : text) {
    const uint8_t byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace strata::graph
