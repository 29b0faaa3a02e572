// Writes GGUF files (version 3). Tensors are streamed: each is asked for its bytes when its turn comes, so that a model
// larger than memory can be converted.
//
//   GgufMetadata metadata = {{"general.architecture", std::string("llama")}};
//   std::vector<GgufOutput> tensors = {BytesOutput("token_embd.weight", *q8_0, {32000, 2048}, bytes)};
//   STRATA_ASSIGN_OR_RETURN(auto paths, WriteGguf("model.gguf", metadata, tensors));
//
// Every file appears under its name only when it is whole and on the disk; of a split model the first part comes last.
#ifndef STRATA_INFERENCE_IMPORT_GGUF_WRITER_H_
#define STRATA_INFERENCE_IMPORT_GGUF_WRITER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/numerics/weight_format.h"
#include "inference/import/gguf_value.h"

namespace strata::inference {

// Takes a tensor's bytes, in order and in pieces of any size.
using ByteSink = std::function<absl::Status(absl::string_view)>;

struct GgufOutput {
  std::string name;
  const chips::WeightFormat* format = nullptr;
  std::vector<int64_t> dims;  // row-major, outermost first
  std::function<absl::Status(const ByteSink&)>
      write;  // gives all of its bytes, neither more nor less
};

// `bytes` must outlive the writing.
GgufOutput BytesOutput(std::string name, const chips::WeightFormat& format,
                       std::vector<int64_t> dims, absl::string_view bytes);

struct GgufWriteOptions {
  uint64_t split_bytes =
      0;  // a new part before the tensor that would take a part's data above this; 0: one file
  // Called after each tensor, e.g. to show progress.
  std::function<void(const GgufOutput&)> written = {};
};

// Writes the tensors in their order to `path`, or to "NAME-00001-of-0000N.gguf" beside it when they are split; gives the
// paths written. general.alignment is taken from the metadata. INVALID_ARGUMENT for a name or key that a reader would
// refuse, rows that are no whole blocks, and outputs that give another number of bytes.
absl::StatusOr<std::vector<std::string>> WriteGguf(const std::string& path,
                                                   const GgufMetadata& metadata,
                                                   const std::vector<GgufOutput>& tensors,
                                                   const GgufWriteOptions& options = {});

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_IMPORT_GGUF_WRITER_H_
