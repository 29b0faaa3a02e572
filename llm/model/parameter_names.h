// What each parameter of a decoder is: from its name back to the role and layer, by the architecture's names.
#ifndef STRATA_LLM_MODEL_PARAMETER_NAMES_H_
#define STRATA_LLM_MODEL_PARAMETER_NAMES_H_

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"
#include "llm/model/architectures.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

struct ParameterId {
  TensorRole role = TensorRole::kEmbedding;
  int64_t layer = 0;
  std::string suffix;  // ".weight", ".bias", or nothing where the role's name is whole
};

// Finds the role of any parameter name of `config`: those of DecoderParameters(). `config` is complete and outlives it.
class ParameterNames {
 public:
  explicit ParameterNames(const DecoderConfig& config);

  // NOT_FOUND for a name that is none of the architecture's.
  absl::StatusOr<ParameterId> Find(const std::string& name) const;

  // Hugging Face's name of a parameter, or of one expert's part of it.
  std::string HfName(const ParameterId& id, int64_t expert = -1) const;
  static std::string GgufNameOf(const ParameterId& id);

  const Architecture& row() const { return row_; }

 private:
  const Architecture& row_;
  std::map<std::string, ParameterId> by_stem_;
};

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_PARAMETER_NAMES_H_
