// The parts of a tokenizer.json, one function each. Internal to tokenizer_json.
#ifndef STRATA_LLM_TOKENIZER_TOKENIZER_JSON_PARTS_H_
#define STRATA_LLM_TOKENIZER_TOKENIZER_JSON_PARTS_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "base/status.h"
#include "llm/tokenizer/json_view.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm::internal {

using Ids = absl::flat_hash_map<std::string, int32_t>;  // of model.vocab, by the text in the file

absl::Status ReadModel(const JsonView& model, Ids* ids, TokenizerSpec* spec);
absl::Status ReadAddedTokens(const JsonView& tokens, const Ids& ids,
                             TokenizerSpec* spec);  // after the model
absl::Status ReadNormalizer(const JsonView& normalizer, TokenizerSpec* spec);
absl::Status ReadPreTokenizer(const JsonView& pre_tokenizer, TokenizerSpec* spec);
absl::Status ReadPostProcessor(const JsonView& processor,
                               TokenizerSpec* spec);  // after the added tokens
absl::Status ReadDecoder(const JsonView& decoder);

}  // namespace strata::llm::internal

#endif  // STRATA_LLM_TOKENIZER_TOKENIZER_JSON_PARTS_H_
