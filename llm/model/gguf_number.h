// Numbers of GGUF's metadata, which has fp32 where configs have fp64, and lists where all layers may differ.
#ifndef STRATA_LLM_MODEL_GGUF_NUMBER_H_
#define STRATA_LLM_MODEL_GGUF_NUMBER_H_

#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "inference/import/gguf_value.h"

namespace strata::llm {

// The double that is written with the fewest digits which give this float: 1e-5, not 9.99999974737875e-06.
inline double ShortestDouble(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

// The value of a number, a bool (0 or 1), or the one number of a list that all layers share.
inline absl::StatusOr<double> AnyGgufNumber(const inference::GgufMetadata& metadata,
                                            const std::string& key) {
  const auto it = metadata.find(key);
  if (it != metadata.end()) {
    if (const bool* truth = std::get_if<bool>(&it->second)) return *truth ? 1.0 : 0.0;
    if (const float* value = std::get_if<float>(&it->second)) return ShortestDouble(*value);
    if (std::holds_alternative<inference::GgufArray>(it->second)) {
      STRATA_ASSIGN_OR_RETURN(const std::vector<double> numbers, GetNumbers(metadata, key));
      for (double number : numbers) {
        if (number != numbers[0])
          return absl::UnimplementedError(
              absl::StrCat(key, ": differs from layer to layer, which is not supported"));
      }
      if (numbers.empty()) return absl::InvalidArgumentError(absl::StrCat(key, ": is empty"));
      return numbers[0];
    }
  }
  return GetNumber(metadata, key);
}

// The same, and within +-2^53. UNIMPLEMENTED when layers differ; NOT_FOUND, INVALID_ARGUMENT with the key.
inline absl::StatusOr<double> GgufNumber(const inference::GgufMetadata& metadata,
                                         const std::string& key) {
  STRATA_ASSIGN_OR_RETURN(const double value, AnyGgufNumber(metadata, key));
  if (std::abs(value) < 0x1p53) return value;
  return absl::InvalidArgumentError(absl::StrCat(key, ": ", value, " is out of range"));
}

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_GGUF_NUMBER_H_
