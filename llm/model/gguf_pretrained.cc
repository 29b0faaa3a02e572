#include "llm/model/gguf_pretrained.h"

namespace strata::llm {

std::string ReadGgufChatTemplate(const inference::GgufMetadata& metadata) {
  const absl::StatusOr<std::string> text = inference::GetText(metadata, "tokenizer.chat_template");
  return text.ok() ? *text : "";
}

GenerationDefaults ReadGgufDefaults(const GgufTokenizer& keys) {
  GenerationDefaults defaults;
  for (const std::optional<int32_t>& id : {keys.eos, keys.eot}) {
    if (id.has_value()) defaults.eos.push_back(*id);
  }
  return defaults;
}

}  // namespace strata::llm
