#include "inference/jinja/tag_lexer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "inference/jinja/unicode.h"

namespace strata::inference::jinja {
namespace {

bool IsNameStart(char c) { return absl::ascii_isalpha(c) || c == '_'; }
bool IsNamePart(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// Longer ones first.
constexpr absl::string_view kOperators[] = {"**", "//", "==", "!=", "<=", ">=", "+", "-", "*",
                                            "/",  "%",  "~",  "<",  ">",  "=",  "(", ")", "[",
                                            "]",  "{",  "}",  ",",  ":",  ".",  "|"};

}  // namespace

TagLexer::TagLexer(absl::string_view source, std::vector<Token>* tokens)
    : source_(source), tokens_(tokens), lines_{0} {
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\n') lines_.push_back(i + 1);
  }
}

Position TagLexer::At(size_t offset) const {
  const auto line = std::upper_bound(lines_.begin(), lines_.end(), offset) - 1;
  return {static_cast<int>(line - lines_.begin()) + 1, static_cast<int>(offset - *line) + 1};
}

void TagLexer::Add(TokenKind kind, size_t begin) {
  tokens_->push_back({kind, std::string(source_.substr(begin, at_ - begin)), At(begin)});
}

bool TagLexer::AtEnd(bool block, TagEnd* end) const {
  const absl::string_view mark = block ? "%}" : "}}";
  const char sign = source_[at_];
  const bool has_sign = sign == '-' || (block && sign == '+');
  if (!absl::StartsWith(source_.substr(at_ + (has_sign ? 1 : 0)), mark)) return false;
  *end = {at_, has_sign ? sign : ' '};
  return true;
}

absl::StatusOr<TagEnd> TagLexer::Run(size_t open, size_t inside, bool block) {
  std::string open_brackets;  // the closing ones that must come, the next last
  for (at_ = inside; at_ < source_.size();) {
    if (absl::ascii_isspace(source_[at_])) {
      ++at_;
      continue;
    }
    TagEnd end;
    if (open_brackets.empty() && AtEnd(block, &end)) return end;
    STRATA_RETURN_IF_ERROR(ReadToken(&open_brackets));
  }
  return SyntaxError(At(open),
                     absl::StrCat("the tag never ends; close it with ", block ? "%}" : "}}"));
}

absl::Status TagLexer::ReadToken(std::string* open_brackets) {
  const char c = source_[at_];
  if (c == '\'' || c == '"') return ReadString();
  if (absl::ascii_isdigit(c)) return ReadNumber();
  if (!IsNameStart(c)) return ReadOperator(open_brackets);
  const size_t begin = at_;
  while (at_ < source_.size() && IsNamePart(source_[at_])) ++at_;
  Add(TokenKind::kName, begin);
  return absl::OkStatus();
}

absl::Status TagLexer::ReadString() {
  const size_t begin = at_;
  const char quote = source_[at_++];
  std::string text;
  while (at_ < source_.size() && source_[at_] != quote) {
    if (source_[at_] == '\\') {
      STRATA_RETURN_IF_ERROR(ReadEscape(&text));
    } else {
      text += source_[at_++];
    }
  }
  if (at_ == source_.size())
    return SyntaxError(At(begin), "the string never ends; close its quote");
  ++at_;
  tokens_->push_back({TokenKind::kString, std::move(text), At(begin)});
  return absl::OkStatus();
}

absl::Status TagLexer::ReadEscape(std::string* text) {
  static constexpr absl::string_view kLetters = "abfnrtv\\'\"", kMeanings = "\a\b\f\n\r\t\v\\'\"";
  const size_t begin = at_++;
  if (at_ == source_.size())
    return SyntaxError(At(begin), "the string never ends; close its quote");
  const char c = source_[at_++];
  const size_t place = kLetters.find(c);
  if (place != absl::string_view::npos) {
    *text += kMeanings[place];
    return absl::OkStatus();
  }
  if (c == '\n') return absl::OkStatus();  // a line that goes on
  const size_t digits = c == 'x' ? 2 : (c == 'u' ? 4 : (c == 'U' ? 8 : 0));
  if (digits > 0) {
    uint32_t code = 0;
    const absl::string_view hex = source_.substr(at_, digits);
    const bool all =
        hex.size() == digits && std::all_of(hex.begin(), hex.end(), absl::ascii_isxdigit);
    if (!all || !absl::SimpleHexAtoi(hex, &code) || code > 0x10FFFF ||
        (code >= 0xD800 && code < 0xE000)) {
      return SyntaxError(At(begin), absl::StrFormat("\\%c needs %d hex digits of a character", c,
                                                    static_cast<int>(digits)));
    }
    at_ += digits;
    AppendCodePoint(code, text);
    return absl::OkStatus();
  }
  if (c >= '0' && c <= '7') {
    uint32_t code = static_cast<uint32_t>(c - '0');
    for (int i = 0; i < 2 && at_ < source_.size() && source_[at_] >= '0' && source_[at_] <= '7';
         ++i)
      code = code * 8 + static_cast<uint32_t>(source_[at_++] - '0');
    AppendCodePoint(code, text);
    return absl::OkStatus();
  }
  *text += '\\';  // as Python: an unknown escape stays as it is
  *text += c;
  return absl::OkStatus();
}

absl::Status TagLexer::ReadNumber() {
  const size_t begin = at_;
  const auto digits = [this] {
    while (at_ < source_.size() &&
           (absl::ascii_isdigit(source_[at_]) || (source_[at_] == '_' && at_ + 1 < source_.size() &&
                                                  absl::ascii_isdigit(source_[at_ + 1]))))
      ++at_;
  };
  const auto digit_at = [this](size_t at) {
    return at < source_.size() && absl::ascii_isdigit(source_[at]);
  };
  digits();
  TokenKind kind = TokenKind::kInteger;
  const bool index = !tokens_->empty() && tokens_->back().text == "." &&
                     tokens_->back().kind == TokenKind::kOperator;  // x.0.1: no floats there
  if (!index && at_ < source_.size() && source_[at_] == '.' && digit_at(at_ + 1)) {
    kind = TokenKind::kFloat;
    ++at_;
    digits();
  }
  if (!index && at_ < source_.size() && absl::ascii_tolower(source_[at_]) == 'e') {
    size_t exponent = at_ + 1;
    if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-'))
      ++exponent;
    if (digit_at(exponent)) {
      kind = TokenKind::kFloat;
      at_ = exponent;
      digits();
    }
  }
  if (at_ < source_.size() && IsNamePart(source_[at_]))
    return SyntaxError(
        At(begin), "a number may not be followed by a letter; put a space or an operator between");
  Add(kind, begin);
  std::string& text = tokens_->back().text;
  text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
  return absl::OkStatus();
}

absl::Status TagLexer::ReadOperator(std::string* open_brackets) {
  const size_t begin = at_;
  for (absl::string_view symbol : kOperators) {
    if (!absl::StartsWith(source_.substr(at_), symbol)) continue;
    const char c = symbol[0];
    if (c == '(') *open_brackets += ')';
    if (c == '[') *open_brackets += ']';
    if (c == '{') *open_brackets += '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open_brackets->empty())
        return SyntaxError(At(begin), absl::StrCat("'", symbol, "' closes nothing"));
      if (open_brackets->back() != c) {
        return SyntaxError(
            At(begin), absl::StrCat("'", symbol, "' where '", std::string(1, open_brackets->back()),
                                    "' must come"));
      }
      open_brackets->pop_back();
    }
    at_ += symbol.size();
    Add(TokenKind::kOperator, begin);
    return absl::OkStatus();
  }
  const absl::string_view character = source_.substr(at_, CharacterSize(source_.substr(at_)));
  return SyntaxError(At(begin),
                     absl::StrCat("'", character, "' has no meaning in a tag; put it in quotes"));
}

}  // namespace strata::inference::jinja
