// Which tensor of a Hugging Face folder is which of a GGUF file, and how its values lie in each.
//
//   STRATA_ASSIGN_OR_RETURN(auto tensors, MapTensors(config));
//   tensors[0].hf == {"model.embed_tokens.weight"};  tensors[0].gguf == "token_embd.weight";
//
// Made from the table of architectures (llm/model/architectures.h) and the decoder's parameters.
#ifndef STRATA_LLM_CONVERT_TENSOR_MAP_H_
#define STRATA_LLM_CONVERT_TENSOR_MAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "llm/model/decoder_config.pb.h"
#include "llm/model/tensor_roles.h"

namespace strata::llm {

struct MappedTensor {
  TensorRole role;
  int64_t layer = 0;
  std::vector<std::string> hf;  // one name; or one for each expert, whose matrices GGUF has stacked
  std::vector<int64_t> hf_dims;  // of each
  std::string gguf;
  std::vector<int64_t> gguf_dims;  // row-major
  bool transposed = false;         // Hugging Face has [in, out], GGUF [out, in]
  int64_t paired_head =
      0;  // above 0: GGUF has the rows of heads of this width in pairs; see PairedRows()
  int64_t turned = 0;  // of each head
  float offset = 0;    // GGUF's value is Hugging Face's plus this

  // Small or sensitive: f32 in GGUF files whatever the others are.
  bool StaysF32() const {
    return gguf_dims.size() < 2 || role == TensorRole::kRouter || role == TensorRole::kPositions;
  }
};

// All tensors in the model's order. `config` is complete and of Hugging Face's layout.
absl::StatusOr<std::vector<MappedTensor>> MapTensors(const DecoderConfig& config);

}  // namespace strata::llm

#endif  // STRATA_LLM_CONVERT_TENSOR_MAP_H_
