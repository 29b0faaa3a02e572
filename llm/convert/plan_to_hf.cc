#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "llm/convert/plan.h"
#include "llm/convert/stored.h"
#include "llm/convert/tensor_map.h"

namespace strata::llm {
namespace {

using inference::GgufFile;

// Keys and values of latent attention as newer files have them: for each head the transposed rows that make keys,
// [H, kv_rank, nope], and those that make values, [H, value, kv_rank]. Together, head by head: [H (nope + value), kv_rank].
constexpr char kKeyPart[] = "attn_k_b.weight";
constexpr char kValuePart[] = "attn_v_b.weight";

Rows JoinedLatentRows(const StoredTensor& keys, const StoredTensor& values) {
  const int64_t heads = keys.dims[0], rank = keys.dims[1], nope = keys.dims[2];
  const int64_t value = values.dims[1];
  std::vector<Rows> transposed;
  for (int64_t h = 0; h < heads; ++h) {
    transposed.push_back(TransposedRows(SlicedRows(StoredRows(keys), h * rank, rank)));
  }
  Rows joined;
  joined.rows = heads * (nope + value);
  joined.width = rank;
  joined.values = [transposed, below = StoredRows(values), nope, value](int64_t row, float* out) {
    const int64_t head = row / (nope + value), i = row % (nope + value);
    if (i < nope) {
      transposed[static_cast<size_t>(head)].values(i, out);
    } else {
      below.values(head * value + i - nope, out);
    }
  };
  return joined;
}

class GgufTensors {
 public:
  explicit GgufTensors(const GgufFile& file) : file_(file) {}

  bool Has(const std::string& name) const { return file_.tensors().count(name) != 0; }

  absl::StatusOr<StoredTensor> Take(const std::string& name) {
    auto it = file_.tensors().find(name);
    if (it == file_.tensors().end()) {
      return absl::NotFoundError(absl::StrCat("tensor '", name, "' is missing"));
    }
    taken_.insert(name);
    return Stored(name, it->second);
  }

  absl::StatusOr<std::vector<std::string>> Rest() const {
    std::vector<std::string> rest;
    for (const auto& [name, tensor] : file_.tensors()) {
      if (taken_.count(name) != 0) continue;
      rest.push_back(name);
      // The config has RoPE's factors.
      if (absl::StartsWith(name, "rope_freqs.") || absl::StartsWith(name, "rope_factors_"))
        continue;
      return absl::UnimplementedError(
          absl::StrCat("tensor '", name,
                       "' has no use in this architecture as its metadata is; it would be lost"));
    }
    return rest;
  }

 private:
  const GgufFile& file_;
  std::set<std::string> taken_;
};

// One tensor, or one expert of it, as Hugging Face has it.
std::function<Rows()> HfRows(const MappedTensor& map, StoredTensor stored, int64_t expert) {
  if (map.paired_head > 0 && map.hf_dims.size() == 1) stored.dims.push_back(1);
  return [map, stored = std::move(stored), expert] {
    Rows rows = OffsetRows(StoredRows(stored), -map.offset);
    if (map.hf.size() > 1)
      rows = SlicedRows(std::move(rows), expert * map.hf_dims[0], map.hf_dims[0]);
    if (map.paired_head > 0) rows = HalvedRows(std::move(rows), map.paired_head, map.turned);
    return map.transposed ? TransposedRows(rows) : rows;
  };
}

// "blk.3.attn_kv_b.weight" -> "blk.3." + `part`
std::string PartName(const MappedTensor& map, const char* part) {
  return absl::StrCat("blk.", map.layer, ".", part);
}

absl::StatusOr<PlannedTensor> PlanLatent(const DecoderConfig& config, const MappedTensor& map,
                                         GgufTensors* tensors) {
  const LatentAttention& latent = config.latent();
  STRATA_ASSIGN_OR_RETURN(const StoredTensor keys, tensors->Take(PartName(map, kKeyPart)));
  STRATA_ASSIGN_OR_RETURN(const StoredTensor values, tensors->Take(PartName(map, kValuePart)));
  STRATA_RETURN_IF_ERROR(CheckDims(PartName(map, kKeyPart), keys.dims,
                                   {config.heads(), latent.kv_rank(), latent.nope_width()}));
  STRATA_RETURN_IF_ERROR(CheckDims(PartName(map, kValuePart), values.dims,
                                   {config.heads(), latent.value_width(), latent.kv_rank()}));
  return PlannedTensor{.name = map.hf[0],
                       .dims = map.hf_dims,
                       .format = keys.format,
                       .stays_f32 = false,
                       .rows = [keys, values] { return JoinedLatentRows(keys, values); }};
}

absl::StatusOr<ConversionPlan> Plan(const DecoderConfig& config, const GgufFile& file) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<MappedTensor> maps, MapTensors(config));
  GgufTensors tensors(file);
  ConversionPlan plan;
  for (const MappedTensor& map : maps) {
    if (map.role == TensorRole::kKvUp && !tensors.Has(map.gguf)) {
      STRATA_ASSIGN_OR_RETURN(plan.tensors.emplace_back(), PlanLatent(config, map, &tensors));
      continue;
    }
    STRATA_ASSIGN_OR_RETURN(const StoredTensor stored, tensors.Take(map.gguf));
    STRATA_RETURN_IF_ERROR(CheckDims(map.gguf, stored.dims, map.gguf_dims));
    for (size_t e = 0; e < map.hf.size(); ++e) {
      plan.tensors.push_back({.name = map.hf[e],
                              .dims = map.hf_dims,
                              .format = stored.format,
                              .stays_f32 = false,
                              .rows = HfRows(map, stored, static_cast<int64_t>(e))});
    }
  }
  STRATA_ASSIGN_OR_RETURN(plan.left_out, tensors.Rest());
  return plan;
}

}  // namespace

absl::StatusOr<ConversionPlan> PlanGgufToHf(const DecoderConfig& config, const GgufFile& file) {
  absl::StatusOr<ConversionPlan> plan = Plan(config, file);
  if (!plan.ok()) return Annotate(plan.status(), file.path());
  return plan;
}

absl::StatusOr<ConversionPlan> PlanHfToHf(const framework::SafetensorsFile& file,
                                          const std::string& where) {
  ConversionPlan plan;
  for (const auto& [name, entry] : file.entries()) {
    const absl::StatusOr<StoredTensor> stored = Stored(name, entry);
    STRATA_RETURN_IF_ERROR(Annotate(stored.status(), where));
    plan.tensors.push_back({.name = name,
                            .dims = entry.dims,
                            .format = stored->format,
                            .stays_f32 = false,
                            .rows = [stored = *stored] { return StoredRows(stored); }});
  }
  return plan;
}

}  // namespace strata::llm
