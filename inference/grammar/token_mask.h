// TokenMask: a set of tokens, a bit each.
#ifndef STRATA_INFERENCE_GRAMMAR_TOKEN_MASK_H_
#define STRATA_INFERENCE_GRAMMAR_TOKEN_MASK_H_

#include <cstdint>
#include <vector>

namespace strata::inference::grammar {

class TokenMask {
 public:
  explicit TokenMask(int32_t vocabulary = 0) : words_(static_cast<size_t>(vocabulary + 63) / 64) {}

  void Add(int32_t token) { words_[Word(token)] |= Bit(token); }
  void AddAll(const TokenMask& other) {  // of the same vocabulary
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  // False for tokens outside the vocabulary.
  bool Has(int32_t token) const {
    return token >= 0 && Word(token) < words_.size() && (words_[Word(token)] & Bit(token)) != 0;
  }
  // The tokens [64 * i, 64 * i + 64); 0 outside the vocabulary.
  uint64_t word(size_t i) const { return i < words_.size() ? words_[i] : 0; }
  int64_t bytes() const { return static_cast<int64_t>(words_.size() * sizeof(uint64_t)); }

 private:
  static size_t Word(int32_t token) { return static_cast<size_t>(token) / 64; }
  static uint64_t Bit(int32_t token) { return uint64_t{1} << (static_cast<uint32_t>(token) % 64); }

  std::vector<uint64_t> words_;
};

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_TOKEN_MASK_H_
