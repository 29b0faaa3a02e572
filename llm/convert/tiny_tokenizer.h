// A tokenizer.json of byte-level BPE for tests: all bytes, a few merges, two special tokens; 262 tokens.
#ifndef STRATA_LLM_CONVERT_TINY_TOKENIZER_H_
#define STRATA_LLM_CONVERT_TINY_TOKENIZER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace strata::llm {

// GPT-2's letter for a byte, in UTF-8: itself where it can be printed, else the next one from U+0100 on.
inline std::vector<std::string> ByteLetters() {
  std::vector<std::string> letters;
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printed = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
    const int code = printed ? byte : next++;
    std::string letter;
    if (code < 128) {
      letter = static_cast<char>(code);
    } else {
      letter = {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
    }
    letters.push_back(letter);
  }
  return letters;
}

inline std::string TinyTokenizerJson() {
  using Json = nlohmann::json;
  Json vocab, merges = Json::array();
  for (const std::string& letter : ByteLetters()) vocab[letter] = vocab.size();
  const std::pair<const char*, const char*> pairs[] = {
      {"t", "h"}, {"th", "e"}, {"\xc4\xa0", "the"}, {"a", "n"}};
  for (const auto& [a, b] : pairs) {
    vocab[std::string(a) + b] = vocab.size();
    merges.push_back(std::string(a) + " " + b);
  }
  Json added = Json::array();
  for (const char* name : {"<|begin|>", "<|end|>"}) {
    added.push_back({{"id", vocab.size() + added.size()},
                     {"content", name},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const Json begin = {{"SpecialToken", {{"id", "<|begin|>"}, {"type_id", 0}}}};
  const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const Json root = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "ByteLevel"},
        {"add_prefix_space", false},
        {"trim_offsets", true},
        {"use_regex", true}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", {begin, text}},
        {"pair", {begin, text}},
        {"special_tokens",
         {{"<|begin|>", {{"id", "<|begin|>"}, {"ids", {260}}, {"tokens", {"<|begin|>"}}}}}}}},
      {"decoder",
       {{"type", "ByteLevel"},
        {"add_prefix_space", false},
        {"trim_offsets", true},
        {"use_regex", true}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"vocab", vocab},
        {"merges", merges}}}};
  return root.dump(1) + "\n";
}

}  // namespace strata::llm

#endif  // STRATA_LLM_CONVERT_TINY_TOKENIZER_H_
