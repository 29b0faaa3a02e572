#include "inference/grammar/regex.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "inference/grammar/text_reader.h"

namespace strata::inference::grammar {
namespace {

constexpr int kMostNesting = 64;
constexpr int32_t kMostTimes = 1'000'000;

using Ranges = std::vector<CodeRange>;

// Of \d, \w, \s and their complements.
std::optional<Ranges> NamedClass(char32_t letter) {
  const Ranges digits = {{'0', '9'}};
  const Ranges word = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  const Ranges space = {{'\t', '\r'},     {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680},
                        {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f},
                        {0x3000, 0x3000}, {0xfeff, 0xfeff}};
  switch (letter) {
    case 'd':
      return digits;
    case 'D':
      return Complement(digits);
    case 'w':
      return word;
    case 'W':
      return Complement(word);
    case 's':
      return space;
    case 'S':
      return Complement(space);
    default:
      return std::nullopt;
  }
}

Ranges AnyButLineEnds() { return Complement({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}); }

class Parser {
 public:
  Parser(TextReader reader, const RegexOptions& options)
      : r_(std::move(reader)), write_(options.write), search_(options.search) {}

  absl::StatusOr<Expr> Parse() {
    STRATA_ASSIGN_OR_RETURN(Expr all, Choices(/*depth=*/0));
    if (r_.done()) return all;
    return r_.Fault("there is no ( for this )");
  }

 private:
  absl::StatusOr<Expr> Choices(int depth) {
    if (depth > kMostNesting)
      return r_.Fault(absl::StrCat("groups are nested more than ", kMostNesting, " deep"));
    std::vector<Expr> choices;
    do {
      STRATA_ASSIGN_OR_RETURN(Expr sequence, Parts(depth));
      choices.push_back(std::move(sequence));
    } while (r_.Take("|"));
    return Choice(std::move(choices));
  }

  // Up to | or ) or the end. Anchors count in the outermost choices only: inside a group they are refused.
  absl::StatusOr<Expr> Parts(int depth) {
    std::vector<Expr> parts;
    const bool begins = depth == 0 && r_.Take("^");
    bool ends = false;
    while (!r_.done() && r_.Peek() != '|' && r_.Peek() != ')') {
      if (ends) return r_.Fault("is behind $, where nothing can match");
      if (r_.Peek() == '^')
        return r_.Fault("^ is supported at the start of the expression or of its choices only");
      if (r_.Peek() == '$') {
        if (depth > 0)
          return r_.Fault("$ is supported at the end of the expression or of its choices only");
        r_.Next();
        ends = true;
        continue;
      }
      STRATA_ASSIGN_OR_RETURN(Expr part, Part(depth));
      STRATA_RETURN_IF_ERROR(Repetitions(&part));
      parts.push_back(std::move(part));
    }
    if (depth == 0 && search_) {
      const Expr anything = Repeat(write_({{0, kLastCode}}));
      if (!begins) parts.insert(parts.begin(), anything);
      if (!ends) parts.push_back(anything);
    }
    return Sequence(std::move(parts));
  }

  absl::StatusOr<Expr> Part(int depth) {
    const size_t at = r_.at();
    if (r_.Take("(")) return Group(depth);
    if (r_.Take("[")) return Bracketed();
    const char32_t c = r_.Next();
    switch (c) {
      case '.':
        return write_(AnyButLineEnds());
      case '\\': {
        STRATA_ASSIGN_OR_RETURN(Ranges ranges, Escape(/*in_class=*/false));
        return write_(std::move(ranges));
      }
      case '*':
      case '+':
      case '?':
      case '{':
        return r_.FaultAt(at, "there is nothing to repeat; write \\ before the character itself");
      default:
        return write_({{c, c}});
    }
  }

  absl::StatusOr<Expr> Group(int depth) {
    const size_t at = r_.at();
    if (r_.Take("?")) {
      const bool named = r_.Take("P<") || (r_.Peek() == '<' && r_.Peek(1) != '=' &&
                                           r_.Peek(1) != '!' && r_.Take("<"));
      if (named) {
        while (!r_.done() && r_.Peek() != '>') r_.Next();
        r_.Take(">");
      } else if (!r_.Take(":")) {
        return r_.FaultAt(at, "look-around and flags in (?...) are not supported");
      }
    }
    STRATA_ASSIGN_OR_RETURN(Expr inside, Choices(depth + 1));
    if (r_.Take(")")) return inside;
    return r_.Fault("expected )");
  }

  // A backslash was read.
  absl::StatusOr<Ranges> Escape(bool in_class) {
    const size_t at = r_.at() - 1;
    const char32_t c = r_.Next();
    if (c == 0) return r_.FaultAt(at, "there is nothing behind \\");
    if (std::optional<Ranges> named = NamedClass(c)) return *std::move(named);
    STRATA_ASSIGN_OR_RETURN(const char32_t code, EscapedCode(c, at, in_class));
    if (code > kLastCode || (code >= 0xd800 && code <= 0xdfff))
      return r_.FaultAt(at, "is no character");
    return Ranges{{code, code}};
  }

  absl::StatusOr<char32_t> EscapedCode(char32_t c, size_t at, bool in_class) {
    switch (c) {
      case 'n':
        return U'\n';
      case 'r':
        return U'\r';
      case 't':
        return U'\t';
      case 'f':
        return U'\f';
      case 'v':
        return U'\v';
      case 'x':
        return r_.Hex(2);
      case 'u':
        return UnicodeEscape();
      case 'c': {
        const char32_t letter = r_.Next() | 0x20;
        if (letter < 'a' || letter > 'z') return r_.FaultAt(at, "\\c needs a letter");
        return letter & 0x1f;
      }
      default:
        break;
    }
    if (c == 'b' && in_class) return U'\b';
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (c == '0' && !(r_.Peek() >= '0' && r_.Peek() <= '9')) return U'\0';
    if (digit) return r_.FaultAt(at, "back references and octal escapes are not supported");
    if (!letter) return c;
    return r_.FaultAt(
        at, absl::StrCat("\\", std::string(1, static_cast<char>(c)), " is not supported"));
  }

  absl::StatusOr<char32_t> UnicodeEscape() {
    if (!r_.Take("{")) {
      STRATA_ASSIGN_OR_RETURN(const char32_t code, r_.Hex(4));
      if (code < 0xd800 || code > 0xdbff || !r_.Take("\\u")) return code;
      STRATA_ASSIGN_OR_RETURN(const char32_t low, r_.Hex(4));
      if (low < 0xdc00 || low > 0xdfff) return code;  // refused, being half a character
      return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    char32_t code = 0;
    do {
      STRATA_ASSIGN_OR_RETURN(const char32_t digit, r_.Hex(1));
      code = std::min<char32_t>(code * 16 + digit, kLastCode + 1);
    } while (!r_.Take("}"));
    return code;
  }

  absl::StatusOr<Expr> Bracketed() {
    const bool complement = r_.Take("^");
    Ranges ranges;
    while (!r_.Take("]")) {
      const size_t at = r_.at();
      STRATA_ASSIGN_OR_RETURN(Ranges first, ClassMember());
      const bool range = r_.Peek() == '-' && r_.Peek(1) != ']' && r_.Peek(1) != 0;
      if (!range) {
        ranges.insert(ranges.end(), first.begin(), first.end());
        continue;
      }
      r_.Next();
      STRATA_ASSIGN_OR_RETURN(const Ranges last, ClassMember());
      const bool single = first.size() == 1 && last.size() == 1 &&
                          first[0].first == first[0].last && last[0].first == last[0].last;
      if (!single || last[0].first < first[0].first)
        return r_.FaultAt(at, "is no range of characters; write \\- for the sign itself");
      ranges.push_back({first[0].first, last[0].first});
    }
    return write_(complement ? Complement(std::move(ranges)) : std::move(ranges));
  }

  absl::StatusOr<Ranges> ClassMember() {
    if (r_.done()) return r_.Fault("expected ]");
    if (r_.Peek() == '[' && (r_.Peek(1) == ':' || r_.Peek(1) == '[')) {
      return r_.Fault("classes in classes are not supported; write \\[ for the bracket itself");
    }
    const char32_t c = r_.Next();
    if (c == '\\') return Escape(/*in_class=*/true);
    return Ranges{{c, c}};
  }

  absl::Status Repetitions(Expr* part) {
    for (int times = 0; times <= kMostNesting; ++times) {
      if (r_.Take("*")) {
        *part = Repeat(std::move(*part));
      } else if (r_.Take("+")) {
        *part = Repeat(std::move(*part), 1);
      } else if (r_.Take("?")) {
        if (times == 0) *part = Optional(std::move(*part));  // else it asks for the shortest match
      } else if (r_.Peek() == '{') {
        STRATA_RETURN_IF_ERROR(Times(part));
      } else {
        return absl::OkStatus();
      }
    }
    return r_.Fault("too many repetitions of one part");
  }

  absl::Status Times(Expr* part) {
    const size_t at = r_.at();
    r_.Next();
    STRATA_ASSIGN_OR_RETURN(const std::optional<int32_t> least, r_.Number(kMostTimes));
    if (!least.has_value())
      return r_.FaultAt(at, "expected {n}, {n,} or {n,m}; write \\{ for the bracket itself");
    std::optional<int32_t> most = least;
    if (r_.Take(",")) {
      STRATA_ASSIGN_OR_RETURN(most, r_.Number(kMostTimes));
    }
    if (!r_.Take("}")) return r_.Fault("expected }");
    if (most.value_or(kNoLimit) < *least)
      return r_.FaultAt(at, "the greatest number of times is below the least");
    *part = Repeat(std::move(*part), *least, most.value_or(kNoLimit));
    return absl::OkStatus();
  }

  TextReader r_;
  const std::function<Expr(Ranges)>& write_;
  const bool search_;
};

}  // namespace

absl::StatusOr<Expr> ParseRegex(absl::string_view text, const RegexOptions& options) {
  STRATA_ASSIGN_OR_RETURN(TextReader reader, TextReader::Create("regular expression", text));
  return Parser(std::move(reader), options).Parse();
}

}  // namespace strata::inference::grammar
