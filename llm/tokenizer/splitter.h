// Hand-written splitters for the patterns that most vocabularies use: many times faster than the
// pattern, with the same pieces.
//
//   if (Splitter split = FindSplitter(kGpt2Pattern)) split("Hello world", sink);  // "Hello", " world"
//
// The text is valid UTF-8; the pieces follow one another without gaps.
#ifndef STRATA_LLM_TOKENIZER_SPLITTER_H_
#define STRATA_LLM_TOKENIZER_SPLITTER_H_

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace strata::llm {

using PieceSink = absl::FunctionRef<void(absl::string_view piece)>;
using Splitter = void (*)(absl::string_view text, PieceSink sink);

// The splitter that equals this pattern; null when there is none: then PCRE2 does the work.
Splitter FindSplitter(absl::string_view pattern);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_SPLITTER_H_
