// The tokenizer in the metadata of a GGUF file (keys tokenizer.ggml.*).
//
//   STRATA_ASSIGN_OR_RETURN(GgufTokenizer gguf, GgufTokenizerOf(file.metadata()));  // gguf_metadata.h
//   STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, TokenizerFromGguf(gguf));
//   STRATA_ASSIGN_OR_RETURN(auto tokenizer, TextTokenizer::Create(std::move(spec)));
//
// Models: "gpt2" (byte-level BPE, cut as `pre` says), "llama" (SentencePiece's BPE), "t5" (Unigram),
// "bert" (WordPiece). What a file leaves out is as llama.cpp takes it.
#ifndef STRATA_LLM_TOKENIZER_GGUF_TOKENIZER_H_
#define STRATA_LLM_TOKENIZER_GGUF_TOKENIZER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

// Values of tokenizer.ggml.token_type.
enum class GgufTokenType : int32_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

// Each field is the key tokenizer.ggml.<name of the comment>.
struct GgufTokenizer {
  std::string model;                        // model
  std::string pre;                          // pre
  std::vector<std::string> tokens;          // tokens, by id
  std::vector<float> scores;                // scores: empty, or one a token
  std::vector<int32_t> token_types;         // token_type: empty, or one a token
  std::vector<std::string> merges;          // merges: "a b", best first
  std::optional<int32_t> bos;               // bos_token_id
  std::optional<int32_t> eos;               // eos_token_id
  std::optional<int32_t> eot;               // eot_token_id: also ends an answer
  std::optional<int32_t> unknown;           // unknown_token_id
  std::optional<int32_t> separator;         // seperator_token_id (sic)
  std::optional<int32_t> padding;           // padding_token_id
  std::optional<bool> add_bos;              // add_bos_token
  std::optional<bool> add_eos;              // add_eos_token
  std::optional<bool> add_space_prefix;     // add_space_prefix
  std::optional<bool> remove_extra_spaces;  // remove_extra_whitespaces
  std::string character_map;                // precompiled_charsmap
};

// NOT_FOUND without a model, INVALID_ARGUMENT with the key at fault; UNIMPLEMENTED for a model or `pre` that nobody knows here.
absl::StatusOr<TokenizerSpec> TokenizerFromGguf(const GgufTokenizer& gguf);

// The way back. UNIMPLEMENTED for what GGUF has no words for: a pre-tokenizer without a name, most
// normalizers. NFC before byte-level BPE is left out, as in all such files.
absl::StatusOr<GgufTokenizer> GgufFromTokenizer(const TokenizerSpec& spec);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_GGUF_TOKENIZER_H_
