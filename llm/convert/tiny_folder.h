// Hugging Face folders of tiny models with made weights, for tests.
#ifndef STRATA_LLM_CONVERT_TINY_FOLDER_H_
#define STRATA_LLM_CONVERT_TINY_FOLDER_H_

#include <map>
#include <string>

#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "framework/graph/host_tensor.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

// config.json and the safetensors of `weights` (see TinyWeights()), each expert's matrices a tensor of their own.
absl::Status WriteTinyFolder(const std::string& folder, const DecoderConfig& config,
                             const std::map<std::string, graph::HostTensor>& weights,
                             chips::DType dtype = chips::F32);

}  // namespace strata::llm

#endif  // STRATA_LLM_CONVERT_TINY_FOLDER_H_
