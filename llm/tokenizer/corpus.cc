#include "llm/tokenizer/corpus.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "inference/engine/utf8.h"

namespace strata::llm {

absl::Status CheckCorpus(absl::string_view text) {
  if (text.empty())
    return absl::InvalidArgumentError("the corpus is empty; give a file with text in it");
  const size_t valid = inference::ValidUtf8Prefix(text);
  if (valid == text.size()) return absl::OkStatus();
  const auto line = 1 + std::count(text.begin(), text.begin() + valid, '\n');
  return absl::InvalidArgumentError(absl::StrFormat(
      "the corpus is not UTF-8: bad byte 0x%02X at offset %d (line %d); convert it, as with "
      "`iconv -f LATIN1 -t UTF-8`",
      static_cast<unsigned>(static_cast<unsigned char>(text[valid])), valid, line));
}

}  // namespace strata::llm
