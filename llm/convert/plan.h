// What a conversion will write: each tensor of the new file, with where its rows come from. Made and checked before a byte
// is written; the rows are read when their turn comes.
#ifndef STRATA_LLM_CONVERT_PLAN_H_
#define STRATA_LLM_CONVERT_PLAN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "framework/data/safetensors.h"
#include "inference/import/gguf.h"
#include "llm/convert/rows.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

struct PlannedTensor {
  std::string name;
  std::vector<int64_t> dims;
  const chips::WeightFormat* format = nullptr;  // in which the values are stored now
  bool stays_f32 = false;                       // in a GGUF file
  std::function<Rows()> rows;
};

struct ConversionPlan {
  std::vector<PlannedTensor> tensors;
  std::vector<std::string> left_out;  // tensors of the source that the model does not use
};

// Hugging Face's names and layouts to GGUF's and back. `config` is of Hugging Face's layout. NOT_FOUND and
// INVALID_ARGUMENT name the file and the tensor that is missing or of other dims; UNIMPLEMENTED one whose element type
// cannot be read, and one of no known use that would be lost.
absl::StatusOr<ConversionPlan> PlanHfToGguf(const DecoderConfig& config,
                                            const framework::SafetensorsFile& file,
                                            const std::string& where);
absl::StatusOr<ConversionPlan> PlanGgufToHf(const DecoderConfig& config,
                                            const inference::GgufFile& file);

// All tensors under their own names, for another element type or other shards.
absl::StatusOr<ConversionPlan> PlanGgufToGguf(const inference::GgufFile& file);
absl::StatusOr<ConversionPlan> PlanHfToHf(const framework::SafetensorsFile& file,
                                          const std::string& where);

}  // namespace strata::llm

#endif  // STRATA_LLM_CONVERT_PLAN_H_
