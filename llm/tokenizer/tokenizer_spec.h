// A tokenizer as plain data: what a tokenizer.json or a GGUF file's metadata says, in ids and bytes.
// TextTokenizer::Create() checks it; ParseTokenizerJson(), TokenizerFromGguf() and the trainers make
// it.
//
// The road of a text: added tokens are cut out -> normalizers -> pre-tokenizer steps -> model. The
// road back: decoder steps.
#ifndef STRATA_LLM_TOKENIZER_TOKENIZER_SPEC_H_
#define STRATA_LLM_TOKENIZER_TOKENIZER_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace strata::llm {

// One entry of the vocabulary.
struct Token {
  std::string bytes;  // as the model reads it: see TokenizerSpec::byte_level. Empty: nothing has
                      // this id
  bool literal =
      false;         // written in files as it is, not in GPT-2's alphabet; the model never makes
                     // it from text
  double score = 0;  // UnigramSpec, and BpeSpec with merge_by_score: the natural logarithm of a
                     // probability, or any order
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

// ---- Models: a piece of text -> ids ----

// Byte pair encoding: neighbours become one token, best merge first.
struct BpeSpec {
  std::vector<std::pair<int32_t, int32_t>>
      merges;                     // by rank, best first: two ids that become the id of their bytes
  bool merge_by_score = false;    // no merges: any two tokens that spell a token, best score first
                                  // (SentencePiece's own BPE)
  bool ignore_merges = false;     // a piece that is a token is taken whole
  bool fuse_unknown = false;      // a run of unknown characters is one token
  bool byte_fallback = false;     // an unknown character becomes the tokens <0x00> .. <0xFF> of its
                                  // bytes
  std::string continuing_prefix;  // before each character of a piece but the first
  std::string word_suffix;        // after the last character of a piece
};

// The most probable of all ways to spell a piece; tokens are independent.
struct UnigramSpec {
  bool fuse_unknown = true;
  bool byte_fallback = false;
};

// The longest token that fits, again and again; a piece that does not come out is unknown as a whole.
struct WordPieceSpec {
  std::string continuing_prefix = "##";  // before each token of a piece but the first
  int32_t max_characters = 100;          // longer pieces are unknown
};

// A piece is a token as it stands, or unknown.
struct WordLevelSpec {};

using ModelSpec = std::variant<BpeSpec, UnigramSpec, WordPieceSpec, WordLevelSpec>;

// ---- Normalizers: text -> text ----

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };

struct Lowercase {};
struct StripAccents {};  // drops marks (Mn, Mc, Me)

// White space at the ends.
struct StripSpace {
  bool left = true;
  bool right = true;
};

// Each match of the pattern becomes `content`. A decoder step too.
struct ReplaceText {
  std::string pattern;
  bool literal = true;  // pattern is a text, not a regular expression
  std::string content;
};

struct PrependText {
  std::string text;  // before every text that is not empty
};

// The precompiled character map of a SentencePiece model: u32 size of a double array trie, the trie,
// then texts that end in a zero byte.
struct CharacterMap {
  std::string bytes;
};

struct BertNormalization {
  bool clean_text = true;             // drops control characters; each white space becomes " "
  bool space_chinese = true;          // " " around each ideograph
  std::optional<bool> strip_accents;  // unset: as lowercase
  bool lowercase = true;
};

struct NmtNormalization {};  // drops control characters; odd spaces become " "

struct BytesToLetters {
};  // each byte becomes its letter of GPT-2's alphabet, as in PreTokenizerStep's
    // kByteLevel, but before the text is cut: tokens are texts of such letters

using Normalization =
    std::variant<UnicodeForm, Lowercase, StripAccents, StripSpace, ReplaceText, PrependText,
                 CharacterMap, BertNormalization, NmtNormalization, BytesToLetters>;

// ---- Pre-tokenizer: text -> pieces ----

// What becomes of the matches of a pattern when a text is split by it.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// When Metaspace puts its mark before a text: at each stretch between added tokens, at the start of
// the whole text only, or not at all.
enum class PrependScheme { kAlways, kFirst, kNever };

// One step that cuts a text into pieces; tokens never reach across a cut.
struct PreTokenizerStep {
  enum class Kind {
    kSplit,
    kByteLevel,
    kDigits,
    kPunctuation,
    kWhitespace,
    kWhitespaceSplit,
    kMetaspace,
    kBert,
  };
  Kind kind = Kind::kByteLevel;
  std::string pattern;   // kSplit
  bool literal = false;  // kSplit: pattern is a text, not a regular expression
  SplitBehavior behavior = SplitBehavior::kIsolated;  // kSplit, kPunctuation
  bool invert = false;                 // kSplit: the pattern finds the pieces, not the cuts
  bool individual_digits = false;      // kDigits: each digit alone
  bool add_prefix_space = false;       // kByteLevel
  bool use_regex = true;               // kByteLevel: also cut by GPT-2's pattern
  std::string replacement = "\u2581";  // kMetaspace: what a space becomes
  PrependScheme prepend_scheme = PrependScheme::kAlways;  // kMetaspace
  bool split = true;                                      // kMetaspace: also cut before each mark
};

// One of the kinds, all else as it is by default.
inline PreTokenizerStep PlainStep(PreTokenizerStep::Kind kind) {
  PreTokenizerStep step;
  step.kind = kind;
  return step;
}

// ---- Decoder: tokens -> text ----

struct DecodeByteFallback {};  // <0x0A> is a byte
struct DecodeFuse {};          // the steps after it see the text, not tokens

// Up to `start` and `stop` times the content off the ends: of each token, after DecodeFuse of the
// text (then start <= 1 and stop = 0).
struct DecodeStrip {
  std::string content = " ";
  int32_t start = 0;
  int32_t stop = 0;
};

struct DecodeMetaspace {
  std::string replacement = "\u2581";
  bool strip_first = true;  // the first token's marks become nothing
};

// A space before each token without the prefix.
struct DecodeWordPiece {
  std::string prefix = "##";
  bool cleanup = true;  // no space before punctuation and English contractions
};

// The suffix that ends a word (BpeSpec's word_suffix) becomes a space; in a text's last token nothing.
// A stream, which cannot know what is last, has that space too.
struct DecodeWordSuffix {
  std::string suffix = "</w>";
};

struct DecodeByteLetters {
};  // letters of GPT-2's alphabet become bytes; a token with anything else
    // stays

using DecoderStep =
    std::variant<DecodeByteFallback, DecodeFuse, DecodeStrip, ReplaceText, DecodeMetaspace,
                 DecodeWordPiece, DecodeWordSuffix, DecodeByteLetters>;

struct TokenizerSpec {
  std::vector<Token> tokens;  // by id
  // Tokens are any bytes, and pieces are cut into bytes; files spell them in GPT-2's alphabet. Only
  // with BpeSpec. Otherwise tokens are texts in UTF-8, and pieces are cut into characters.
  bool byte_level = true;
  ModelSpec model;
  std::optional<int32_t> unknown;  // for what has no token; without it that is dropped
  std::vector<AddedToken> added;
  std::vector<Normalization> normalizers;
  std::vector<PreTokenizerStep> pre_tokenizer;
  // Unless byte_level, where a token is its bytes. None: tokens with a space between them.
  std::vector<DecoderStep> decoders;
  std::vector<int32_t> prefix;  // what the model expects before and after each text
  std::vector<int32_t> suffix;
  std::optional<int32_t> eos;
};

// GPT-2's pattern: contractions, words, numbers, other signs (each with one leading space), and
// white space.
inline constexpr char kGpt2Pattern[] =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// That of Llama 3 and GPT-4: capitals in contractions, up to three digits, one sign before a word,
// ends of lines with the white space before them.
inline constexpr char kLlama3Pattern[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// That of Qwen 2: the same, but each digit alone.
inline constexpr char kQwen2Pattern[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

}  // namespace strata::llm

#endif  // STRATA_LLM_TOKENIZER_TOKENIZER_SPEC_H_
