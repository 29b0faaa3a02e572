// Reads GGUF's numbers and texts from a buffer and knows the byte it is at, for errors.
#ifndef STRATA_INFERENCE_IMPORT_GGUF_CURSOR_H_
#define STRATA_INFERENCE_IMPORT_GGUF_CURSOR_H_

#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "inference/engine/utf8.h"

namespace strata::inference {

class GgufCursor {
 public:
  explicit GgufCursor(absl::string_view content) : content_(content) {}

  size_t position() const { return position_; }
  size_t left() const { return content_.size() - position_; }
  absl::string_view content() const { return content_; }

  // "byte 16: message"; of the byte at which the last thing read began.
  absl::Status Fault(absl::string_view message) const { return FaultAt(last_, message); }
  static absl::Status FaultAt(size_t position, absl::string_view message) {
    return absl::InvalidArgumentError(absl::StrCat("byte ", position, ": ", message));
  }

  absl::StatusOr<absl::string_view> Bytes(uint64_t count, absl::string_view what) {
    last_ = position_;
    if (count > left()) {
      return Fault(absl::StrCat("the file is truncated: ", what, " takes ", count, " bytes; ",
                                left(), " are left"));
    }
    const absl::string_view bytes = content_.substr(position_, count);
    position_ += count;
    return bytes;
  }

  template <typename T>
  absl::StatusOr<T> Number(absl::string_view what) {
    STRATA_ASSIGN_OR_RETURN(const absl::string_view bytes, Bytes(sizeof(T), what));
    T value;
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }

  // A count of things that take at least `least` bytes each.
  absl::StatusOr<uint64_t> Count(uint64_t least, absl::string_view what) {
    STRATA_ASSIGN_OR_RETURN(const uint64_t count, Number<uint64_t>(what));
    return CheckedCount(count, least, what);
  }
  absl::StatusOr<uint64_t> CheckedCount(uint64_t count, uint64_t least, absl::string_view what) {
    if (count <= left() / least) return count;
    return Fault(absl::StrCat("says there are ", count, " ", what, "; the ", left(),
                              " bytes that follow can hold ", left() / least));
  }

  // A length and as many bytes of UTF-8.
  absl::StatusOr<absl::string_view> Text(uint64_t longest, absl::string_view what) {
    const size_t begin = position_;
    STRATA_ASSIGN_OR_RETURN(const uint64_t length, Number<uint64_t>(what));
    if (length > longest) {
      return Fault(absl::StrCat(what, " says it is ", length, " bytes long; at most ", longest,
                                " are allowed"));
    }
    STRATA_ASSIGN_OR_RETURN(const absl::string_view text, Bytes(length, what));
    last_ = begin;
    const size_t valid = ValidUtf8Prefix(text);
    if (valid == length) return text;
    return FaultAt(begin + 8 + valid, absl::StrCat(what, " is not UTF-8"));
  }

 private:
  const absl::string_view content_;
  size_t position_ = 0;
  size_t last_ = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_IMPORT_GGUF_CURSOR_H_
