#include "llm/convert/tensor_map.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "llm/model/architectures.h"
#include "llm/model/decoder.h"

namespace strata::llm {
namespace {

using Dims = std::vector<int64_t>;

bool IsNorm(TensorRole role) {
  switch (role) {
    case TensorRole::kFinalNorm:
    case TensorRole::kAttentionNorm:
    case TensorRole::kAttentionPostNorm:
    case TensorRole::kQueryNorm:
    case TensorRole::kKeyNorm:
    case TensorRole::kMlpNorm:
    case TensorRole::kMlpPostNorm:
      return true;
    default:
      return false;
  }
}

bool IsTable(TensorRole role) {
  return role == TensorRole::kEmbedding || role == TensorRole::kPositions ||
         role == TensorRole::kHead;
}

// The decoder's parameters by name; what is mapped is taken out.
using Parameters = std::map<std::string, Dims>;

// The tensor of a role if the model has it. `ending` follows the names in both files.
bool Map(const DecoderConfig& config, const Architecture& row, TensorRole role, int64_t layer,
         const std::string& ending, Parameters* parameters, MappedTensor* mapped) {
  const absl::string_view pattern = HfPattern(row, role);
  if (pattern.empty()) return false;
  const auto found = parameters->find(FillName(pattern, layer) + ending);
  if (found == parameters->end()) return false;
  mapped->role = role;
  mapped->layer = layer;
  mapped->hf = {found->first};
  mapped->hf_dims = found->second;
  mapped->gguf = GgufName(role, layer) + ending;
  mapped->gguf_dims = found->second;
  parameters->erase(found);
  if (absl::StrContains(pattern, "{expert}")) {
    mapped->hf.clear();
    for (int64_t e = 0; e < mapped->gguf_dims[0]; ++e) {
      mapped->hf.push_back(FillName(pattern, layer, e) + ending);
    }
    mapped->hf_dims.erase(mapped->hf_dims.begin());
  }
  mapped->transposed = config.input_major() && mapped->gguf_dims.size() == 2 && !IsTable(role);
  if (mapped->transposed) std::reverse(mapped->gguf_dims.begin(), mapped->gguf_dims.end());
  if (row.gguf_interleaves_rope && (role == TensorRole::kQuery || role == TensorRole::kKey)) {
    mapped->paired_head = config.head_width();
    mapped->turned = config.rope().width();
  }
  if (IsNorm(role) && ending == ".weight")
    mapped->offset = static_cast<float>(config.norm_offset());
  return true;
}

}  // namespace

absl::StatusOr<std::vector<MappedTensor>> MapTensors(const DecoderConfig& config) {
  STRATA_ASSIGN_OR_RETURN(const Architecture* row, FindArchitecture(config.architecture()));
  Parameters parameters;
  std::map<std::string, size_t> order;
  for (const framework::ParameterSpec& spec : DecoderParameters(config)) {
    order.emplace(spec.name, order.size());
    parameters[spec.name] = spec.dims;
  }
  std::map<size_t, MappedTensor> mapped;
  for (const auto& [role, pattern] : row->tensors) {
    const bool in_layers = absl::StrContains(pattern, "{layer}");
    for (int64_t layer = 0; layer < (in_layers ? config.layers() : 1); ++layer) {
      for (const char* ending : {"", ".weight", ".bias"}) {
        const auto place = order.find(FillName(pattern, layer) + ending);
        MappedTensor tensor;
        if (Map(config, *row, role, layer, ending, &parameters, &tensor)) {
          mapped[place->second] = std::move(tensor);
        }
      }
    }
  }
  if (!parameters.empty()) {
    return absl::InternalError(absl::StrCat("tensor '", parameters.begin()->first,
                                            "' has no role in the architecture ", row->name));
  }
  std::vector<MappedTensor> tensors;
  for (auto& [place, tensor] : mapped) tensors.push_back(std::move(tensor));
  return tensors;
}

}  // namespace strata::llm
