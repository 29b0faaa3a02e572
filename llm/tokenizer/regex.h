// Regular expressions with look-ahead and Unicode classes, compiled to machine code by PCRE2.
//
//   STRATA_ASSIGN_OR_RETURN(Regex regex, Regex::Compile(R"(\p{N}{1,3})"));
//   regex.Find("year 2026", 0) -> [5, 8)
//
// `\s` and `\S` mean exactly Unicode's White_Space, as in Oniguruma and in Rust, for which
// tokenizer patterns are written. Immutable and safe to share between threads.
#ifndef STRATA_LLM_TOKENIZER_REGEX_H_
#define STRATA_LLM_TOKENIZER_REGEX_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::llm {

struct TextRange {
  size_t begin;
  size_t end;
};

class Regex {
 public:
  // INVALID_ARGUMENT with the position in the pattern when it is malformed.
  static absl::StatusOr<Regex> Compile(absl::string_view pattern);
  // Matches exactly this text.
  static absl::StatusOr<Regex> Literal(absl::string_view text);

  // The leftmost match at or after `start` in `text`, which must be valid UTF-8. Nothing also when
  // the pattern backtracks beyond all measure (ten million steps).
  std::optional<TextRange> Find(absl::string_view text, size_t start) const;

 private:
  explicit Regex(std::shared_ptr<const void> code) : code_(std::move(code)) {}
  static absl::StatusOr<Regex> CompileWith(absl::string_view pattern, unsigned options);

  std::shared_ptr<const void> code_;  // a pcre2_code
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_REGEX_H_
