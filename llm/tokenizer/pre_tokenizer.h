// Cuts a text into the pieces that tokens never reach across.
//
//   STRATA_ASSIGN_OR_RETURN(PreTokenizer cut, PreTokenizer::Create({PreTokenizerStep()}));
//   cut.ForEachPiece("Hello world's", [](absl::string_view piece) { ... });
//   // GPT-2's way: "Hello", " world", "'s"
//
// Any bytes will do: patterns see the valid UTF-8 between bad bytes, and each run of bad bytes is a
// piece of its own. Immutable and safe to share between threads.
#ifndef STRATA_LLM_TOKENIZER_PRE_TOKENIZER_H_
#define STRATA_LLM_TOKENIZER_PRE_TOKENIZER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/regex.h"
#include "llm/tokenizer/splitter.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

class PreTokenizer {
 public:
  using Sink = PieceSink;

  // Errors name the step: "[1].pattern: ...".
  static absl::StatusOr<PreTokenizer> Create(const std::vector<PreTokenizerStep>& steps);

  // Calls `sink` with each piece in order; no piece is empty. A piece lives as long as the call.
  // `first`: the text has nothing before it, not even an added token (see PrependScheme::kFirst).
  void ForEachPiece(absl::string_view text, bool first, Sink sink) const;
  void ForEachPiece(absl::string_view text, Sink sink) const { ForEachPiece(text, true, sink); }

 private:
  // A text on its way through the steps.
  struct Part {
    absl::string_view text;
    bool first;  // nothing before it
    bool glued;  // right after bad bytes: nothing may be put before it
  };

  struct Step {
    std::optional<Regex> regex;   // none: no cuts
    Splitter splitter = nullptr;  // instead of the pattern
    SplitBehavior behavior = SplitBehavior::kIsolated;
    bool invert = false;
    std::string space;   // what becomes of " "; empty: it stays
    std::string prefix;  // before a text that does not start with it
    bool prefix_first_only = false;
  };

  static absl::StatusOr<Step> MakeStep(const PreTokenizerStep& spec);
  void Apply(size_t step, Part part, Sink sink) const;
  static void Split(const Step& step, absl::string_view text, Sink sink);

  std::vector<Step> steps_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_PRE_TOKENIZER_H_
