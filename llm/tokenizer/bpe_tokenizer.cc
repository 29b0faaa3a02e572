#include "llm/tokenizer/bpe_tokenizer.h"

#include <utility>

#include "absl/hash/hash.h"
#include "llm/tokenizer/normalizer.h"

namespace strata::llm {
namespace {

constexpr size_t kLongestCachedPiece = 64;
constexpr size_t kCachedPiecesAShard = 8192;

bool InRange(int32_t id, const TokenizerSpec& spec) {
  return id >= 0 && static_cast<size_t>(id) < spec.tokens.size();
}

absl::Status CheckAddedToken(const AddedToken& token, const TokenizerSpec& spec) {
  if (token.content.empty()) return absl::InvalidArgumentError("content: is empty");
  if (!InRange(token.id, spec)) {
    return absl::InvalidArgumentError(
        absl::StrCat("id: ", token.id, " is outside the vocabulary of ", spec.tokens.size()));
  }
  if (spec.tokens[token.id].bytes != token.content) {
    return absl::InvalidArgumentError(
        absl::StrCat("id: ", token.id, " is '", spec.tokens[token.id].bytes,
                     "' in the vocabulary, not '", token.content, "'"));
  }
  return absl::OkStatus();
}

absl::Status CheckAdded(const TokenizerSpec& spec) {
  absl::flat_hash_map<std::string, size_t> seen;
  for (size_t i = 0; i < spec.added.size(); ++i) {
    STRATA_RETURN_IF_ERROR(
        Annotate(CheckAddedToken(spec.added[i], spec), absl::StrCat("added_tokens[", i, "]")));
    const auto [existing, added] = seen.try_emplace(spec.added[i].content, i);
    if (!added) {
      return absl::InvalidArgumentError(
          absl::StrCat("added_tokens[", i, "].content: '", spec.added[i].content,
                       "' is already added_tokens[", existing->second, "]"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckIds(const std::vector<int32_t>& ids, const TokenizerSpec& spec,
                      absl::string_view what) {
  for (int32_t id : ids) {
    if (!InRange(id, spec)) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": id ", id, " is outside the vocabulary of ", spec.tokens.size()));
    }
  }
  return absl::OkStatus();
}

std::vector<AddedToken> Select(const TokenizerSpec& spec, bool normalized, bool with_special) {
  std::vector<AddedToken> selected;
  for (AddedToken token : spec.added) {
    if (token.normalized != normalized || (token.special && !with_special)) continue;
    // The text is normalised by the time these are looked for: so is what is looked for.
    if (normalized) token.content = Normalize(token.content, spec.normalizers);
    selected.push_back(std::move(token));
  }
  return selected;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BpeTokenizer>> BpeTokenizer::Create(TokenizerSpec spec) {
  absl::StatusOr<BpeModel> model = BpeModel::Create(spec);
  STRATA_RETURN_IF_ERROR(Annotate(model.status(), "model"));
  STRATA_RETURN_IF_ERROR(CheckAdded(spec));
  STRATA_RETURN_IF_ERROR(CheckIds(spec.prefix, spec, "post_processor"));
  STRATA_RETURN_IF_ERROR(CheckIds(spec.suffix, spec, "post_processor"));
  if (spec.eos.has_value()) STRATA_RETURN_IF_ERROR(CheckIds({*spec.eos}, spec, "eos_token"));
  absl::StatusOr<PreTokenizer> pre_tokenizer = PreTokenizer::Create(spec.pre_tokenizer);
  STRATA_RETURN_IF_ERROR(Annotate(pre_tokenizer.status(), "pre_tokenizer"));
  return std::unique_ptr<BpeTokenizer>(
      new BpeTokenizer(std::move(spec), *std::move(model), *std::move(pre_tokenizer)));
}

BpeTokenizer::BpeTokenizer(TokenizerSpec spec, BpeModel model, PreTokenizer pre_tokenizer)
    : spec_(std::move(spec)),
      model_(std::move(model)),
      pre_tokenizer_(std::move(pre_tokenizer)),
      raw_(Select(spec_, false, true)),
      normalized_(Select(spec_, true, true)),
      ordinary_raw_(Select(spec_, false, false)),
      ordinary_normalized_(Select(spec_, true, false)),
      special_(spec_.tokens.size(), false) {
  for (const AddedToken& token : spec_.added) {
    added_ids_[token.content] = token.id;
    if (token.special) special_[token.id] = true;
  }
}

std::vector<int32_t> BpeTokenizer::Encode(absl::string_view text) const {
  return EncodeWith(text, true);
}

std::vector<int32_t> BpeTokenizer::EncodeOrdinary(absl::string_view text) const {
  return EncodeWith(text, false);
}

std::vector<int32_t> BpeTokenizer::EncodeWith(absl::string_view text, bool with_special) const {
  const AddedTokenMatcher& raw = with_special ? raw_ : ordinary_raw_;
  const AddedTokenMatcher& normalized = with_special ? normalized_ : ordinary_normalized_;
  std::vector<int32_t> ids;
  const auto on_token = [&](int32_t id) { ids.push_back(id); };
  const auto on_normalized = [&](absl::string_view part) { EncodeText(part, &ids); };
  raw.Split(
      text,
      [&](absl::string_view part) {
        if (spec_.normalizers.empty()) return normalized.Split(part, on_normalized, on_token);
        normalized.Split(Normalize(part, spec_.normalizers), on_normalized, on_token);
      },
      on_token);
  return ids;
}

void BpeTokenizer::EncodeText(absl::string_view text, std::vector<int32_t>* ids) const {
  pre_tokenizer_.ForEachPiece(text, [&](absl::string_view piece) { EncodePiece(piece, ids); });
}

void BpeTokenizer::EncodePiece(absl::string_view piece, std::vector<int32_t>* ids) const {
  if (piece.size() == 1 || piece.size() > kLongestCachedPiece) return model_.Encode(piece, ids);
  Shard& shard = cache_[(absl::Hash<absl::string_view>()(piece) >> 48) % cache_.size()];
  {
    absl::MutexLock lock(&shard.mutex);
    const auto cached = shard.pieces.find(piece);
    if (cached != shard.pieces.end()) {
      ids->insert(ids->end(), cached->second.begin(), cached->second.end());
      return;
    }
  }
  const size_t before = ids->size();
  model_.Encode(piece, ids);
  absl::MutexLock lock(&shard.mutex);
  if (shard.pieces.size() >= kCachedPiecesAShard) shard.pieces.clear();
  shard.pieces.try_emplace(std::string(piece), ids->begin() + before, ids->end());
}

std::string BpeTokenizer::Decode(absl::Span<const int32_t> ids) const {
  std::string text;
  for (int32_t id : ids) {
    if (InRange(id, spec_)) text += spec_.tokens[id].bytes;
  }
  return text;
}

std::string BpeTokenizer::TokenBytes(int32_t id) const {
  return InRange(id, spec_) ? spec_.tokens[id].bytes : "";
}

std::optional<int32_t> BpeTokenizer::TokenId(absl::string_view bytes) const {
  const auto added = added_ids_.find(bytes);
  if (added != added_ids_.end()) return added->second;
  return model_.Find(bytes);
}

std::optional<int32_t> BpeTokenizer::bos() const {
  if (spec_.prefix.empty()) return std::nullopt;
  return spec_.prefix.front();
}

bool BpeTokenizer::IsSpecial(int32_t id) const { return InRange(id, spec_) && special_[id]; }

}  // namespace strata::llm
