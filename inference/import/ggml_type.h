// The types of tensors in GGUF files: how many bytes a block of each takes, also of those that Strata does not decode,
// so that every tensor's place in a file can be checked.
//
//   const GgmlType* type = FindGgmlTypeSize(14);    // {"Q6_K", 14, 256, 210}
//
// Source: ggml.h and ggml-common.h of ggml (MIT).
#ifndef STRATA_INFERENCE_IMPORT_GGML_TYPE_H_
#define STRATA_INFERENCE_IMPORT_GGML_TYPE_H_

#include <cstdint>

namespace strata::inference {

struct GgmlType {
  const char* name;  // as ggml writes it
  uint32_t id;
  int64_t block;  // elements
  int64_t bytes;  // of a block
};

// nullptr for an id whose size is not known here.
const GgmlType* FindGgmlTypeSize(uint32_t id);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_IMPORT_GGML_TYPE_H_
