#include "llm/tokenizer/byte_alphabet.h"

#include "inference/engine/utf8.h"

namespace strata::llm {
namespace {

constexpr int kLetters = 256 + 68;  // the alphabet lies in U+0021 .. U+0143

struct Tables {
  std::array<uint8_t, 256> order{};         // id -> byte
  std::array<std::string, 256> letter;      // byte -> UTF-8
  std::array<int16_t, kLetters> byte_of{};  // code point -> byte, or -1

  Tables() {
    byte_of.fill(-1);
    int id = 0;
    for (int byte = 0; byte < 256; ++byte) {
      if (StandsForItself(byte)) Add(id++, byte, byte);
    }
    int next = 256;
    for (int byte = 0; byte < 256; ++byte) {
      if (!StandsForItself(byte)) Add(id++, byte, next++);
    }
  }

  static bool StandsForItself(int byte) {
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
  }

  void Add(int id, int byte, int code_point) {
    order[id] = static_cast<uint8_t>(byte);
    byte_of[code_point] = static_cast<int16_t>(byte);
    if (code_point < 0x80) {
      letter[byte] = std::string(1, static_cast<char>(code_point));
    } else {
      letter[byte] = {static_cast<char>(0xC0 | (code_point >> 6)),
                      static_cast<char>(0x80 | (code_point & 0x3F))};
    }
  }
};

const Tables& GetTables() {
  static const Tables* const tables = new Tables();
  return *tables;
}

// The byte of the letter at the front of `text`, or -1; `size` becomes the letter's.
int ByteOfLetter(absl::string_view text, size_t* size) {
  const inference::Utf8Character character = inference::Utf8Scan(text);
  *size = character.size;
  if (character.kind != inference::Utf8Kind::kValid || character.size > 2) return -1;
  const uint8_t first = static_cast<uint8_t>(text[0]);
  const int code_point = character.size == 1 ? first : ((first & 0x1F) << 6) | (text[1] & 0x3F);
  return code_point < kLetters ? GetTables().byte_of[code_point] : -1;
}

}  // namespace

std::string BytesToAlphabet(absl::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 4);
  for (char byte : bytes) text += GetTables().letter[static_cast<uint8_t>(byte)];
  return text;
}

std::optional<std::string> AlphabetToBytes(absl::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    size_t size;
    const int byte = ByteOfLetter(text, &size);
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
    text.remove_prefix(size);
  }
  return bytes;
}

const std::array<uint8_t, 256>& AlphabetOrder() { return GetTables().order; }

}  // namespace strata::llm
