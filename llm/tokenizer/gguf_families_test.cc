// The families that `strata convert` knows: how each one's tokenizer.json cuts a text, which name
// GGUF has for that, and that a tokenizer cuts and spells alike on both sides.
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/engine/utf8.h"
#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/gguf_metadata.h"
#include "llm/tokenizer/pre_tokenizer.h"
#include "llm/tokenizer/text_tokenizer.h"
#include "llm/tokenizer/tokenizer_json.h"
#include "nlohmann/json.hpp"

namespace strata::llm {
namespace {

using Json = nlohmann::json;
using Pieces = std::vector<std::string>;

struct Family {
  const char* name;
  bool byte_level;  // else SentencePiece's BPE
  bool ignore_merges;
  const char* normalizer;
  const char* pre_tokenizer;
  const char* decoder;
  const char* pre;   // tokenizer.ggml.pre
  Pieces hand_made;  // of kHandText

  // Whether GGUF's words give the text's very ids. Not so of NFC, which they lack, and of a mark before a text, which
  // Metaspace leaves out before a space and after bad bytes.
  bool SaysAll(const std::string& text) const {
    if (normalizer == std::string(R"({"type": "NFC"})")) return false;
    const bool metaspace = std::string(pre_tokenizer).find("Metaspace") != std::string::npos;
    return !metaspace ||
           (!text.starts_with(" ") && inference::ValidUtf8Prefix(text) == text.size());
  }
};

// DeepSeek-V2's list of cased letters.
constexpr char kCasedLetters[] =
    "A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-"
    "\u02AF\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1"
    "\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-"
    "\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15"
    "\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D"
    "\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB"
    "\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D"
    "\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E\u2183"
    "\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B"
    "\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-"
    "\uFF3A\uFF41-\uFF5A\U00010400-\U0001044F\U000104B0-\U000104D3\U000104D8-\U000104FB"
    "\U00010C80-\U00010CB2\U00010CC0-\U00010CF2\U000118A0-\U000118DF\U0001E900-\U0001E943";

constexpr char kHandText[] = "I'LL payUp 12345 \u4E2D\u6587!\n\n  end";

constexpr char kBytes[] =
    R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false})";
constexpr char kFromBytes[] = R"({"type": "ByteLevel"})";
constexpr char kFromMarks[] =
    R"({"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})";
constexpr char kLlamaMarks[] =
    R"({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})";

// {"type": "Sequence"} of isolating patterns, then bytes; "digits" is a step Digits.
std::string Cuts(const Pieces& patterns) {
  Json steps = Json::array();
  for (const std::string& pattern : patterns) {
    steps.push_back(pattern == "digits" ? Json{{"type", "Digits"}, {"individual_digits", true}}
                                        : Json{{"type", "Split"},
                                               {"pattern", {{"Regex", pattern}}},
                                               {"behavior", "Isolated"},
                                               {"invert", false}});
  }
  steps.push_back(Json::parse(kBytes));
  return Json{{"type", "Sequence"}, {"pretokenizers", steps}}.dump();
}

const std::string& Keep(std::string text) {
  static auto* const kept = new std::vector<std::unique_ptr<std::string>>();
  kept->push_back(std::make_unique<std::string>(std::move(text)));
  return *kept->back();
}

std::vector<Family> Families() {
  const auto bytes = [](const char* name, const Pieces& patterns, bool ignore_merges,
                        const char* pre, Pieces pieces) {
    const bool qwen = std::string(pre) == "qwen2";
    return Family{name,
                  true,
                  ignore_merges,
                  qwen ? R"({"type": "NFC"})" : "null",
                  patterns.empty() ? R"({"type": "ByteLevel", "add_prefix_space": false})"
                                   : Keep(Cuts(patterns)).c_str(),
                  kFromBytes,
                  pre,
                  std::move(pieces)};
  };
  const char tekken[] =
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const char deepseek_v3[] =
      R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const auto marks = [](const char* name, const char* normalizer, const char* pre_tokenizer) {
    return Family{name, false, false, normalizer, pre_tokenizer, kFromMarks, "default", {}};
  };
  return {
      bytes("gpt2", {}, false, "gpt-2",
            {"I", "'", "LL", " payUp", " 12345", " 中文", "!", "\n\n ", " end"}),
      bytes("llama3", {kLlama3Pattern}, true, "llama-bpe",
            {"I", "'LL", " payUp", " ", "123", "45", " 中文", "!\n\n", " ", " end"}),
      bytes("qwen2_and_3", {kQwen2Pattern}, false, "qwen2",
            {"I", "'LL", " payUp", " ", "1", "2", "3", "4", "5", " 中文", "!\n\n", " ", " end"}),
      bytes(
          "mistral_nemo_tekken", {tekken}, true, "tekken",
          {"I", "'LL", " pay", "Up", " ", "1", "2", "3", "4", "5", " 中文", "!\n\n", " ", " end"}),
      bytes("deepseek_v2",
            {"[\r\n]", "\\s?[" + std::string(kCasedLetters) + "]+",
             "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", "\\s+$", "[一-龥\u0800-一\uAC00-\uD7FF]+",
             "digits"},
            false, "deepseek-llm",
            {"I", "'", "LL", " payUp", " ", "1", "2", "3", "4", "5", " ", "中文", "!", "\n", "\n",
             " ", " end"}),
      bytes("deepseek_v3", {R"(\p{N}{1,3})", "[一-龥\u3040-ゟ゠-ヿ]+", deepseek_v3}, false,
            "deepseek-v3",
            {"I", "'LL", " payUp", " ", "123", "45", " ", "中文", "!\n\n", " ", " end"}),
      marks("llama2_mistral_mixtral_phi3", kLlamaMarks, "null"),
      marks(
          "mistral_v3", "null",
          R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false})"),
      marks(
          "gemma", R"({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})",
          R"({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false})"),
  };
}

// A tokenizer.json of the family with a few merges.
std::string FileOf(const Family& family) {
  Json vocab = Json::object(), merges = Json::array();
  const auto token = [&](const std::string& text) { vocab[text] = vocab.size(); };
  const std::string space = family.byte_level ? BytesToAlphabet(" ") : "▁";
  if (family.byte_level) {
    for (const uint8_t byte : AlphabetOrder())
      token(BytesToAlphabet(std::string(1, static_cast<char>(byte))));
  } else {
    token("<unk>");
    for (int byte = 0; byte < 256; ++byte) token(absl::StrFormat("<0x%02X>", byte));
    for (const char* text : {"▁", "a", "e", "n", "d", "p", "y", "1", "2", "!", "'"}) token(text);
  }
  const auto merge = [&](const std::string& left, const std::string& right) {
    token(left + right);
    merges.push_back({left, right});
  };
  merge("e", "n");
  merge("en", "d");
  merge("p", "a");
  merge("1", "2");
  merge(space, "pa");
  Json added = Json::array();
  for (const char* text : {"<s>", "<|end|>"})
    added.push_back({{"id", vocab.size() + added.size()}, {"content", text}, {"special", true}});
  Json model = {{"type", "BPE"},
                {"byte_fallback", !family.byte_level},
                {"fuse_unk", !family.byte_level},
                {"ignore_merges", family.ignore_merges},
                {"vocab", vocab},
                {"merges", merges}};
  if (!family.byte_level) model["unk_token"] = "<unk>";
  return Json{{"added_tokens", added},
              {"normalizer", Json::parse(family.normalizer)},
              {"pre_tokenizer", Json::parse(family.pre_tokenizer)},
              {"decoder", Json::parse(family.decoder)},
              {"model", model}}
      .dump();
}

Pieces PiecesOf(const TextTokenizer& tokenizer, const std::string& text) {
  Pieces pieces;
  const absl::StatusOr<PreTokenizer> cut = PreTokenizer::Create(tokenizer.spec().pre_tokenizer);
  EXPECT_OK(cut.status());
  cut->ForEachPiece(text, [&](absl::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

const Pieces& TrickyTexts() {
  static const auto* const texts = new Pieces{
      kHandText,
      "",
      " ",
      "  lead",
      "tail  ",
      "a\tb\r\n\r\n c",
      "we've WE'VE it's IT'S l'\u00E9t\u00E9",
      "1 12 123 1234 \u0661\u0662\u0663 \u00BD \u2167",
      "snake_case camelCase HTTPServer x+=1; // y\n/",
      "e\u0301\u0301 \u0915\u094D\u0937\u093F \u1E9E \u01C5",
      "\u3053\u3093\u306B\u3061\u306F\u4E16\u754C\u30C6\u30B9\u30C8 \uD55C\uAD6D\uC5B4",
      "\U0001F468\u200D\U0001F469\u200D\U0001F467 \U0001F1E9\U0001F1EA!!?",
      "\u00A0\u2003x\u3000y\u200B\uFEFF",
      "<|end|> <s>x<|end|>\n",
      "\u10D0\u10D1 \u0430\u0411\u0432 \u03A3\u03C3\u03C2",
      "!?.,'\"\u2018\u2019\u3002\uFF01 $5 \u20AC7",
  };
  return *texts;
}

class FamilyTest : public testing::TestWithParam<Family> {};

TEST_P(FamilyTest, CutsAndSpellsAlikeOnBothSides) {
  const Family& family = GetParam();
  STRATA_ASSERT_OK_AND_ASSIGN(TokenizerSpec spec, ParseTokenizerJson(FileOf(family)));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto before, TextTokenizer::Create(std::move(spec)));
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufTokenizer said, GgufFromTokenizer(before->spec()));
  EXPECT_EQ(said.model, family.byte_level ? "gpt2" : "llama");
  EXPECT_EQ(said.pre, family.pre);
  STRATA_ASSERT_OK_AND_ASSIGN(const GgufTokenizer read, GgufTokenizerOf(GgufEntriesOf(said)));
  STRATA_ASSERT_OK_AND_ASSIGN(spec, TokenizerFromGguf(read));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto after, TextTokenizer::Create(std::move(spec)));
  if (family.byte_level) {
    EXPECT_EQ(PiecesOf(*before, kHandText), family.hand_made);
  }
  std::mt19937 random(3);
  Pieces texts = TrickyTexts();
  for (int round = 0; round < 60; ++round) {
    std::string text;  // stretches of the texts, cut anywhere: also inside a character
    for (int part = 0; part < 4; ++part) {
      const std::string& from = TrickyTexts()[random() % TrickyTexts().size()];
      text += from.substr(random() % (from.size() + 1), random() % 12);
    }
    texts.push_back(text);
  }
  for (const std::string& text : texts) {
    if (family.byte_level) {
      EXPECT_EQ(PiecesOf(*after, text), PiecesOf(*before, text)) << text;
    }
    if (family.SaysAll(text)) {
      EXPECT_EQ(after->EncodeOrdinary(text), before->EncodeOrdinary(text)) << text;
    }
  }
  for (const char* text : {kHandText, "pa end", "end<|end|>pay 12"}) {
    const std::vector<int32_t> ids = before->Encode(text);
    const bool first_only = std::string(family.pre_tokenizer).find("first") != std::string::npos;
    if (!first_only) {
      EXPECT_EQ(after->Encode(text), ids) << text;
    }
    if (family.byte_level) {
      EXPECT_EQ(after->Decode(ids), text);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, FamilyTest, testing::ValuesIn(Families()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace strata::llm
