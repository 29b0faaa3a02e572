// TextReader: a cursor over a text of characters for parsers; faults carry line and column.
#ifndef STRATA_INFERENCE_GRAMMAR_TEXT_READER_H_
#define STRATA_INFERENCE_GRAMMAR_TEXT_READER_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::inference::grammar {

class TextReader {
 public:
  // INVALID_ARGUMENT when the text is not valid UTF-8 or longer than kMostCharacters. `what` begins all faults.
  static absl::StatusOr<TextReader> Create(absl::string_view what, absl::string_view text);
  static constexpr size_t kMostCharacters = 1 << 18;

  bool done() const { return at_ == text_.size(); }
  // The next character, or the one `ahead` of it; 0 behind the end.
  char32_t Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : U'\0';
  }
  char32_t Next() { return done() ? U'\0' : text_[at_++]; }
  // Goes over `text` (ASCII) if it is next.
  bool Take(absl::string_view text);

  // A number of decimal digits; nothing if there is none. INVALID_ARGUMENT when it is above `most`.
  absl::StatusOr<std::optional<int32_t>> Number(int32_t most);
  // Exactly `digits` hexadecimal digits.
  absl::StatusOr<char32_t> Hex(int digits);

  // "<what>, line 2, column 7: <message>", of the next character.
  absl::Status Fault(absl::string_view message) const { return FaultAt(at_, message); }
  absl::Status FaultAt(size_t at, absl::string_view message) const;
  size_t at() const { return at_; }

 private:
  std::string what_;
  std::u32string text_;
  size_t at_ = 0;
};

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_TEXT_READER_H_
