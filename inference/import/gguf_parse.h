// The parts of a GGUF file in the order in which they stand: metadata, tensors' descriptions, data.
#ifndef STRATA_INFERENCE_IMPORT_GGUF_PARSE_H_
#define STRATA_INFERENCE_IMPORT_GGUF_PARSE_H_

#include <map>
#include <memory>
#include <string>

#include "base/status.h"
#include "inference/import/gguf.h"
#include "inference/import/gguf_cursor.h"

namespace strata::inference {

absl::StatusOr<GgufMetadata> ParseGgufMetadata(GgufCursor& cursor, uint64_t count,
                                               const std::shared_ptr<const void>& owner);

// Descriptions from the cursor on, then the data, which they must fill. `alignment` is checked.
absl::StatusOr<std::map<std::string, GgufTensor>> ParseGgufTensors(
    GgufCursor& cursor, uint64_t count, uint64_t alignment,
    const std::shared_ptr<const void>& owner);

// The least bytes that an entry of metadata (key, type, value) and a description (name, rank, type, offset) take.
inline constexpr uint64_t kLeastGgufEntry = 8 + 1 + 4 + 1;
inline constexpr uint64_t kLeastGgufTensor = 8 + 1 + 4 + 4 + 8;

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_IMPORT_GGUF_PARSE_H_
