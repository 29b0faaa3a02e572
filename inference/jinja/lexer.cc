#include "inference/jinja/lexer.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "inference/engine/utf8.h"
#include "inference/jinja/tag_lexer.h"
#include "inference/jinja/unicode.h"

namespace strata::inference::jinja {
namespace {

// All line breaks as "\n", and the last one gone.
std::string NormalizeLines(absl::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
    } else {
      text += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (absl::EndsWith(text, "\n")) text.pop_back();
  return text;
}

size_t SkipSpace(absl::string_view text, size_t at) {
  while (at < text.size()) {
    const size_t size = CharacterSize(text.substr(at));
    if (!IsSpace(CodePoint(text.substr(at, size)))) break;
    at += size;
  }
  return at;
}

absl::string_view StripEnd(absl::string_view text) {
  size_t kept = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t size = CharacterSize(text.substr(at));
    const bool space = IsSpace(CodePoint(text.substr(at, size)));
    at += size;
    if (!space) kept = at;
  }
  return text.substr(0, kept);
}

class Lexer {
 public:
  explicit Lexer(const std::string& source) : source_(source), tags_(source_, &tokens_) {}

  absl::StatusOr<std::vector<Token>> Run() {
    const size_t valid = ValidUtf8Prefix(source_);
    if (valid < source_.size()) {
      return SyntaxError(tags_.At(valid), "the template is not UTF-8; save it as UTF-8");
    }
    while (at_ < source_.size()) {
      const size_t open = FindTag(at_);
      if (open == absl::string_view::npos) {
        AddText(source_.substr(at_));
        break;
      }
      STRATA_RETURN_IF_ERROR(Tag(open));
    }
    tokens_.push_back({TokenKind::kEnd, "", tags_.At(source_.size())});
    return std::move(tokens_);
  }

 private:
  size_t FindTag(size_t from) const {
    for (size_t at = source_.find('{', from); at != absl::string_view::npos;
         at = source_.find('{', at + 1)) {
      if (at + 1 < source_.size() && absl::StrContains("{%#", source_[at + 1])) return at;
    }
    return absl::string_view::npos;
  }

  void AddText(absl::string_view text) {
    if (!text.empty()) tokens_.push_back({TokenKind::kText, std::string(text), tags_.At(at_)});
  }

  // The text before a tag that begins with `sign` after its brace, as the tag leaves it.
  absl::string_view Before(absl::string_view text, char sign, bool block) const {
    if (sign == '-') return StripEnd(text);
    if (sign == '+' || !block) return text;
    const size_t line = text.rfind('\n') + 1;  // 0 when there is none
    if (line == 0 && !line_starting_) return text;
    return SkipSpace(text, line) == text.size() ? text.substr(0, line) : text;
  }

  // After a tag's end at `end`: a block takes one line break, a "-" all white space.
  void After(size_t end, char sign, bool block) {
    at_ = end;
    if (sign == '-') {
      at_ = SkipSpace(source_, at_);
    } else if (block && sign != '+' && at_ < source_.size() && source_[at_] == '\n') {
      ++at_;
    }
    line_starting_ = source_[at_ - 1] == '\n';
  }

  absl::Status Tag(size_t open) {
    const char kind = source_[open + 1];
    const char sign = open + 2 < source_.size() ? source_[open + 2] : ' ';
    const bool has_sign = sign == '-' || sign == '+';
    AddText(Before(source_.substr(at_, open - at_), sign, kind != '{'));
    const size_t inside = open + 2 + (has_sign ? 1 : 0);
    if (kind == '#') return Comment(open, inside);
    if (kind == '%' && AtWord(inside, "raw")) return Raw(open, inside);
    const bool block = kind == '%';
    tokens_.push_back({block ? TokenKind::kBlockBegin : TokenKind::kExpressionBegin,
                       std::string(source_.substr(open, inside - open)), tags_.At(open)});
    STRATA_ASSIGN_OR_RETURN(const TagEnd end, tags_.Run(open, inside, block));
    tokens_.push_back({block ? TokenKind::kBlockEnd : TokenKind::kExpressionEnd,
                       block ? "%}" : "}}", tags_.At(end.position)});
    After(end.position + 2 + (end.sign == ' ' ? 0 : 1), end.sign, block);
    return absl::OkStatus();
  }

  absl::Status Comment(size_t open, size_t inside) {
    const size_t close = source_.find("#}", inside);
    if (close == absl::string_view::npos)
      return SyntaxError(tags_.At(open), "the comment never ends; close it with #}");
    const char sign = close > inside ? source_[close - 1] : ' ';
    After(close + 2, sign, /*block=*/true);
    return absl::OkStatus();
  }

  // Whether the tag's content at `at` is the word alone, up to the tag's end.
  bool AtWord(size_t at, absl::string_view word, size_t* end = nullptr,
              char* sign = nullptr) const {
    at = SkipSpace(source_, at);
    if (!absl::StartsWith(source_.substr(at), word)) return false;
    at = SkipSpace(source_, at + word.size());
    const bool signed_end = at < source_.size() && (source_[at] == '-' || source_[at] == '+');
    if (sign != nullptr) *sign = signed_end ? source_[at] : ' ';
    if (signed_end) ++at;
    if (!absl::StartsWith(source_.substr(at), "%}")) return false;
    if (end != nullptr) *end = at + 2;
    return true;
  }

  absl::Status Raw(size_t open, size_t inside) {
    size_t end = 0;
    char sign = ' ';
    AtWord(inside, "raw", &end, &sign);
    After(end, sign == '-' ? '-' : '+', /*block=*/true);  // a line break after raw stays
    for (size_t at = source_.find("{%", at_); at != absl::string_view::npos;
         at = source_.find("{%", at + 1)) {
      const char before = at + 2 < source_.size() ? source_[at + 2] : ' ';
      const bool has_sign = before == '-' || before == '+';
      if (!AtWord(at + 2 + (has_sign ? 1 : 0), "endraw", &end, &sign)) continue;
      AddText(Before(source_.substr(at_, at - at_), before, /*block=*/true));
      After(end, sign, /*block=*/true);
      return absl::OkStatus();
    }
    return SyntaxError(tags_.At(open), "raw never ends; close it with {% endraw %}");
  }

  const absl::string_view source_;
  std::vector<Token> tokens_;
  TagLexer tags_;
  size_t at_ = 0;              // what is behind is done
  bool line_starting_ = true;  // whether the last tag ended with its line
};

}  // namespace

absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source) {
  const std::string text = NormalizeLines(source);
  return Lexer(text).Run();
}

absl::Status ErrorAt(Position at, const absl::Status& status) {
  if (status.ok() || absl::StartsWith(status.message(), "line ")) return status;
  return absl::Status(status.code(), absl::StrCat("line ", at.line, ", column ", at.column, ": ",
                                                  absl::string_view(status.message())));
}

absl::Status SyntaxError(Position at, absl::string_view message) {
  return ErrorAt(at, absl::InvalidArgumentError(message));
}

}  // namespace strata::inference::jinja
