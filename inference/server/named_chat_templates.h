// Chat templates that have a name: chatml, llama3, plain. All are Jinja texts, as a model's own is.
#ifndef STRATA_INFERENCE_SERVER_NAMED_CHAT_TEMPLATES_H_
#define STRATA_INFERENCE_SERVER_NAMED_CHAT_TEMPLATES_H_

#include <vector>

#include "absl/types/span.h"

namespace strata::inference {

struct NamedChatTemplate {
  const char* name;
  std::vector<const char*> marks;  // must be special tokens of the tokenizer
  const char* source;
  const char* stop;  // text that ends the assistant's turn beside special tokens; null: none
};

// In the order in which a tokenizer is tried on them; the last fits all.
absl::Span<const NamedChatTemplate> NamedChatTemplates();

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_NAMED_CHAT_TEMPLATES_H_
