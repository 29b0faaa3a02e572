#include "llm/tokenizer/normalizer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_replace.h"
#include "inference/engine/utf8.h"
#include "llm/tokenizer/byte_alphabet.h"
#include "llm/tokenizer/character_map.h"
#include "llm/tokenizer/code_point.h"
#include "llm/tokenizer/regex.h"
#include "llm/tokenizer/unicode_text.h"

namespace strata::llm {
namespace {

using Step = std::function<std::string(absl::string_view)>;

std::string Replace(const Regex& regex, absl::string_view text, const std::string& content) {
  std::string result;
  size_t done = 0;
  for (size_t start = 0; start <= text.size();) {
    const std::optional<TextRange> match = regex.Find(text, start);
    if (!match.has_value()) break;
    result.append(text.data() + done, match->begin - done);
    result += content;
    done = start = match->end;
    if (match->begin == match->end)
      start += start < text.size() ? inference::Utf8Scan(text.substr(start)).size : 1;
  }
  result.append(text.data() + done, text.size() - done);
  return result;
}

std::string Strip(absl::string_view text, const StripSpace& strip) {
  if (strip.left) text.remove_prefix(LeadingSpace(text));
  if (strip.right) text.remove_suffix(TrailingSpace(text));
  return std::string(text);
}

std::string Bert(absl::string_view text, const BertNormalization& bert) {
  std::string result(text);
  if (bert.clean_text) result = CleanText(result);
  if (bert.space_chinese) result = SpaceIdeographs(result);
  if (bert.strip_accents.value_or(bert.lowercase))
    result = DropNonspacingMarks(ToForm(result, UnicodeForm::kNfd));
  if (bert.lowercase) result = ToLowercase(result);
  return result;
}

struct MakeStep {
  absl::StatusOr<Step> operator()(UnicodeForm form) const {
    return Step([form](absl::string_view text) { return ToForm(text, form); });
  }
  absl::StatusOr<Step> operator()(const Lowercase&) const { return Step(ToLowercase); }
  absl::StatusOr<Step> operator()(const StripAccents&) const { return Step(DropMarks); }
  absl::StatusOr<Step> operator()(const StripSpace& strip) const {
    return Step([strip](absl::string_view text) { return Strip(text, strip); });
  }
  absl::StatusOr<Step> operator()(const ReplaceText& replace) const {
    return MakeReplacer(replace);
  }
  absl::StatusOr<Step> operator()(const PrependText& prepend) const {
    return Step([text = prepend.text](absl::string_view rest) {
      return rest.empty() ? std::string() : absl::StrCat(text, rest);
    });
  }
  absl::StatusOr<Step> operator()(const CharacterMap& map) const {
    STRATA_ASSIGN_OR_RETURN(CharacterMapper made, CharacterMapper::Create(map.bytes));
    auto mapper = std::make_shared<const CharacterMapper>(std::move(made));
    return Step([mapper](absl::string_view text) { return mapper->Map(text); });
  }
  absl::StatusOr<Step> operator()(const BertNormalization& bert) const {
    return Step([bert](absl::string_view text) { return Bert(text, bert); });
  }
  absl::StatusOr<Step> operator()(const NmtNormalization&) const { return Step(CleanForNmt); }
  absl::StatusOr<Step> operator()(const BytesToLetters&) const { return Step(BytesToAlphabet); }
};

}  // namespace

absl::StatusOr<std::function<std::string(absl::string_view)>> MakeReplacer(
    const ReplaceText& replace) {
  if (replace.literal) {
    if (replace.pattern.empty()) return absl::InvalidArgumentError("pattern: is empty");
    return Step([replace](absl::string_view text) {
      return absl::StrReplaceAll(text, {{replace.pattern, replace.content}});
    });
  }
  absl::StatusOr<Regex> regex = Regex::Compile(replace.pattern);
  STRATA_RETURN_IF_ERROR(Annotate(regex.status(), "pattern"));
  return Step([regex = *std::move(regex), content = replace.content](absl::string_view text) {
    return MapValid(text, [&](absl::string_view valid) { return Replace(regex, valid, content); });
  });
}

absl::StatusOr<Normalizer> Normalizer::Create(const std::vector<Normalization>& steps) {
  Normalizer normalizer;
  for (size_t i = 0; i < steps.size(); ++i) {
    absl::StatusOr<Step> step = std::visit(MakeStep(), steps[i]);
    STRATA_RETURN_IF_ERROR(Annotate(step.status(), absl::StrCat("[", i, "]")));
    normalizer.steps_.push_back(*std::move(step));
  }
  return normalizer;
}

std::string Normalizer::Normalize(absl::string_view text) const {
  std::string result(text);
  for (const Step& step : steps_) result = step(result);
  return result;
}

}  // namespace strata::llm
