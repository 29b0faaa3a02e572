#include "llm/convert/tokenizer_keys.h"

#include "absl/strings/str_cat.h"

namespace strata::llm {

using inference::GgufMetadata;

absl::StatusOr<int64_t> TokenId(const GgufMetadata& metadata, const std::string& name) {
  return GetInteger(metadata, absl::StrCat("tokenizer.ggml.", name, "_token_id"));
}

absl::StatusOr<GgufMetadata> TokenizerEntries(const std::string&, int64_t) {
  return GgufMetadata();
}

absl::StatusOr<std::string> MadeTokenizerJson(const GgufMetadata&) { return std::string(); }

}  // namespace strata::llm
