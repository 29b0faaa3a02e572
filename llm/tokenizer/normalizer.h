// Changes a text before it is cut: Unicode forms, case, accents, replacements.
//
//   STRATA_ASSIGN_OR_RETURN(Normalizer normalizer, Normalizer::Create({UnicodeForm::kNfc}));
//   normalizer.Normalize("e\u0301")                  // "\u00E9"
//
// Steps work one after another; what each does is at its type in tokenizer_spec.h. Bytes that are no
// UTF-8 pass through. Immutable and safe to share between threads.
#ifndef STRATA_LLM_TOKENIZER_NORMALIZER_H_
#define STRATA_LLM_TOKENIZER_NORMALIZER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

class Normalizer {
 public:
  // Does nothing.
  Normalizer() = default;

  // Errors name the step: "[1].pattern: ...".
  static absl::StatusOr<Normalizer> Create(const std::vector<Normalization>& steps);

  std::string Normalize(absl::string_view text) const;

  bool empty() const { return steps_.empty(); }

 private:
  std::vector<std::function<std::string(absl::string_view)>> steps_;
};

// ReplaceText as a function; for decoders too. INVALID_ARGUMENT for a malformed pattern.
absl::StatusOr<std::function<std::string(absl::string_view)>> MakeReplacer(
    const ReplaceText& replace);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_NORMALIZER_H_
