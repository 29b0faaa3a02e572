#define PCRE2_CODE_UNIT_WIDTH 8
#include "llm/tokenizer/regex.h"

#include <pcre2.h>

namespace strata::llm {
namespace {

// PCRE2's own \s also has U+180E, which Unicode no longer counts as white space: spell the class
// out. A \S inside a bracket cannot be spelled so and stays as it is.
std::string SpellOutWhiteSpace(absl::string_view pattern) {
  static constexpr char kSpace[] = R"(\x09-\x0d\x{85}\p{Z})";
  std::string result;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      if (next == 's') {
        absl::StrAppend(&result, in_class ? "" : "[", kSpace, in_class ? "" : "]");
      } else if (next == 'S' && !in_class) {
        absl::StrAppend(&result, "[^", kSpace, "]");
      } else {
        result += {c, next};
      }
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    result += c;
  }
  return result;
}

const pcre2_code* Code(const std::shared_ptr<const void>& code) {
  return static_cast<const pcre2_code*>(code.get());
}

// One a thread: they hold one match each, of whatever pattern.
pcre2_match_data* MatchData() {
  thread_local const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(
      pcre2_match_data_create(1, nullptr), &pcre2_match_data_free);
  return data.get();
}

pcre2_match_context* MatchContext() {
  static pcre2_match_context* const context = [] {
    pcre2_match_context* made = pcre2_match_context_create(nullptr);
    pcre2_set_match_limit(made, 10'000'000);
    return made;
  }();
  return context;
}

}  // namespace

absl::StatusOr<Regex> Regex::Compile(absl::string_view pattern) {
  return CompileWith(SpellOutWhiteSpace(pattern), PCRE2_UTF | PCRE2_UCP);
}

absl::StatusOr<Regex> Regex::Literal(absl::string_view text) {
  return CompileWith(text, PCRE2_UTF | PCRE2_LITERAL);
}

absl::StatusOr<Regex> Regex::CompileWith(absl::string_view pattern, unsigned options) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   options, &error, &offset, nullptr);
  if (code == nullptr) {
    PCRE2_UCHAR message[200];
    pcre2_get_error_message(error, message, sizeof(message));
    return absl::InvalidArgumentError(absl::StrCat("malformed regular expression at byte ", offset,
                                                   " of '", pattern,
                                                   "': ", reinterpret_cast<const char*>(message)));
  }
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where there is no JIT the interpreter serves
  return Regex(std::shared_ptr<const void>(code, [](const void* made) {
    pcre2_code_free(const_cast<pcre2_code*>(static_cast<const pcre2_code*>(made)));
  }));
}

std::optional<TextRange> Regex::Find(absl::string_view text, size_t start) const {
  const auto match = [&](uint32_t options) {
    return pcre2_match(Code(code_), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start,
                       PCRE2_NO_UTF_CHECK | options, MatchData(), MatchContext());
  };
  int result = match(0);
  // The interpreter keeps its stack on the heap.
  if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(PCRE2_NO_JIT);
  if (result < 0) return std::nullopt;
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(MatchData());
  // A look-behind trick, \K, can start a match after its end: that is as good as no match.
  if (bounds[0] > bounds[1] || bounds[0] < start) return std::nullopt;
  return TextRange{bounds[0], bounds[1]};
}

}  // namespace strata::llm
