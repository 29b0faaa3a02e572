#include "inference/server/prompt_encoder.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace strata::inference {

PromptEncoder::PromptEncoder(const Tokenizer* tokenizer) : tokenizer_(tokenizer) {
  for (int32_t id = 0; id < tokenizer->vocab_size(); ++id) {
    if (!tokenizer->IsSpecial(id)) continue;
    std::string text = tokenizer->TokenBytes(id);
    if (text.empty()) continue;
    const std::vector<int32_t> alone = {id};
    const bool takes_before = tokenizer->Encode(absl::StrCat(" \n", text)) == alone;
    const bool takes_after = tokenizer->Encode(absl::StrCat(text, " \n")) == alone;
    specials_[static_cast<unsigned char>(text[0])].push_back(
        {std::move(text), id, takes_before, takes_after});
  }
  for (std::vector<Special>& specials : specials_) {
    std::stable_sort(specials.begin(), specials.end(), [](const Special& a, const Special& b) {
      return a.text.size() > b.text.size();
    });
  }
}

const PromptEncoder::Special* PromptEncoder::Match(const std::string& bytes, size_t at,
                                                   size_t end) const {
  for (const Special& special : specials_[static_cast<unsigned char>(bytes[at])]) {
    const size_t size = special.text.size();
    if (size <= end - at && bytes.compare(at, size, special.text) == 0) return &special;
  }
  return nullptr;
}

std::vector<int32_t> PromptEncoder::Encode(const jinja::Text& text) const {
  const std::string& bytes = text.bytes();
  std::vector<int32_t> ids;
  size_t plain = 0;  // where what is not encoded yet begins
  const auto flush = [&](size_t end) {
    if (end <= plain) return;
    const std::vector<int32_t> part =
        tokenizer_->EncodeOrdinary(absl::string_view(bytes).substr(plain, end - plain));
    ids.insert(ids.end(), part.begin(), part.end());
  };
  size_t begin = 0;
  for (const jinja::Text::Run& run : text.runs()) {
    for (size_t at = std::max(begin, plain);
         at < run.end && run.origin == jinja::Origin::kTemplate;) {
      const Special* special = Match(bytes, at, run.end);
      if (special == nullptr) {
        ++at;
        continue;
      }
      size_t end = at, next = at + special->text.size();
      while (special->takes_before && end > plain && absl::ascii_isspace(bytes[end - 1])) --end;
      while (special->takes_after && next < bytes.size() && absl::ascii_isspace(bytes[next]))
        ++next;
      flush(end);
      ids.push_back(special->id);
      at = plain = next;
    }
    begin = run.end;
  }
  flush(bytes.size());
  return ids;
}

std::optional<int32_t> PromptEncoder::SpecialAfter(const jinja::Text& text, size_t from) const {
  const std::string& bytes = text.bytes();
  while (from < bytes.size() && absl::ascii_isspace(bytes[from])) ++from;
  for (const jinja::Text::Run& run : text.runs()) {
    if (from >= run.end) continue;
    if (run.origin != jinja::Origin::kTemplate) return std::nullopt;
    const Special* special = Match(bytes, from, run.end);
    if (special == nullptr) return std::nullopt;
    return special->id;
  }
  return std::nullopt;
}

}  // namespace strata::inference
