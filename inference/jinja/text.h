// Text: bytes that know where each of them comes from: the template (trusted) or its data (a user's words).
//
//   Text line("<|user|>", Origin::kTemplate);
//   line.Append("Hi <|end|>", Origin::kData);
//   line.OriginAt(0) == Origin::kTemplate;  line.OriginAt(8) == Origin::kData
//
// Every operation of the language that moves characters moves their origins with them, so that the tokenizer can tell
// in the end which special tokens the template wrote and which a user did.
#ifndef STRATA_INFERENCE_JINJA_TEXT_H_
#define STRATA_INFERENCE_JINJA_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::inference::jinja {

enum class Origin : uint8_t { kTemplate, kData };

class Text {
 public:
  // Bytes of one origin that reach to `end`; neighbours differ in origin.
  struct Run {
    size_t end;
    Origin origin;
  };
  using Runs = std::vector<Run>;

  Text() = default;
  Text(absl::string_view bytes, Origin origin) { Append(bytes, origin); }

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  const Runs& runs() const { return runs_; }

  // Of the byte at `position` < size().
  Origin OriginAt(size_t position) const { return FindRun(position)->origin; }

  void Append(absl::string_view bytes, Origin origin);
  void Append(const Text& text) { Append(text, 0, text.size()); }
  // The bytes [begin, begin + size) of `text`.
  void Append(const Text& text, size_t begin, size_t size);

  Text Substr(size_t begin, size_t size) const;

 private:
  // The run that holds `position`.
  Runs::const_iterator FindRun(size_t position) const;
  void ExtendRun(size_t end, Origin origin);

  std::string bytes_;
  Runs runs_;
};

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_TEXT_H_
