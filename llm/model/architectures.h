// The table of architectures: what files call a model's features and weights. A row and nothing else makes a new
// architecture of known features.
//
//   const Architecture* row = FindModelType("llama");          // Hugging Face's model_type
//   row->features.norm() == RMS_NORM;
//   HfPattern(*row, TensorRole::kQuery) == "model.layers.{layer}.self_attn.q_proj";
//
// Sources: the models' configuration classes and modules in Transformers; ggml's docs/gguf.md and the name table of
// gguf-py (MIT).
#ifndef STRATA_LLM_MODEL_ARCHITECTURES_H_
#define STRATA_LLM_MODEL_ARCHITECTURES_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "llm/model/decoder_config.pb.h"
#include "llm/model/tensor_roles.h"

namespace strata::llm {

// A number of config.json or GGUF's metadata that is a field of DecoderConfig.
struct ConfigKey {
  enum class Change { kNone, kInverseRoot };

  const char* field;  // path in DecoderConfig: "rope.theta"
  const char* hf;     // "" where config.json has none
  const char* gguf;   // after "<architecture>."; "" where GGUF has none
  bool required = false;
  Change change = Change::kNone;
};

struct Architecture {
  std::string name;      // the row's, and Hugging Face's model_type
  std::string hf_class;  // config.json's "architectures"
  std::string gguf;      // general.architecture
  // Rows may share GGUF's name: this row is meant when the key is there with that value (-1: any above 0). The last
  // row that fits is taken.
  std::string gguf_marker;
  int64_t gguf_marker_value = -1;
  bool gguf_interleaves_rope =
      false;               // GGUF has the rows of q and k in another order: pairs lie side by side
  DecoderConfig features;  // and the defaults of what a file does not say
  std::vector<ConfigKey> keys;
  std::string hf_activation = "hidden_act";  // config.json's key, and what it calls GELU_TANH
  std::string hf_gelu_tanh = "gelu_pytorch_tanh";
  std::string hf_layer;   // path of a layer: "model.layers.{layer}"
  std::string hf_prefix;  // that some files write before every name: "transformer."
  std::map<TensorRole, std::string>
      tensors;  // Hugging Face's patterns, of more roles than one model has
};

absl::Span<const Architecture> AllArchitectures();

// By the row's name. INVALID_ARGUMENT lists the names.
absl::StatusOr<const Architecture*> FindArchitecture(absl::string_view name);

// By general.architecture; `number` gives the metadata's number under "<architecture>." + key, or -1.
absl::StatusOr<const Architecture*> FindGgufArchitecture(
    absl::string_view name, const std::function<int64_t(const std::string&)>& number);

// Hugging Face's pattern; empty when the architecture has no such weight.
absl::string_view HfPattern(const Architecture& row, TensorRole role);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_ARCHITECTURES_H_
