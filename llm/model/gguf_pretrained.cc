#include "llm/model/gguf_pretrained.h"

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"

namespace strata::llm {
namespace {

using inference::GgufMetadata;

std::string Key(const char* name) { return absl::StrCat("tokenizer.ggml.", name); }

}  // namespace

std::string ReadGgufChatTemplate(const GgufMetadata& metadata) {
  const absl::StatusOr<std::string> text = inference::GetText(metadata, "tokenizer.chat_template");
  return text.ok() ? *text : "";
}

GenerationDefaults ReadGgufDefaults(const GgufMetadata& metadata) {
  GenerationDefaults defaults;
  for (const char* name : {"eos_token_id", "eot_token_id"}) {
    const absl::StatusOr<int64_t> id = inference::GetInteger(metadata, Key(name));
    if (id.ok() && *id >= 0 && *id <= std::numeric_limits<int32_t>::max())
      defaults.eos.push_back(static_cast<int32_t>(*id));
  }
  return defaults;
}

}  // namespace strata::llm
