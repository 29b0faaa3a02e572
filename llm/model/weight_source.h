// WeightSource: a decoder's weights as some file has them, by the names of DecoderParameters().
//
//   STRATA_ASSIGN_OR_RETURN(std::vector<RawTensor> parts, source.Get(spec));
//   // a matrix: one part; the experts of a layer: one part for all [E, N, K], or one for each [N, K]
#ifndef STRATA_LLM_MODEL_WEIGHT_SOURCE_H_
#define STRATA_LLM_MODEL_WEIGHT_SOURCE_H_

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/numerics/weight_format.h"
#include "framework/data/safetensors.h"
#include "framework/graph/host_tensor.h"
#include "framework/nn/parameters.h"
#include "inference/engine/decoder_model.h"
#include "inference/import/gguf.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

// Rows of dims.back() weights in a format, one after another.
struct RawTensor {
  const chips::WeightFormat* format = nullptr;
  std::vector<int64_t> dims;
  const uint8_t* data = nullptr;
  std::shared_ptr<const void> owner;
};

// f32, f16 and bf16; UNIMPLEMENTED for another dtype.
absl::StatusOr<RawTensor> RawOf(const graph::HostTensor& tensor);

class WeightSource {
 public:
  virtual ~WeightSource() = default;
  // Shapes are checked: INVALID_ARGUMENT, or NOT_FOUND, with the file's name of the tensor.
  virtual absl::StatusOr<std::vector<RawTensor>> Get(
      const framework::ParameterSpec& spec) const = 0;
  // Where latent attention's matrix to keys and values lies in two, already turned for absorption, their parts:
  // keys [H, rank, nope] and values [H, value, rank]. Empty when it is one matrix.
  virtual absl::StatusOr<std::vector<RawTensor>> GetSplitKvUp(
      const framework::ParameterSpec& spec) const {
    (void)spec;
    return std::vector<RawTensor>();
  }
};

// Tensors in memory by the parameters' own names. `config` must outlive the source, as in all below.
std::unique_ptr<WeightSource> MemorySource(const DecoderConfig& config,
                                           inference::WeightMap weights);
// Hugging Face's names, with and without the prefixes that its files have.
std::unique_ptr<WeightSource> SafetensorsSource(const DecoderConfig& config,
                                                framework::SafetensorsFile file);
std::unique_ptr<WeightSource> GgufSource(const DecoderConfig& config, inference::GgufFile file);

// Made weights in `format` (where rows fit its blocks): random rows that repeat, so that large models are quickly there.
// For measuring; nothing sensible is computed with them.
std::unique_ptr<WeightSource> MadeSource(const chips::WeightFormat& format, uint64_t seed);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_WEIGHT_SOURCE_H_
