// The parts of a tokenizer.json, one function each. Internal to tokenizer_json.
#ifndef STRATA_LLM_TOKENIZER_TOKENIZER_JSON_PARTS_H_
#define STRATA_LLM_TOKENIZER_TOKENIZER_JSON_PARTS_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "base/status.h"
#include "llm/tokenizer/json_view.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm::internal {

using Ids = absl::flat_hash_map<std::string, int32_t>;  // of model.vocab, by the text in the file

// In the order in which they are to be read.
absl::Status ReadPreTokenizer(const JsonView& pre_tokenizer, TokenizerSpec* spec);
absl::Status ReadModel(const JsonView& model, Ids* ids, TokenizerSpec* spec);
absl::Status ReadAddedTokens(const JsonView& tokens, const Ids& ids, TokenizerSpec* spec);
absl::Status ReadNormalizer(const JsonView& normalizer, TokenizerSpec* spec);
absl::Status ReadPostProcessor(const JsonView& processor, TokenizerSpec* spec);
absl::Status ReadDecoder(const JsonView& decoder, TokenizerSpec* spec);

// A vocabulary may have holes, but not be all holes: ids far beyond the number of tokens are a
// damaged file.
absl::Status CheckRange(const JsonView& where, int32_t id, size_t tokens);

// Calls `visit` with each part of a {"type": "Sequence", list: [...]}, or with the part that is
// none; null has none.
using PartVisitor = absl::FunctionRef<absl::Status(const JsonView&, const std::string& type)>;
absl::Status ForEachPart(const JsonView& part, const char* list, PartVisitor visit);

// UNIMPLEMENTED at the part's type.
absl::Status UnsupportedType(const JsonView& part, const std::string& type,
                             absl::string_view supported);

// {"pattern": {"Regex": "..."}} or {"pattern": {"String": "..."}}.
absl::Status ReadPattern(const JsonView& part, std::string* text, bool* literal);
absl::StatusOr<ReplaceText> ReadReplace(const JsonView& part);
absl::Status ReadMetaspace(const JsonView& part, std::string* replacement, PrependScheme* scheme);

}  // namespace strata::llm::internal

#endif  // STRATA_LLM_TOKENIZER_TOKENIZER_JSON_PARTS_H_
