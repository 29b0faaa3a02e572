#include "llm/tokenizer/text_tokenizer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "llm/tokenizer/make_model.h"
#include "llm/tokenizer/spec_check.h"

namespace strata::llm {
namespace {

constexpr size_t kCachesKept = 8;

std::vector<AddedToken> Select(const TokenizerSpec& spec, const Normalizer& normalizer,
                               bool normalized, bool with_special) {
  std::vector<AddedToken> selected;
  for (AddedToken token : spec.added) {
    if (token.normalized != normalized || (token.special && !with_special)) continue;
    // The text is normalised by the time these are looked for: so is what is looked for.
    if (normalized) token.content = normalizer.Normalize(token.content);
    if (!token.content.empty()) selected.push_back(std::move(token));
  }
  return selected;
}

// Those looked for in the text as it is: special tokens all, of others those not to be normalised.
std::vector<AddedToken> SelectRaw(const TokenizerSpec& spec) {
  std::vector<AddedToken> selected;
  for (const AddedToken& token : spec.added) {
    if (token.special || !token.normalized) selected.push_back(token);
  }
  return selected;
}

// Whether one of the ranges, in order, holds all of [begin, begin + size).
bool IsInside(const std::vector<std::pair<size_t, size_t>>& ranges, size_t begin, size_t size) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), begin,
      [](size_t at, const std::pair<size_t, size_t>& range) { return at < range.first; });
  return after != ranges.begin() && begin + size <= std::prev(after)->second;
}

// Cuts before each mark that has another character before it.
void CutAtMarks(absl::string_view piece, absl::string_view mark, PieceSink sink) {
  size_t begin = 0;
  for (size_t at = piece.find(mark, 1); at != absl::string_view::npos;
       at = piece.find(mark, at + mark.size())) {
    if (absl::EndsWith(piece.substr(0, at), mark)) continue;
    sink(piece.substr(begin, at - begin));
    begin = at;
  }
  sink(piece.substr(begin));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextTokenizer>> TextTokenizer::Create(TokenizerSpec spec) {
  Parts parts;
  const auto make = [](auto made, const char* name, auto* part) {
    if (made.ok()) *part = *std::move(made);
    return Annotate(made.status(), name);
  };
  STRATA_RETURN_IF_ERROR(make(MakeTokenizerModel(spec), "model", &parts.model));
  STRATA_RETURN_IF_ERROR(CheckAddedTokensAndIds(spec));
  STRATA_RETURN_IF_ERROR(
      make(Normalizer::Create(spec.normalizers), "normalizer", &parts.normalizer));
  STRATA_RETURN_IF_ERROR(
      make(PreTokenizer::Create(spec.pre_tokenizer), "pre_tokenizer", &parts.pre_tokenizer));
  STRATA_RETURN_IF_ERROR(make(TokenDecoder::Create(spec), "decoder", &parts.decoder));
  return std::unique_ptr<TextTokenizer>(new TextTokenizer(std::move(spec), std::move(parts)));
}

TextTokenizer::TextTokenizer(TokenizerSpec spec, Parts parts)
    : spec_(std::move(spec)),
      parts_(std::move(parts)),
      raw_(Select(spec_, parts_.normalizer, false, true)),
      normalized_(Select(spec_, parts_.normalizer, true, true)),
      ordinary_raw_(Select(spec_, parts_.normalizer, false, false)),
      ordinary_normalized_(Select(spec_, parts_.normalizer, true, false)),
      all_raw_(SelectRaw(spec_)),
      special_(spec_.tokens.size(), false) {
  for (const AddedToken& token : spec_.added) {
    added_ids_[token.content] = token.id;
    if (token.special) special_[token.id] = true;
  }
}

std::vector<int32_t> TextTokenizer::Encode(absl::string_view text) const {
  return EncodeWith(text, raw_, normalized_, [](const AddedToken&, size_t) { return true; });
}

std::vector<int32_t> TextTokenizer::EncodeOrdinary(absl::string_view text) const {
  return EncodeWith(text, ordinary_raw_, ordinary_normalized_,
                    [](const AddedToken&, size_t) { return true; });
}

std::vector<int32_t> TextTokenizer::EncodeParts(absl::Span<const inference::TextPart> parts) const {
  std::string text;
  std::vector<std::pair<size_t, size_t>> trusted;
  for (const inference::TextPart& part : parts) {
    if (part.trusted) trusted.emplace_back(text.size(), text.size() + part.text.size());
    text.append(part.text.data(), part.text.size());
  }
  return EncodeWith(text, all_raw_, ordinary_normalized_,
                    [&](const AddedToken& token, size_t begin) {
                      return !token.special || IsInside(trusted, begin, token.content.size());
                    });
}

std::vector<int32_t> TextTokenizer::EncodeWith(absl::string_view text, const AddedTokenMatcher& raw,
                                               const AddedTokenMatcher& normalized,
                                               AddedTokenMatcher::Filter accept) const {
  std::unique_ptr<PieceCache> cache = TakeCache();
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 8);
  bool first = true;  // nothing of the text has been passed
  const auto on_token = [&](int32_t id) {
    ids.push_back(id);
    first = false;
  };
  const auto on_normalized = [&](absl::string_view part) {
    EncodeText(part, first, cache.get(), &ids);
    first = false;
  };
  raw.Split(
      text,
      [&](absl::string_view part) {
        if (parts_.normalizer.empty()) return normalized.Split(part, on_normalized, on_token);
        normalized.Split(parts_.normalizer.Normalize(part), on_normalized, on_token);
        first = false;
      },
      on_token, accept);
  GiveBack(std::move(cache));
  return ids;
}

void TextTokenizer::EncodeText(absl::string_view text, bool first, PieceCache* cache,
                               std::vector<int32_t>* ids) const {
  const absl::string_view mark = parts_.model->WordMark();
  parts_.pre_tokenizer.ForEachPiece(text, first, [&](absl::string_view piece) {
    if (mark.empty()) return EncodePiece(piece, cache, ids);
    CutAtMarks(piece, mark, [&](absl::string_view word) { EncodePiece(word, cache, ids); });
  });
}

void TextTokenizer::EncodePiece(absl::string_view piece, PieceCache* cache,
                                std::vector<int32_t>* ids) const {
  if (piece.size() > PieceCache::kLongestPiece) return parts_.model->Encode(piece, ids);
  const PieceCache::Key key = PieceCache::KeyOf(piece);
  if (cache->Find(key, ids)) return;
  const size_t before = ids->size();
  parts_.model->Encode(piece, ids);
  cache->Store(key, absl::MakeConstSpan(*ids).subspan(before));
}

std::unique_ptr<PieceCache> TextTokenizer::TakeCache() const {
  {
    absl::MutexLock lock(&mutex_);
    if (!caches_.empty()) {
      std::unique_ptr<PieceCache> cache = std::move(caches_.back());
      caches_.pop_back();
      return cache;
    }
  }
  return std::make_unique<PieceCache>();
}

void TextTokenizer::GiveBack(std::unique_ptr<PieceCache> cache) const {
  absl::MutexLock lock(&mutex_);
  if (caches_.size() < kCachesKept) caches_.push_back(std::move(cache));
}

std::string TextTokenizer::Decode(absl::Span<const int32_t> ids) const {
  std::string text;
  bool first = true;
  for (size_t i = 0; i < ids.size(); ++i) {
    const int32_t id = ids[i];
    if (id < 0 || id >= vocab_size()) continue;
    const std::string& middle = parts_.decoder.Middle(id);
    if (i + 1 == ids.size()) {
      text += parts_.decoder.Last(id, first);
    } else {
      text += first ? parts_.decoder.First(id) : middle;
    }
    first &= middle.empty();
  }
  return text;
}

std::string TextTokenizer::TokenBytes(int32_t id) const {
  return id >= 0 && id < vocab_size() ? parts_.decoder.Middle(id) : "";
}

std::string TextTokenizer::FirstTokenBytes(int32_t id) const {
  return id >= 0 && id < vocab_size() ? parts_.decoder.First(id) : "";
}

std::optional<int32_t> TextTokenizer::TokenId(absl::string_view bytes) const {
  const auto added = added_ids_.find(bytes);
  if (added != added_ids_.end()) return added->second;
  if (const std::optional<int32_t> id = parts_.model->Find(bytes); id.has_value()) return id;
  if (spec_.byte_level || bytes.empty()) return std::nullopt;
  for (int32_t id = 0; id < vocab_size(); ++id) {
    if (parts_.decoder.Middle(id) == bytes) return id;
  }
  return std::nullopt;
}

std::optional<int32_t> TextTokenizer::bos() const {
  if (spec_.prefix.empty()) return std::nullopt;
  return spec_.prefix.front();
}

bool TextTokenizer::IsSpecial(int32_t id) const {
  return id >= 0 && id < vocab_size() && special_[id];
}

}  // namespace strata::llm
