#include "inference/engine/token_trie_of.h"

#include <string>
#include <utility>
#include <vector>

namespace strata::inference {

std::shared_ptr<const grammar::TokenTrie> MakeTokenTrie(const Tokenizer& tokenizer) {
  std::vector<std::string> bytes;
  std::vector<bool> special;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    bytes.push_back(tokenizer.TokenBytes(id));
    special.push_back(tokenizer.IsSpecial(id));
  }
  return std::make_shared<const grammar::TokenTrie>(
      grammar::TokenTrie::Build(std::move(bytes), special));
}

}  // namespace strata::inference
