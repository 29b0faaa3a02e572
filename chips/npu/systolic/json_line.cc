#include "chips/npu/systolic/json_line.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata::chips::systolic {
namespace {

// ASCII only: what else a layer's name holds is not worth a decoder.
std::string Quoted(absl::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&result, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      result += static_cast<unsigned char>(c) < 0x7f ? c : '?';
    }
  }
  return result + "\"";
}

}  // namespace

void JsonLine::AddRaw(absl::string_view key, absl::string_view value) {
  absl::StrAppend(&fields_, fields_.empty() ? "" : ", ", Quoted(key), ": ", value);
}

JsonLine& JsonLine::Add(absl::string_view key, int64_t value) {
  AddRaw(key, absl::StrCat(value));
  return *this;
}

JsonLine& JsonLine::Add(absl::string_view key, double value) {
  char digits[32];
  const std::to_chars_result end = std::to_chars(digits, digits + sizeof(digits), value);
  AddRaw(key, absl::string_view(digits, static_cast<size_t>(end.ptr - digits)));
  return *this;
}

JsonLine& JsonLine::Add(absl::string_view key, absl::string_view value) {
  AddRaw(key, Quoted(value));
  return *this;
}

JsonLine& JsonLine::Add(absl::string_view key, bool value) {
  AddRaw(key, value ? "true" : "false");
  return *this;
}

JsonLine& JsonLine::Add(absl::string_view key, const JsonLine& value) {
  AddRaw(key, value.Text());
  return *this;
}

}  // namespace strata::chips::systolic
