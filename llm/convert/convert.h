// Converts models between Hugging Face folders and GGUF files, and between number formats.
//
//   STRATA_ASSIGN_OR_RETURN(ConvertSummary summary,
//                           Convert("models/tinyllama", "tinyllama.q8_0.gguf", {.quant = "q8_0"}));
//
// `in` is a folder (config.json, safetensors, tokenizer.json ...) or a .gguf file, whole or the first part of several;
// `out` is GGUF when it ends in ".gguf" and a folder else. Weights are read and written one tensor at a time. At the same
// format bytes are copied, so folder -> GGUF -> folder gives the same weights back bit for bit (but for Gemma's norms, which
// GGUF holds as weight + 1 in fp32: that factor is kept bit for bit, the weight to 2^-24). Everything is checked before
// anything is written; files appear only when whole.
#ifndef STRATA_LLM_CONVERT_CONVERT_H_
#define STRATA_LLM_CONVERT_CONVERT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"

namespace strata::llm {

struct ConvertOptions {
  // A name of AllWeightFormats(): of all matrices. Empty: each keeps its own; in a folder, which has only f32, f16 and
  // bf16, others become f32. In GGUF files vectors, routers and learned positions are f32 all the same.
  std::string quant = "";
  uint64_t split_bytes = 0;  // of a part's or shard's weights; 0: one file
  bool force = false;        // replaces a model that is there
  // Called after each tensor.
  std::function<void(const struct ConvertedTensor&)> progress = {};
};

struct ConvertedTensor {
  std::string name;
  std::string from;  // format
  std::string to;
  uint64_t bytes = 0;
  double relative_error = 0;  // root of the summed squares, of the values' own
  size_t index = 0;           // from 1
  size_t count = 0;
};

struct ConvertSummary {
  struct Format {
    int64_t tensors = 0;
    int64_t weights = 0;
    uint64_t bytes = 0;
  };
  std::vector<std::string> paths;         // written
  std::map<std::string, Format> formats;  // by name
  double bits_per_weight = 0;
  double worst_relative_error = 0;
  std::string worst_tensor;  // empty: no value changed
  std::vector<std::string>
      fallbacks;  // "blk.0.ffn_down.weight: q8_0 in place of q4_k, as rows have 96 weights"; a tokenizer that is kept whole
                  // but not in GGUF's own words
  std::vector<std::string> left_out;  // tensors that the model does not use
};

// ALREADY_EXISTS when there is a model at `out`; INVALID_ARGUMENT and UNIMPLEMENTED with path, key or tensor.
absl::StatusOr<ConvertSummary> Convert(const std::string& in, const std::string& out,
                                       const ConvertOptions& options);

}  // namespace strata::llm

#endif  // STRATA_LLM_CONVERT_CONVERT_H_
