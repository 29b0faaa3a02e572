#include "llm/model/fit_format.h"

#include "absl/strings/string_view.h"

namespace strata::llm {

const chips::WeightFormat& FitFormat(const chips::WeightFormat& wanted, int64_t K) {
  if (K % wanted.block == 0) return wanted;
  const absl::string_view name = wanted.name;
  const char* next = wanted.block <= 32 ? "f16" : name == "q4_k" ? "q5_0" : "q8_0";
  return FitFormat(**chips::FindWeightFormat(next), K);
}

}  // namespace strata::llm
