#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "llm/convert/plan.h"
#include "llm/convert/stored.h"
#include "llm/convert/tensor_map.h"
#include "llm/model/architectures.h"
#include "llm/model/gguf_config.h"

namespace strata::llm {
namespace {

using framework::SafetensorsFile;

// A folder's tensors by the names that the table has; some files write a prefix before them.
class HfTensors {
 public:
  HfTensors(const SafetensorsFile& file, std::string prefix)
      : file_(file), prefix_(std::move(prefix)) {}

  absl::StatusOr<StoredTensor> Take(const std::string& name, const std::vector<int64_t>& dims) {
    auto it = file_.entries().find(prefix_ + name);
    if (it == file_.entries().end()) it = file_.entries().find(name);
    if (it == file_.entries().end()) {
      return absl::NotFoundError(absl::StrCat("tensor '", name, "' is missing"));
    }
    taken_.insert(it->first);
    STRATA_RETURN_IF_ERROR(CheckDims(it->first, it->second.dims, dims));
    return Stored(it->first, it->second);
  }

  // What nobody took. UNIMPLEMENTED for a weight that is not known to be of no use.
  absl::StatusOr<std::vector<std::string>> Rest(const DecoderConfig& config,
                                                const Architecture& row) const {
    std::vector<std::string> rest;
    for (const auto& [name, entry] : file_.entries()) {
      if (taken_.count(name) != 0) continue;
      rest.push_back(name);
      if (IsBuffer(name) || IsTiedHead(config, row, name) || IsBeyond(config, name)) continue;
      return absl::UnimplementedError(absl::StrCat("tensor '", name, "' has no use in ", row.name,
                                                   " as its config is; it would be lost"));
    }
    return rest;
  }

 private:
  // Masks and angles that older files keep.
  static bool IsBuffer(const std::string& name) {
    return absl::EndsWith(name, ".attn.bias") || absl::EndsWith(name, ".attn.masked_bias") ||
           absl::EndsWith(name, ".rotary_emb.inv_freq");
  }
  static bool IsTiedHead(const DecoderConfig& config, const Architecture& row,
                         const std::string& name) {
    return config.tie_embeddings() &&
           name == absl::StrCat(HfPattern(row, TensorRole::kHead), ".weight");
  }
  // Layers after the last: DeepSeek-V3's for predicting several tokens.
  static bool IsBeyond(const DecoderConfig& config, const std::string& name) {
    return absl::StrContains(name, absl::StrCat(".layers.", config.layers(), "."));
  }

  const SafetensorsFile& file_;
  const std::string prefix_;
  std::set<std::string> taken_;
};

// The rows of one tensor as GGUF has them.
std::function<Rows()> GgufRows(const MappedTensor& map, std::vector<StoredTensor> parts) {
  // A bias is permuted value by value.
  if (map.paired_head > 0 && map.hf_dims.size() == 1) parts[0].dims.push_back(1);
  return [map, parts = std::move(parts)] {
    Rows rows = StackedRows(parts);
    if (map.transposed) rows = TransposedRows(rows);
    if (map.paired_head > 0) rows = PairedRows(std::move(rows), map.paired_head, map.turned);
    return OffsetRows(std::move(rows), map.offset);
  };
}

PlannedTensor RopeTensor(const std::string& name, const std::vector<float>& factors) {
  const chips::WeightFormat* f32 = chips::FindGgmlType(0);
  PlannedTensor planned{.name = name,
                        .dims = {static_cast<int64_t>(factors.size())},
                        .format = f32,
                        .stays_f32 = true,
                        .rows = nullptr};
  const auto kept = std::make_shared<std::vector<float>>(factors);
  const absl::string_view bytes(reinterpret_cast<const char*>(kept->data()),
                                kept->size() * sizeof(float));
  const StoredTensor stored{f32, planned.dims, bytes, kept};
  planned.rows = [stored] { return StoredRows(stored); };
  return planned;
}

absl::StatusOr<ConversionPlan> Plan(const DecoderConfig& config, const SafetensorsFile& file) {
  STRATA_ASSIGN_OR_RETURN(const Architecture* row, FindArchitecture(config.architecture()));
  STRATA_ASSIGN_OR_RETURN(const std::vector<MappedTensor> maps, MapTensors(config));
  HfTensors tensors(file, row->hf_prefix);
  ConversionPlan plan;
  for (const auto& [name, factors] : GgufRopeTensors(config)) {
    plan.tensors.push_back(RopeTensor(name, factors));
  }
  for (const MappedTensor& map : maps) {
    std::vector<StoredTensor> parts;
    for (const std::string& name : map.hf) {
      STRATA_ASSIGN_OR_RETURN(parts.emplace_back(), tensors.Take(name, map.hf_dims));
      if (parts.back().format != parts[0].format) {
        return absl::UnimplementedError(
            absl::StrCat("tensor '", name, "': is ", parts.back().format->name,
                         "; the expert before it is ", parts[0].format->name));
      }
    }
    const chips::WeightFormat* format = parts[0].format;
    plan.tensors.push_back({.name = map.gguf,
                            .dims = map.gguf_dims,
                            .format = format,
                            .stays_f32 = map.StaysF32(),
                            .rows = GgufRows(map, std::move(parts))});
  }
  STRATA_ASSIGN_OR_RETURN(plan.left_out, tensors.Rest(config, *row));
  return plan;
}

}  // namespace

absl::StatusOr<ConversionPlan> PlanHfToGguf(const DecoderConfig& config,
                                            const SafetensorsFile& file, const std::string& where) {
  absl::StatusOr<ConversionPlan> plan = Plan(config, file);
  if (!plan.ok()) return Annotate(plan.status(), where);
  return plan;
}

absl::StatusOr<ConversionPlan> PlanGgufToGguf(const inference::GgufFile& file) {
  ConversionPlan plan;
  for (const auto& [name, tensor] : file.tensors()) {
    const absl::StatusOr<StoredTensor> stored = Stored(name, tensor);
    STRATA_RETURN_IF_ERROR(Annotate(stored.status(), file.path()));
    const bool sensitive = tensor.dims.size() < 2 || absl::StrContains(name, "ffn_gate_inp") ||
                           absl::StrContains(name, "position_embd") ||
                           absl::StrContains(name, "_norm");
    plan.tensors.push_back({.name = name,
                            .dims = tensor.dims,
                            .format = tensor.format,
                            .stays_f32 = sensitive,
                            .rows = [stored = *stored] { return StoredRows(stored); }});
  }
  return plan;
}

}  // namespace strata::llm
