// general.file_type and general.quantization_version, which say what most of a GGUF file's weights are in.
#ifndef STRATA_LLM_CONVERT_GGUF_FILE_TYPE_H_
#define STRATA_LLM_CONVERT_GGUF_FILE_TYPE_H_

#include <vector>

#include "inference/import/gguf_writer.h"

namespace strata::llm {

// By the format that most weights of matrices have.
void SetGgufFileType(const std::vector<inference::GgufOutput>& tensors,
                     inference::GgufMetadata* metadata);

}  // namespace strata::llm

#endif  // STRATA_LLM_CONVERT_GGUF_FILE_TYPE_H_
