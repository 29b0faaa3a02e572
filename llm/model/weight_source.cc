#include "llm/model/weight_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "llm/model/fit_format.h"
#include "llm/model/parameter_names.h"

namespace strata::llm {
namespace {

using graph::HostTensor;

absl::Status CheckDims(const std::string& name, const RawTensor& raw,
                       const std::vector<int64_t>& dims) {
  if (raw.dims == dims) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("tensor '", name, "': is ", raw.format->name, "[", absl::StrJoin(raw.dims, ", "),
                   "]; the model's configuration asks for [", absl::StrJoin(dims, ", "), "]"));
}

// A source that finds one tensor by a name.
class NamedSource : public WeightSource {
 public:
  explicit NamedSource(const DecoderConfig& config) : config_(config), names_(config) {}

 protected:
  absl::StatusOr<RawTensor> Checked(const std::string& name,
                                    const std::vector<int64_t>& dims) const {
    STRATA_ASSIGN_OR_RETURN(RawTensor raw, Read(name));
    STRATA_RETURN_IF_ERROR(CheckDims(name, raw, dims));
    return raw;
  }
  virtual bool Has(const std::string& name) const = 0;
  virtual absl::StatusOr<RawTensor> Read(const std::string& name) const = 0;

  const DecoderConfig& config_;
  ParameterNames names_;
};

class MemoryWeights : public NamedSource {
 public:
  MemoryWeights(const DecoderConfig& config, inference::WeightMap weights)
      : NamedSource(config), weights_(std::move(weights)) {}

  absl::StatusOr<std::vector<RawTensor>> Get(const framework::ParameterSpec& spec) const override {
    STRATA_ASSIGN_OR_RETURN(RawTensor raw, Checked(spec.name, spec.dims));
    return std::vector<RawTensor>{std::move(raw)};
  }

 private:
  bool Has(const std::string& name) const override { return weights_.count(name) != 0; }
  absl::StatusOr<RawTensor> Read(const std::string& name) const override {
    const auto it = weights_.find(name);
    if (it == weights_.end())
      return absl::NotFoundError(absl::StrCat("tensor '", name, "' is missing"));
    absl::StatusOr<RawTensor> raw = RawOf(it->second);
    if (!raw.ok()) return Annotate(raw.status(), absl::StrCat("tensor '", name, "'"));
    return raw;
  }

  inference::WeightMap weights_;
};

class HfWeights : public NamedSource {
 public:
  HfWeights(const DecoderConfig& config, framework::SafetensorsFile file)
      : NamedSource(config), file_(std::move(file)) {}

  absl::StatusOr<std::vector<RawTensor>> Get(const framework::ParameterSpec& spec) const override {
    STRATA_ASSIGN_OR_RETURN(const ParameterId id, names_.Find(spec.name));
    std::vector<RawTensor> parts;
    if (spec.dims.size() < 3 || Has(spec.name)) {
      STRATA_ASSIGN_OR_RETURN(parts.emplace_back(), Checked(spec.name, spec.dims));
      return parts;
    }
    for (int64_t expert = 0; expert < spec.dims[0]; ++expert) {
      STRATA_ASSIGN_OR_RETURN(parts.emplace_back(),
                              Checked(names_.HfName(id, expert), {spec.dims[1], spec.dims[2]}));
    }
    return parts;
  }

 private:
  // The name in this file: some write a prefix before all of them.
  std::string InFile(const std::string& name) const {
    for (const std::string& prefix : {names_.row().hf_prefix, std::string("language_model.")}) {
      if (!prefix.empty() && file_.Has(prefix + name)) return prefix + name;
    }
    return name;
  }
  bool Has(const std::string& name) const override { return file_.Has(InFile(name)); }
  absl::StatusOr<RawTensor> Read(const std::string& name) const override {
    STRATA_ASSIGN_OR_RETURN(const HostTensor tensor, file_.Get(InFile(name)));
    absl::StatusOr<RawTensor> raw = RawOf(tensor);
    if (!raw.ok()) return Annotate(raw.status(), absl::StrCat("tensor '", name, "'"));
    return raw;
  }

  framework::SafetensorsFile file_;
};

class GgufWeights : public NamedSource {
 public:
  GgufWeights(const DecoderConfig& config, inference::GgufFile file)
      : NamedSource(config), file_(std::move(file)) {}

  absl::StatusOr<std::vector<RawTensor>> Get(const framework::ParameterSpec& spec) const override {
    STRATA_ASSIGN_OR_RETURN(const ParameterId id, names_.Find(spec.name));
    STRATA_ASSIGN_OR_RETURN(RawTensor raw, Checked(ParameterNames::GgufNameOf(id), spec.dims));
    return std::vector<RawTensor>{std::move(raw)};
  }

  absl::StatusOr<std::vector<RawTensor>> GetSplitKvUp(
      const framework::ParameterSpec& spec) const override {
    STRATA_ASSIGN_OR_RETURN(const ParameterId id, names_.Find(spec.name));
    const std::string stem = absl::StrCat("blk.", id.layer, ".");
    std::vector<RawTensor> parts;
    if (!Has(stem + "attn_k_b.weight")) return parts;
    const LatentAttention& l = config_.latent();
    STRATA_ASSIGN_OR_RETURN(
        parts.emplace_back(),
        Checked(stem + "attn_k_b.weight", {config_.heads(), l.kv_rank(), l.nope_width()}));
    STRATA_ASSIGN_OR_RETURN(
        parts.emplace_back(),
        Checked(stem + "attn_v_b.weight", {config_.heads(), l.value_width(), l.kv_rank()}));
    return parts;
  }

 private:
  bool Has(const std::string& name) const override { return file_.tensors().count(name) != 0; }
  absl::StatusOr<RawTensor> Read(const std::string& name) const override {
    STRATA_ASSIGN_OR_RETURN(const inference::GgufTensor* tensor, file_.Tensor(name));
    if (tensor->format == nullptr) {
      return absl::UnimplementedError(
          absl::StrCat(file_.path(), ": tensor '", name, "': its type is not supported"));
    }
    return RawTensor{tensor->format, tensor->dims,
                     reinterpret_cast<const uint8_t*>(tensor->bytes.data()), tensor->owner};
  }

  inference::GgufFile file_;
};

class MadeWeights : public WeightSource {
 public:
  MadeWeights(const chips::WeightFormat& format, uint64_t seed) : format_(format), seed_(seed) {}

  absl::StatusOr<std::vector<RawTensor>> Get(const framework::ParameterSpec& spec) const override {
    if (spec.dims.size() < 2 || spec.init.kind != framework::Init::Kind::kNormal) {
      STRATA_ASSIGN_OR_RETURN(RawTensor raw, RawOf(framework::InitParameter(spec, seed_)));
      return std::vector<RawTensor>{std::move(raw)};
    }
    return std::vector<RawTensor>{Repeat(spec)};
  }

 private:
  // Up to 64 random rows, again and again.
  RawTensor Repeat(const framework::ParameterSpec& spec) const {
    const int64_t K = spec.dims.back();
    const chips::WeightFormat& format = FitFormat(format_, K);
    int64_t rows = 1;
    for (size_t i = 0; i + 1 < spec.dims.size(); ++i) rows *= spec.dims[i];
    const int64_t made = std::min<int64_t>(rows, 64), bytes = chips::RowBytes(format, K);
    const HostTensor values =
        framework::InitParameter({spec.name, {made, K}, chips::F32, spec.init}, seed_);
    auto out = std::make_shared<HostTensor>(HostTensor::Allocate(chips::U8, {rows, bytes}));
    for (int64_t row = 0; row < made; ++row)
      chips::EncodeRow(format, values.data<float>() + row * K, K,
                       out->data<uint8_t>() + row * bytes);
    for (int64_t row = made; row < rows; ++row)
      std::memcpy(out->data<uint8_t>() + row * bytes, out->data<uint8_t>() + (row - made) * bytes,
                  static_cast<size_t>(bytes));
    const uint8_t* data = out->data<uint8_t>();
    return {&format, spec.dims, data, std::move(out)};
  }

  const chips::WeightFormat& format_;
  uint64_t seed_;
};

}  // namespace

absl::StatusOr<RawTensor> RawOf(const HostTensor& tensor) {
  const char* name = tensor.dtype() == chips::F32    ? "f32"
                     : tensor.dtype() == chips::F16  ? "f16"
                     : tensor.dtype() == chips::BF16 ? "bf16"
                                                     : nullptr;
  if (name == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("is ", tensor.TypeString(), "; weights are f32, f16 or bf16"));
  }
  STRATA_ASSIGN_OR_RETURN(const chips::WeightFormat* format, chips::FindWeightFormat(name));
  return RawTensor{format, tensor.dims(), tensor.data<uint8_t>(),
                   std::make_shared<HostTensor>(tensor)};
}

std::unique_ptr<WeightSource> MemorySource(const DecoderConfig& config,
                                           inference::WeightMap weights) {
  return std::make_unique<MemoryWeights>(config, std::move(weights));
}

std::unique_ptr<WeightSource> SafetensorsSource(const DecoderConfig& config,
                                                framework::SafetensorsFile file) {
  return std::make_unique<HfWeights>(config, std::move(file));
}

std::unique_ptr<WeightSource> GgufSource(const DecoderConfig& config, inference::GgufFile file) {
  return std::make_unique<GgufWeights>(config, std::move(file));
}

std::unique_ptr<WeightSource> MadeSource(const chips::WeightFormat& format, uint64_t seed) {
  return std::make_unique<MadeWeights>(format, seed);
}

}  // namespace strata::llm
