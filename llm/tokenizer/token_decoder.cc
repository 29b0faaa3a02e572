#include "llm/tokenizer/token_decoder.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/normalizer.h"
#include "llm/tokenizer/vocabulary.h"

namespace strata::llm {
namespace {

std::string StripEnds(absl::string_view text, const DecodeStrip& strip) {
  for (int32_t i = 0; i < strip.start && absl::StartsWith(text, strip.content); ++i)
    text.remove_prefix(strip.content.size());
  for (int32_t i = 0; i < strip.stop && absl::EndsWith(text, strip.content); ++i)
    text.remove_suffix(strip.content.size());
  return std::string(text);
}

// English as it is written: no space before signs and the tails of contractions.
std::string CleanUp(std::string text) {
  static constexpr std::pair<const char*, const char*> kRules[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) text = absl::StrReplaceAll(text, {{from, to}});
  return text;
}

std::string JoinWordPiece(absl::string_view text, bool first, const DecodeWordPiece& step) {
  std::string result(text);
  if (!first) {
    result = absl::StartsWith(text, step.prefix) ? std::string(text.substr(step.prefix.size()))
                                                 : absl::StrCat(" ", text);
  }
  return step.cleanup ? CleanUp(std::move(result)) : result;
}

std::string ByteOrText(absl::string_view text) {
  const std::optional<uint8_t> byte = ParseByteToken(text);
  return byte.has_value() ? std::string(1, static_cast<char>(*byte)) : std::string(text);
}

}  // namespace

absl::Status TokenDecoder::AddStep(const DecoderStep& step, bool fused) {
  const auto refused = [](absl::string_view what) {
    return absl::UnimplementedError(
        absl::StrCat(what,
                     " after Fuse needs the whole text; only Strip with start <= 1 and stop "
                     "0, and Replace of one character"));
  };
  if (const auto* strip = std::get_if<DecodeStrip>(&step)) {
    if (strip->content.empty()) return absl::InvalidArgumentError("content: is empty");
    if (fused && (strip->start > 1 || strip->stop > 0)) return refused("Strip");
    text_steps_.push_back([strip = *strip, fused](absl::string_view text, Place place) {
      return fused && !place.first ? std::string(text) : StripEnds(text, strip);
    });
  } else if (const auto* replace = std::get_if<ReplaceText>(&step)) {
    STRATA_ASSIGN_OR_RETURN(auto replacer, MakeReplacer(*replace));
    const bool one_character =
        replace->literal && CharacterSize(replace->pattern) == replace->pattern.size();
    if (fused && !one_character) return refused("Replace");
    text_steps_.push_back([replacer](absl::string_view text, Place) { return replacer(text); });
  } else if (std::holds_alternative<DecodeByteFallback>(step)) {
    if (fused) return refused("ByteFallback");
    text_steps_.push_back([](absl::string_view text, Place) { return ByteOrText(text); });
  } else if (const auto* metaspace = std::get_if<DecodeMetaspace>(&step)) {
    if (fused) return refused("Metaspace");
    if (metaspace->replacement.empty()) return absl::InvalidArgumentError("replacement: is empty");
    text_steps_.push_back([metaspace = *metaspace](absl::string_view text, Place place) {
      const char* space = place.first && metaspace.strip_first ? "" : " ";
      return absl::StrReplaceAll(text, {{metaspace.replacement, space}});
    });
  } else if (const auto* wordpiece = std::get_if<DecodeWordPiece>(&step)) {
    if (fused) return refused("WordPiece");
    joint_steps_.push_back([wordpiece = *wordpiece](absl::string_view text, Place place) {
      return JoinWordPiece(text, place.first, wordpiece);
    });
  } else if (const auto* word = std::get_if<DecodeWordSuffix>(&step)) {
    if (fused) return refused("BPEDecoder");
    if (word->suffix.empty()) return absl::InvalidArgumentError("suffix: is empty");
    text_steps_.push_back([suffix = word->suffix](absl::string_view text, Place place) {
      return absl::StrReplaceAll(text, {{suffix, place.last ? "" : " "}});
    });
  } else if (std::holds_alternative<DecodeByteLetters>(step)) {
    if (fused) return refused("ByteLevel");
    text_steps_.push_back([](absl::string_view text, Place) {
      return AlphabetToBytes(text).value_or(std::string(text));
    });
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenDecoder> TokenDecoder::Create(const TokenizerSpec& spec) {
  TokenDecoder decoder;
  bool fused = false;
  for (size_t i = 0; i < spec.decoders.size(); ++i) {
    STRATA_RETURN_IF_ERROR(
        Annotate(decoder.AddStep(spec.decoders[i], fused), absl::StrCat("[", i, "]")));
    fused |= std::holds_alternative<DecodeFuse>(spec.decoders[i]);
  }
  if (!spec.byte_level && spec.decoders.empty()) {
    decoder.joint_steps_.push_back([](absl::string_view text, Place place) {
      return absl::StrCat(place.first || text.empty() ? "" : " ", text);
    });
  }
  decoder.special_.assign(spec.tokens.size(), false);
  for (const AddedToken& token : spec.added) decoder.special_[token.id] = token.special;
  for (const Token& token : spec.tokens) decoder.raw_.push_back(token.bytes);
  for (size_t id = 0; id < spec.tokens.size(); ++id)
    decoder.middle_.push_back(decoder.Spell(static_cast<int32_t>(id), {}));
  if (decoder.text_steps_.empty() && decoder.joint_steps_.empty()) decoder.raw_.clear();
  return decoder;
}

std::string TokenDecoder::First(int32_t id) const {
  return raw_.empty() ? middle_[id] : Spell(id, {.first = true});
}

std::string TokenDecoder::Last(int32_t id, bool first) const {
  return raw_.empty() ? middle_[id] : Spell(id, {first, true});
}

std::string TokenDecoder::Spell(int32_t id, Place place) const {
  std::string text = raw_[id];
  if (text.empty()) return text;
  if (!special_[id]) {
    for (const Step& step : text_steps_) text = step(text, place);
  }
  for (const Step& step : joint_steps_) text = step(text, place);
  return text;
}

}  // namespace strata::llm
