// The ways of attention that the lab compares, as decoders of one size that differ in nothing else.
//
//   for (const ContextShape& shape : ContextShapes()) Count(shape);
//
// MHA (Vaswani et al. 2017, arXiv:1706.03762), GQA (Ainslie et al. 2023, arXiv:2305.13245), MQA (Shazeer 2019,
// arXiv:1911.02150), MLA (DeepSeek-V2, arXiv:2405.04434), sliding window (Mistral 7B, arXiv:2310.06825), attention sinks
// (Xiao et al. 2023, arXiv:2309.17453). The last two are MHA that keeps some tokens only.
#ifndef STRATA_COURSES_LLM_LONG_CONTEXT_SHAPES_H_
#define STRATA_COURSES_LLM_LONG_CONTEXT_SHAPES_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/engine/decoder_model.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::courses {

struct ContextShape {
  std::string name;
  std::string idea;
  llm::DecoderConfig config;  // complete
  int64_t sinks = 0;          // first tokens that are kept
  int64_t recent = 0;         // last tokens that are kept; 0: all

  // Tokens whose keys and values are held of a text of `tokens`.
  int64_t Kept(int64_t tokens) const {
    return recent == 0 ? tokens : std::min(tokens, sinks + recent);
  }
  // Numbers that a layer keeps of a token, and in how many rows (int8 has a scale of 4 bytes a row): the textbook's
  // forms, 2 KV D in 2 KV rows, and rank + rope width in one for MLA.
  int64_t NumbersALayer() const;
  int64_t RowsALayer() const;
  // Bytes of a token over all layers, by those forms.
  int64_t ClosedForm(inference::KvFormat kv) const;
};

absl::StatusOr<std::vector<ContextShape>> ContextShapes();

// A decoder of that shape on made weights.
absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> ShapeModel(
    const ContextShape& shape);

// "f32", "f16", "int8".
const char* KvName(inference::KvFormat kv);
inline constexpr inference::KvFormat kKvFormats[] = {
    inference::KvFormat::kF32, inference::KvFormat::kF16, inference::KvFormat::kInt8};

}  // namespace strata::courses

#endif  // STRATA_COURSES_LLM_LONG_CONTEXT_SHAPES_H_
