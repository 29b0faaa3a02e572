// What filters and methods do with texts. Characters keep their origins; positions count bytes.
#ifndef STRATA_INFERENCE_JINJA_TEXT_OPERATIONS_H_
#define STRATA_INFERENCE_JINJA_TEXT_OPERATIONS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "inference/jinja/text_builder.h"
#include "inference/jinja/value.h"

namespace strata::inference::jinja {

// Each character by another: `map` gets the character and the one before it (0: none). One stays one: "ß" has no
// capital here.
absl::StatusOr<Value> MapCharacters(const Text& text,
                                    const std::function<uint32_t(uint32_t, uint32_t)>& map,
                                    Heap* heap);
absl::StatusOr<Value> UpperText(const Text& text, Heap* heap);
absl::StatusOr<Value> LowerText(const Text& text, Heap* heap);
// The first character in capitals, the others not.
absl::StatusOr<Value> CapitalizeText(const Text& text, Heap* heap);

// Without the characters at the ends that are in `characters` (null: white space).
Text StripText(const Text& text, const std::string* characters, bool left, bool right);

// Each `from` by `to`, at most `most` of them (negative: all). An empty `from` stands between all characters.
absl::StatusOr<Value> ReplaceText(const Text& text, const Text& from, const Text& to, int64_t most,
                                  Heap* heap);

// Cuts at each `separator` (not empty), at most `most` times (negative: all), from the left or from the right.
absl::StatusOr<std::vector<Value>> SplitText(const Text& text, const std::string& separator,
                                             int64_t most, bool from_right, Heap* heap);
// The words between white space.
absl::StatusOr<std::vector<Value>> SplitWords(const Text& text, int64_t most, Heap* heap);
// The lines without their breaks (with them if `keep`).
absl::StatusOr<std::vector<Value>> SplitLines(const Text& text, bool keep, Heap* heap);

// Spaces around (or `fill`) until it has `width` characters: on the left `left` of `left + right` parts.
enum class Alignment { kLeft, kCenter, kRight };
absl::StatusOr<Value> PadText(const Text& text, int64_t width, absl::string_view fill,
                              Alignment alignment, Heap* heap);

// The places where `part` is found from the left, not overlapping.
std::vector<size_t> FindAll(absl::string_view text, absl::string_view part, int64_t most);

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_TEXT_OPERATIONS_H_
