#include "inference/grammar/utf8_ranges.h"

#include <algorithm>
#include <iterator>

namespace strata::inference::grammar {
namespace {

constexpr char32_t kLastOfSize[] = {0x7f, 0x7ff, 0xffff, kLastCode};

void Split(CodeRange range, std::vector<ByteSequence>* sequences) {
  // Forms of one size only.
  for (char32_t last : kLastOfSize) {
    if (range.first > last || range.last <= last) continue;
    Split({range.first, last}, sequences);
    return Split({last + 1, range.last}, sequences);
  }
  // The bytes after the first that differs run through all their values.
  for (int bits : {6, 12, 18}) {
    const char32_t low = (char32_t{1} << bits) - 1;
    if (range.last <= 0x7f || (range.first | low) == (range.last | low)) continue;
    if ((range.first & low) != 0) {
      Split({range.first, range.first | low}, sequences);
      return Split({(range.first | low) + 1, range.last}, sequences);
    }
    if ((range.last & low) != low) {
      Split({range.first, (range.last & ~low) - 1}, sequences);
      return Split({range.last & ~low, range.last}, sequences);
    }
  }
  const std::string first = Utf8(range.first), last = Utf8(range.last);
  ByteSequence& sequence = sequences->emplace_back();
  for (size_t i = 0; i < first.size(); ++i)
    sequence.push_back({static_cast<uint8_t>(first[i]), static_cast<uint8_t>(last[i])});
}

}  // namespace

std::vector<ByteSequence> Utf8Ranges(CodeRange range) {
  std::vector<ByteSequence> sequences;
  Split(range, &sequences);
  return sequences;
}

std::string Utf8(char32_t code) {
  if (code <= 0x7f) return std::string(1, static_cast<char>(code));
  const auto size = static_cast<size_t>(
      std::lower_bound(std::begin(kLastOfSize), std::end(kLastOfSize), code) - kLastOfSize + 1);
  constexpr unsigned kLead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  std::string text(size, '\0');
  for (size_t i = size; i-- > 1; code >>= 6) text[i] = static_cast<char>(0x80 | (code & 0x3f));
  text[0] = static_cast<char>(kLead[size] | code);
  return text;
}

}  // namespace strata::inference::grammar
