#include "llm/tokenizer/splitter.h"

#include <array>
#include <cstdint>

#include "llm/tokenizer/code_point.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {
namespace {

constexpr std::array<uint8_t, 128> MakeAsciiClasses() {
  std::array<uint8_t, 128> classes{};
  for (int c = 'a'; c <= 'z'; ++c) classes[c] = classes[c - 'a' + 'A'] = kLetter;
  for (int c = '0'; c <= '9'; ++c) classes[c] = kNumber;
  for (int c = '\t'; c <= '\r'; ++c) classes[c] = kSpace;
  classes[' '] = kSpace;
  return classes;
}

constexpr std::array<uint8_t, 128> kAsciiClasses = MakeAsciiClasses();
constexpr uint8_t kAnyClass = kLetter | kNumber | kSpace;

// Moves over a text. `Classes` of the character here are letter, number, white space, or none of
// them: 0.
class Cursor {
 public:
  explicit Cursor(absl::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  const char* at() const { return at_; }
  bool done() const { return at_ == end_; }
  bool Is(char c) const { return at_ != end_ && *at_ == c; }
  void MoveTo(const char* at) { at_ = at; }

  // Of the character here; `size` becomes its bytes. Not at the end.
  uint8_t Classes(uint32_t* size) const { return ClassesAt(at_, size); }

  // Over characters while their classes are `wanted` (0: none of the three), at most `limit`.
  void Skip(uint8_t wanted, int limit = 1 << 30) {
    uint32_t size;
    for (; limit > 0 && at_ != end_ && ClassesAt(at_, &size) == wanted; --limit) at_ += size;
  }

  // Over "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" right here; says whether there was one.
  bool SkipContraction(bool any_case) {
    if (end_ - at_ < 2 || at_[0] != '\'') return false;
    const auto letter = [&](int i) { return any_case ? at_[i] | 0x20 : at_[i]; };
    const int first = letter(1);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') {
      at_ += 2;
      return true;
    }
    // Without regard to case U+017F is an s too.
    if (any_case && end_ - at_ >= 3 && at_[1] == '\xC5' && at_[2] == '\xBF') {
      at_ += 3;
      return true;
    }
    if (end_ - at_ < 3) return false;
    const int second = letter(2);
    const bool found =
        ((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l');
    if (found) at_ += 3;
    return found;
  }

  // The patterns' last alternatives, \s+(?!\S)|\s+, from white space: a run of it, but without its
  // last character when something follows and the run is longer than one.
  void SkipSpaceButLast() {
    const char* last = at_;
    uint32_t size;
    while (at_ != end_ && ClassesAt(at_, &size) == kSpace) {
      last = at_;
      at_ += size;
    }
    if (at_ != end_ && last != begin_of_piece_) at_ = last;
  }

  void BeginPiece() { begin_of_piece_ = at_; }
  absl::string_view Piece() const {
    return absl::string_view(begin_of_piece_, static_cast<size_t>(at_ - begin_of_piece_));
  }

 private:
  static uint8_t ClassesAt(const char* at, uint32_t* size) {
    const uint8_t byte = static_cast<uint8_t>(*at);
    if (byte < 0x80) {
      *size = 1;
      return kAsciiClasses[byte];
    }
    const CodePoint c = FrontCodePoint(at);
    *size = c.size;
    return ClassesOf(c.value) & kAnyClass;
  }

  const char* at_;
  const char* end_;
  const char* begin_of_piece_ = nullptr;
};

// kGpt2Pattern.
void SplitGpt2(absl::string_view text, PieceSink sink) {
  Cursor cursor(text);
  while (!cursor.done()) {
    cursor.BeginPiece();
    uint32_t size;
    if (!cursor.SkipContraction(false)) {
      uint8_t classes = cursor.Classes(&size);
      const bool spaced = cursor.Is(' ');
      if (spaced) {
        cursor.MoveTo(cursor.at() + 1);
        classes = cursor.done() ? uint8_t{kSpace} : cursor.Classes(&size);
      }
      if (classes == kSpace) {
        cursor.MoveTo(cursor.Piece().data());
        cursor.SkipSpaceButLast();
      } else {
        cursor.Skip(classes);
      }
    }
    sink(cursor.Piece());
  }
}

// ` ?[^\s\p{L}\p{N}]+[\r\n]*` from the first sign on.
void SkipSigns(Cursor* cursor) {
  cursor->Skip(0);
  while (cursor->Is('\r') || cursor->Is('\n')) cursor->MoveTo(cursor->at() + 1);
}

// `\s*[\r\n]+|\s+(?!\S)|\s+` from white space: up to the last end of a line of the run, if it has
// any.
void SkipLinesOrSpace(Cursor* cursor) {
  const char* last_line_end = nullptr;
  Cursor ahead = *cursor;
  uint32_t size;
  while (!ahead.done() && ahead.Classes(&size) == kSpace) {
    const bool line_end = ahead.Is('\r') || ahead.Is('\n');
    ahead.MoveTo(ahead.at() + size);
    if (line_end) last_line_end = ahead.at();
  }
  if (last_line_end != nullptr) {
    cursor->MoveTo(last_line_end);
  } else {
    cursor->SkipSpaceButLast();
  }
}

// kLlama3Pattern and kQwen2Pattern, which differ in how many digits make a piece.
template <int kDigits>
void SplitLlama3(absl::string_view text, PieceSink sink) {
  Cursor cursor(text);
  while (!cursor.done()) {
    cursor.BeginPiece();
    uint32_t size;
    if (!cursor.SkipContraction(true)) {
      const uint8_t classes = cursor.Classes(&size);
      if (classes == kLetter) {
        cursor.Skip(kLetter);
      } else if (classes == kNumber) {
        cursor.Skip(kNumber, kDigits);
      } else {
        // One sign or space (no end of a line) joins the letters after it.
        const char* begin = cursor.at();
        const bool line_end = cursor.Is('\r') || cursor.Is('\n');
        const bool space = cursor.Is(' ');
        cursor.MoveTo(begin + size);
        const uint8_t next = cursor.done() ? uint8_t{kSpace} : cursor.Classes(&size);
        if (next == kLetter && !line_end) {
          cursor.Skip(kLetter);
        } else if (classes == 0 || (space && next == 0)) {
          SkipSigns(&cursor);
        } else {
          cursor.MoveTo(begin);
          SkipLinesOrSpace(&cursor);
        }
      }
    }
    sink(cursor.Piece());
  }
}

}  // namespace

Splitter FindSplitter(absl::string_view pattern) {
  if (pattern == kGpt2Pattern) return SplitGpt2;
  if (pattern == kLlama3Pattern) return SplitLlama3<3>;
  if (pattern == kQwen2Pattern) return SplitLlama3<1>;
  return nullptr;
}

}  // namespace strata::llm
