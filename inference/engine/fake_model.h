// A tiny deterministic model and tokenizer for tests of the engine and the server: one attention layer over a
// 64-byte-alphabet, random weights from a seed.
#ifndef STRATA_INFERENCE_ENGINE_FAKE_MODEL_H_
#define STRATA_INFERENCE_ENGINE_FAKE_MODEL_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/engine/decoder_model.h"
#include "inference/engine/tokenizer.h"

namespace strata::inference {

// Ids 0..255 are bytes; 256 is "<|endoftext|>".
class ByteTokenizer : public Tokenizer {
 public:
  std::vector<int32_t> Encode(absl::string_view text) const override;
  std::vector<int32_t> EncodeOrdinary(absl::string_view text) const override;
  std::string Decode(absl::Span<const int32_t> ids) const override;
  std::string TokenBytes(int32_t id) const override;
  std::optional<int32_t> TokenId(absl::string_view bytes) const override;
  int vocab_size() const override { return 257; }
  std::optional<int32_t> bos() const override { return std::nullopt; }
  std::optional<int32_t> eos() const override { return 256; }
  bool IsSpecial(int32_t id) const override { return id == 256; }
};

// Prefers printable ASCII, so that its text is readable; never emits the end token by itself with temperature 0.
std::shared_ptr<const DecoderModel> MakeFakeModel(int64_t max_context, uint64_t seed);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_FAKE_MODEL_H_
