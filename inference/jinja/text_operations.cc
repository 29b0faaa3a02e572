#include "inference/jinja/text_operations.h"

#include <algorithm>
#include <cstring>

#include "inference/jinja/unicode.h"

namespace strata::inference::jinja {
namespace {

// The code points that a string is made of.
bool Has(const std::string& characters, absl::string_view character) {
  for (size_t at = 0; at < characters.size();) {
    const size_t size = CharacterSize(absl::string_view(characters).substr(at));
    if (absl::string_view(characters).substr(at, size) == character) return true;
    at += size;
  }
  return false;
}

size_t LastCharacter(absl::string_view text, size_t begin) {
  size_t at = text.size() - 1;
  while (at > begin && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return CharacterSize(text.substr(at)) == text.size() - at ? at : text.size() - 1;
}

bool IsLineBreak(uint32_t code) {
  return (code >= '\n' && code <= '\r') || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
         code == 0x2028 || code == 0x2029;
}

absl::Status AddPart(const Text& text, size_t begin, size_t end, std::vector<Value>* parts,
                     Heap* heap) {
  parts->push_back(heap->String(text.Substr(begin, end - begin)));
  return heap->Spend(1);
}

}  // namespace

absl::StatusOr<Value> MapCharacters(const Text& text,
                                    const std::function<uint32_t(uint32_t, uint32_t)>& map,
                                    Heap* heap) {
  const absl::string_view bytes = text.bytes();
  TextBuilder out(heap);
  uint32_t before = 0;
  for (size_t at = 0; at < bytes.size() && out.status().ok();) {
    const size_t size = CharacterSize(bytes.substr(at));
    const uint32_t code = CodePoint(bytes.substr(at, size)), mapped = map(code, before);
    std::string character;
    if (mapped == code) {
      character = std::string(bytes.substr(at, size));
    } else {
      AppendCodePoint(mapped, &character);
    }
    out.Append(character, text.OriginAt(at));
    before = code;
    at += size;
  }
  return out.Finish();
}

absl::StatusOr<Value> UpperText(const Text& text, Heap* heap) {
  return MapCharacters(
      text, [](uint32_t code, uint32_t) { return UpperCase(code); }, heap);
}

absl::StatusOr<Value> LowerText(const Text& text, Heap* heap) {
  return MapCharacters(
      text, [](uint32_t code, uint32_t) { return LowerCase(code); }, heap);
}

absl::StatusOr<Value> CapitalizeText(const Text& text, Heap* heap) {
  bool first = true;
  return MapCharacters(
      text,
      [&first](uint32_t code, uint32_t) {
        return std::exchange(first, false) ? UpperCase(code) : LowerCase(code);
      },
      heap);
}

Text StripText(const Text& text, const std::string* characters, bool left, bool right) {
  const absl::string_view bytes = text.bytes();
  const auto goes = [characters](absl::string_view character) {
    return characters == nullptr ? IsSpace(CodePoint(character)) : Has(*characters, character);
  };
  size_t begin = 0, end = bytes.size();
  while (left && begin < end) {
    const size_t size = CharacterSize(bytes.substr(begin));
    if (!goes(bytes.substr(begin, size))) break;
    begin += size;
  }
  while (right && begin < end) {
    const size_t at = LastCharacter(bytes.substr(0, end), begin);
    if (!goes(bytes.substr(at, end - at))) break;
    end = at;
  }
  return text.Substr(begin, end - begin);
}

std::vector<size_t> FindAll(absl::string_view text, absl::string_view part, int64_t most) {
  std::vector<size_t> places;
  size_t from = 0;
  while (most < 0 || static_cast<int64_t>(places.size()) < most) {
    const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
    if (found == nullptr) break;
    places.push_back(static_cast<size_t>(static_cast<const char*>(found) - text.data()));
    from = places.back() + part.size();
  }
  return places;
}

absl::StatusOr<Value> ReplaceText(const Text& text, const Text& from, const Text& to, int64_t most,
                                  Heap* heap) {
  std::vector<size_t> places;
  if (from.empty()) {
    places = CharacterStarts(text.bytes());
    if (most >= 0 && static_cast<int64_t>(places.size()) > most)
      places.resize(static_cast<size_t>(most));
  } else {
    places = FindAll(text.bytes(), from.bytes(), most);
  }
  TextBuilder out(heap);
  size_t done = 0;
  for (size_t place : places) {
    out.Append(text, done, place - done);
    out.Append(to);
    done = place + from.size();
    STRATA_RETURN_IF_ERROR(out.status());
  }
  out.Append(text, done, text.size() - done);
  return out.Finish();
}

absl::StatusOr<std::vector<Value>> SplitText(const Text& text, const std::string& separator,
                                             int64_t most, bool from_right, Heap* heap) {
  std::vector<size_t> places;
  if (from_right && most >= 0) {  // the last ones, found from the right
    const std::string reversed(text.bytes().rbegin(), text.bytes().rend());
    places = FindAll(reversed, std::string(separator.rbegin(), separator.rend()), most);
    for (size_t& place : places) place = text.size() - place - separator.size();
    std::reverse(places.begin(), places.end());
  } else {
    places = FindAll(text.bytes(), separator, most);
  }
  std::vector<Value> parts;
  size_t begin = 0;
  for (size_t place : places) {
    STRATA_RETURN_IF_ERROR(AddPart(text, begin, place, &parts, heap));
    begin = place + separator.size();
  }
  STRATA_RETURN_IF_ERROR(AddPart(text, begin, text.size(), &parts, heap));
  return parts;
}

absl::StatusOr<std::vector<Value>> SplitWords(const Text& text, int64_t most, Heap* heap) {
  const absl::string_view bytes = text.bytes();
  std::vector<Value> words;
  size_t begin = 0;
  bool in_word = false;
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = CharacterSize(bytes.substr(at));
    const bool space = IsSpace(CodePoint(bytes.substr(at, size)));
    if (in_word && space) STRATA_RETURN_IF_ERROR(AddPart(text, begin, at, &words, heap));
    if (!in_word && !space) begin = at;
    in_word = !space;
    if (in_word && most >= 0 && static_cast<int64_t>(words.size()) == most) {
      words.push_back(heap->String(StripText(text.Substr(begin, bytes.size() - begin), nullptr,
                                             /*left=*/false, /*right=*/true)));
      return words;
    }
    at += size;
  }
  if (in_word) STRATA_RETURN_IF_ERROR(AddPart(text, begin, bytes.size(), &words, heap));
  return words;
}

absl::StatusOr<std::vector<Value>> SplitLines(const Text& text, bool keep, Heap* heap) {
  const absl::string_view bytes = text.bytes();
  std::vector<Value> lines;
  size_t begin = 0;
  for (size_t at = 0; at < bytes.size();) {
    size_t size = CharacterSize(bytes.substr(at));
    if (IsLineBreak(CodePoint(bytes.substr(at, size)))) {
      if (bytes[at] == '\r' && at + 1 < bytes.size() && bytes[at + 1] == '\n') size = 2;
      STRATA_RETURN_IF_ERROR(AddPart(text, begin, keep ? at + size : at, &lines, heap));
      begin = at + size;
    }
    at += size;
  }
  if (begin < bytes.size())
    STRATA_RETURN_IF_ERROR(AddPart(text, begin, bytes.size(), &lines, heap));
  return lines;
}

absl::StatusOr<Value> PadText(const Text& text, int64_t width, absl::string_view fill,
                              Alignment alignment, Heap* heap) {
  const int64_t missing = std::max<int64_t>(width - CountCharacters(text.bytes()), 0);
  // Python puts the odd space of a centered text on the left when the width is odd.
  int64_t left = missing / 2 + (missing & width & 1);
  if (alignment == Alignment::kLeft) left = 0;
  if (alignment == Alignment::kRight) left = missing;
  TextBuilder out(heap);
  for (int64_t i = 0; i < left && out.status().ok(); ++i) out.Append(fill);
  out.Append(text);
  for (int64_t i = left; i < missing && out.status().ok(); ++i) out.Append(fill);
  return out.Finish();
}

}  // namespace strata::inference::jinja
