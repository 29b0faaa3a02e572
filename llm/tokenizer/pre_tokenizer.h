// Cuts a text into the pieces that merges never reach across.
//
//   STRATA_ASSIGN_OR_RETURN(PreTokenizer cut, PreTokenizer::Create({PreTokenizerStep()}));  //
//   GPT-2's way cut.ForEachPiece("Hello world's", [](absl::string_view piece) { ... });  //
//   "Hello", " world", "'s"
//
// Any bytes will do: patterns see the valid UTF-8 between bad bytes, and each run of bad bytes is a
// piece of its own. Immutable and safe to share between threads.
#ifndef STRATA_LLM_TOKENIZER_PRE_TOKENIZER_H_
#define STRATA_LLM_TOKENIZER_PRE_TOKENIZER_H_

#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/regex.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

class PreTokenizer {
 public:
  using Sink = absl::FunctionRef<void(absl::string_view piece)>;

  // Errors name the step: "[1].pattern: ...".
  static absl::StatusOr<PreTokenizer> Create(const std::vector<PreTokenizerStep>& steps);

  // Calls `sink` with each piece in order; no piece is empty. A piece lives as long as the call.
  void ForEachPiece(absl::string_view text, Sink sink) const;

 private:
  struct Step {
    std::optional<Regex> regex;
    SplitBehavior behavior;
    bool invert;
    bool prefix_space;
  };

  void Apply(size_t step, absl::string_view text, Sink sink) const;
  static void Split(const Step& step, absl::string_view text, Sink sink);

  std::vector<Step> steps_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_PRE_TOKENIZER_H_
