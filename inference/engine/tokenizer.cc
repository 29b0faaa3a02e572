#include "inference/engine/tokenizer.h"

#include "inference/engine/utf8.h"

namespace strata::inference {
namespace {

// Size of the prefix that more bytes cannot change: all but an unfinished character at the end.
size_t SettledPrefix(absl::string_view text) {
  size_t position = 0;
  while (position < text.size()) {
    position += ValidUtf8Prefix(text.substr(position));
    if (position == text.size()) break;
    const Utf8Character character = Utf8Scan(text.substr(position));
    if (character.kind == Utf8Kind::kIncomplete) break;
    position += character.size;
  }
  return position;
}

}  // namespace

std::vector<int32_t> Tokenizer::EncodeParts(absl::Span<const TextPart> parts) const {
  std::vector<int32_t> ids;
  for (const TextPart& part : parts) {
    const std::vector<int32_t> of_part =
        part.trusted ? Encode(part.text) : EncodeOrdinary(part.text);
    ids.insert(ids.end(), of_part.begin(), of_part.end());
  }
  return ids;
}

std::string StreamDecoder::Push(int32_t id) {
  if (skip_special_ && tokenizer_->IsSpecial(id)) return "";
  const std::string bytes = tokenizer_->TokenBytes(id);
  held_ += state_ == StreamStart::kText ? tokenizer_->FirstTokenBytes(id) : bytes;
  if (!bytes.empty()) state_ = StreamStart::kContinuation;
  const size_t settled = SettledPrefix(held_);
  std::string text = ReplaceInvalidUtf8(absl::string_view(held_).substr(0, settled));
  held_.erase(0, settled);
  return text;
}

std::string StreamDecoder::Flush() {
  std::string text = ReplaceInvalidUtf8(held_);
  held_.clear();
  state_ = start_;
  return text;
}

}  // namespace strata::inference
