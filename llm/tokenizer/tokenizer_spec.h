// A byte-level BPE tokenizer as plain data: what a tokenizer.json says, in ids and bytes instead of
// JSON. BpeTokenizer::Create() checks it; ParseTokenizerJson() and BpeTrainer make it.
#ifndef STRATA_LLM_TOKENIZER_TOKENIZER_SPEC_H_
#define STRATA_LLM_TOKENIZER_TOKENIZER_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace strata::llm {

// One entry of the vocabulary.
struct Token {
  std::string bytes;  // empty: nothing has this id
  // Written in files as it is, not in GPT-2's byte alphabet; the model never makes it.
  bool literal = false;
};

// A token found in the text before anything else is done to it.
struct AddedToken {
  int32_t id = 0;
  std::string content;       // never empty; unique
  bool single_word = false;  // only between non-word characters
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // takes the white space after it along
  bool normalized = false;   // looked for after normalisation instead of before
  bool special = true;       // a control mark and no text
  bool in_vocab = true;      // listed in the model's vocabulary too
};

enum class Normalization { kNfc, kNfd, kNfkc, kNfkd };

// What becomes of the matches of a pattern when a text is split by it.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// One step that cuts a text into pieces; merges never reach across a cut.
struct PreTokenizerStep {
  enum class Kind { kSplit, kByteLevel, kDigits, kPunctuation, kWhitespace, kWhitespaceSplit };
  Kind kind = Kind::kByteLevel;
  std::string pattern;   // kSplit
  bool literal = false;  // kSplit: pattern is a text, not a regular expression
  SplitBehavior behavior = SplitBehavior::kIsolated;  // kSplit, kPunctuation
  bool invert = false;             // kSplit: the pattern finds the pieces, not the cuts
  bool individual_digits = false;  // kDigits: each digit alone
  bool add_prefix_space = false;   // kByteLevel
  bool use_regex = true;           // kByteLevel: also cut by GPT-2's pattern
};

struct TokenizerSpec {
  std::vector<Token> tokens;  // by id
  std::vector<std::pair<int32_t, int32_t>>
      merges;                      // by rank, best first: two ids that become the id of their bytes
  bool ignore_merges = false;      // a piece that is a token is taken whole
  std::optional<int32_t> unknown;  // for bytes without a token; without it they are dropped
  bool fuse_unknown = false;       // a run of unknown bytes is one token
  std::vector<AddedToken> added;
  std::vector<Normalization> normalizers;
  std::vector<PreTokenizerStep> pre_tokenizer;
  std::vector<int32_t> prefix;  // what the model expects before and after each text
  std::vector<int32_t> suffix;
  std::optional<int32_t> eos;
};

// GPT-2's pattern: contractions, words, numbers, other signs (each with one leading space), and
// white space.
inline constexpr char kGpt2Pattern[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_TOKENIZER_SPEC_H_
