// The tokens of a Tokenizer as grammars see them.
#ifndef STRATA_INFERENCE_ENGINE_TOKEN_TRIE_OF_H_
#define STRATA_INFERENCE_ENGINE_TOKEN_TRIE_OF_H_

#include <memory>

#include "inference/engine/tokenizer.h"
#include "inference/grammar/token_trie.h"

namespace strata::inference {

// Reads every token: a tenth of a second for large vocabularies, so make it once. Special tokens match no text.
std::shared_ptr<const grammar::TokenTrie> MakeTokenTrie(const Tokenizer& tokenizer);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_TOKEN_TRIE_OF_H_
