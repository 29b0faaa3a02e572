// Tensors of both kinds of files as StoredTensor.
#ifndef STRATA_LLM_CONVERT_STORED_H_
#define STRATA_LLM_CONVERT_STORED_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "framework/data/safetensors.h"
#include "inference/import/gguf.h"
#include "llm/convert/rows.h"

namespace strata::llm {

// "F32", "F16", "BF16" or nullptr, and back.
const chips::WeightFormat* FormatOfSafetensors(const std::string& dtype);

// UNIMPLEMENTED with the tensor for a type that has no format.
absl::StatusOr<StoredTensor> Stored(const std::string& name,
                                    const framework::SafetensorsEntry& entry);
absl::StatusOr<StoredTensor> Stored(const std::string& name, const inference::GgufTensor& tensor);

absl::Status CheckDims(const std::string& name, const std::vector<int64_t>& dims,
                       const std::vector<int64_t>& wanted);

}  // namespace strata::llm

#endif  // STRATA_LLM_CONVERT_STORED_H_
