// The tokenizer.json format of Hugging Face tokenizers, version 1.0.
//
//   STRATA_ASSIGN_OR_RETURN(auto tokenizer, LoadTokenizer("models/gpt2"));  // a folder or a file
//   STRATA_RETURN_IF_ERROR(SaveTokenizer(*tokenizer, "out/tokenizer.json"));
//
// Read: models BPE (merges as pairs or as "a b"), Unigram, WordPiece and WordLevel; added_tokens; normalizers
// NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend, Precompiled,
// BertNormalizer, Nmt, ByteLevel; pre-tokenizers ByteLevel, Split, Digits, Punctuation, Whitespace,
// WhitespaceSplit, Metaspace, BertPreTokenizer; post-processors ByteLevel, TemplateProcessing, Bert-
// and RobertaProcessing (for what they put before and after a text); decoders ByteLevel,
// ByteFallback, Fuse, Strip, Replace, Metaspace, WordPiece, BPEDecoder; and Sequence of them. Everything else is
// UNIMPLEMENTED and names its place in the file; a malformed file is INVALID_ARGUMENT, likewise:
//
//   models/x/tokenizer.json: pre_tokenizer.pretokenizers[1].type: 'Odd' is not supported; ...
#ifndef STRATA_LLM_TOKENIZER_TOKENIZER_JSON_H_
#define STRATA_LLM_TOKENIZER_TOKENIZER_JSON_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "llm/tokenizer/text_tokenizer.h"
#include "llm/tokenizer/tokenizer_spec.h"

namespace strata::llm {

absl::StatusOr<TokenizerSpec> ParseTokenizerJson(absl::string_view json);

// A file that Hugging Face tokenizers of any version reads and that ParseTokenizerJson() reads back
// as the same spec, but for eos, which goes by the token's name.
std::string PrintTokenizerJson(const TokenizerSpec& spec);

// `path` is a tokenizer.json, or a folder with one; a tokenizer_config.json beside it may name the
// eos_token.
absl::StatusOr<std::unique_ptr<TextTokenizer>> LoadTokenizer(const std::string& path);

// Writes atomically.
absl::Status SaveTokenizer(const TextTokenizer& tokenizer, const std::string& path);

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_TOKENIZER_JSON_H_
