#include "courses/lab/highlight.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "absl/strings/str_cat.h"
#include "courses/lab/plot_format.h"

namespace strata::courses {
namespace {

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

const std::set<std::string>& Keywords() {
  static const auto* const words = new std::set<std::string>{
      "break",     "case",       "class",      "const",      "constexpr",    "continue",
      "default",   "do",         "else",       "enum",       "extern",       "for",
      "goto",      "if",         "inline",     "namespace",  "nullptr",      "operator",
      "private",   "public",     "register",   "restrict",   "return",       "sizeof",
      "static",    "struct",     "switch",     "template",   "typedef",      "typename",
      "union",     "using",      "virtual",    "volatile",   "while",        "true",
      "false",     "__global__", "__device__", "__shared__", "__restrict__", "__attribute__",
      "__restrict"};
  return *words;
}

const std::set<std::string>& Types() {
  static const auto* const words =
      new std::set<std::string>{"auto", "bool",  "char",   "double",   "float", "int",
                                "long", "short", "signed", "unsigned", "void"};
  return *words;
}

// float16, v16, size_t, uint32_t, half2: types by their look.
bool LooksLikeType(const std::string& word) {
  if (word.size() > 2 && word.substr(word.size() - 2) == "_t") return true;
  return word.size() >= 2 && word[0] == 'v' &&
         std::all_of(word.begin() + 1, word.end(),
                     [](char c) { return std::isdigit(static_cast<unsigned char>(c)); });
}

class Highlighter {
 public:
  explicit Highlighter(absl::string_view code) : code_(code) {}

  std::string Run() {
    while (at_ < code_.size()) Next();
    return out_;
  }

 private:
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < code_.size() ? code_[at_ + ahead] : '\0';
  }

  void Next() {
    const char c = Peek();
    if (c == '/' && Peek(1) == '/') return Take(EndOfLine(at_), "m");
    if (c == '/' && Peek(1) == '*') return Take(After("*/", at_ + 2), "m");
    if (c == '"' || c == '\'') return Take(EndOfString(c), "s");
    if (c == '#' && line_is_empty_) return Take(EndOfDirective(), "p");
    if (std::isdigit(static_cast<unsigned char>(c))) return Take(EndOfNumber(), "n");
    if (IsWord(c)) return Word();
    size_t end = at_ + 1;  // the rest of a stretch without meaning, whole characters
    while (end < code_.size() && !IsWord(code_[end]) &&
           std::string("/\"'#\n").find(code_[end]) == std::string::npos) {
      ++end;
    }
    Take(end, "");
  }

  void Take(size_t end, absl::string_view css) {
    const absl::string_view text = code_.substr(at_, end - at_);
    if (css.empty()) {
      out_ += EscapeXml(text);
    } else {
      absl::StrAppend(&out_, "<span class=\"", css, "\">", EscapeXml(text), "</span>");
    }
    for (char c : text) {
      if (c == '\n')
        line_is_empty_ = true;
      else if (!std::isspace(static_cast<unsigned char>(c)))
        line_is_empty_ = false;
    }
    at_ = end;
  }

  void Word() {
    size_t end = at_;
    while (end < code_.size() && IsWord(code_[end])) ++end;
    const std::string word(code_.substr(at_, end - at_));
    const bool called = end < code_.size() && code_[end] == '(';
    if (Keywords().count(word)) return Take(end, "k");
    if (Types().count(word) || LooksLikeType(word)) return Take(end, "t");
    Take(end, called ? "f" : "");
  }

  size_t EndOfLine(size_t from) const { return std::min(code_.find('\n', from), code_.size()); }

  size_t After(absl::string_view mark, size_t from) const {
    const size_t found = from <= code_.size() ? code_.find(mark, from) : absl::string_view::npos;
    return found == absl::string_view::npos ? code_.size() : found + mark.size();
  }

  // A string ends at its quote, at the latest with its line.
  size_t EndOfString(char quote) const {
    for (size_t i = at_ + 1; i < code_.size(); ++i) {
      if (code_[i] == '\n') return i;
      if (code_[i] == quote) return i + 1;
      if (code_[i] == '\\') ++i;
    }
    return code_.size();
  }

  size_t EndOfDirective() const {
    size_t end = EndOfLine(at_);
    while (end < code_.size() && code_[end - 1] == '\\') end = EndOfLine(end + 1);
    return end;
  }

  size_t EndOfNumber() const {
    size_t end = at_;
    while (end < code_.size() && (IsWord(code_[end]) || code_[end] == '.' || IsExponentSign(end)))
      ++end;
    return end;
  }

  bool IsExponentSign(size_t i) const {
    return (code_[i] == '+' || code_[i] == '-') &&
           (code_[i - 1] == 'e' || code_[i - 1] == 'E' || code_[i - 1] == 'p');
  }

  absl::string_view code_;
  size_t at_ = 0;
  bool line_is_empty_ = true;
  std::string out_;
};

}  // namespace

std::string HighlightC(absl::string_view code) { return Highlighter(code).Run(); }

}  // namespace strata::courses
