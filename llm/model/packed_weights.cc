#include "llm/model/packed_weights.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chips/numerics/packed_rows.h"
#include "framework/graph/tensor_arena.h"
#include "llm/model/config.h"
#include "llm/model/decoder.h"
#include "llm/model/fit_format.h"
#include "llm/model/matrix_packer.h"
#include "llm/model/parameter_names.h"
#include "llm/model/rope_frequencies.h"

namespace strata::llm {
namespace {

using chips::WeightFormat;
using framework::ParameterSpec;
using graph::HostTensor;

bool IsFloat(const WeightFormat& format) { return format.block == 1; }

std::string Stem(const std::string& name) { return name.substr(0, name.rfind('.')); }

class Packer {
 public:
  Packer(const DecoderConfig& config, const WeightSource& source, const WeightFormat* wanted)
      : config_(config), source_(source), wanted_(wanted), names_(config) {}

  absl::Status AddAll() {
    for (const ParameterSpec& spec : DecoderParameters(config_)) STRATA_RETURN_IF_ERROR(Add(spec));
    if (!config_.learned_positions()) AddFrequencies();
    return absl::OkStatus();
  }

  PackedWeights Finish(int threads) {
    packer_.Run(threads);
    return std::move(weights_);
  }

 private:
  absl::Status Add(const ParameterSpec& spec) {
    STRATA_ASSIGN_OR_RETURN(const ParameterId id, names_.Find(spec.name));
    if (id.role == TensorRole::kKvUp) return AddKvUp(spec);
    STRATA_ASSIGN_OR_RETURN(std::vector<RawTensor> parts, source_.Get(spec));
    if (spec.dims.size() == 1 || id.role == TensorRole::kPositions)
      return AddFloats(spec, parts[0]);
    if (id.role == TensorRole::kEmbedding) return AddTable(spec, parts[0]);
    const bool exact = id.role == TensorRole::kRouter;
    const bool stacked = spec.dims.size() == 3;
    const bool transposed = config_.input_major();
    const int64_t n = transposed ? spec.dims[1] : spec.dims[spec.dims.size() - 2];
    const int64_t k = transposed ? spec.dims[0] : spec.dims.back();
    std::vector<MatrixView> views;
    for (const RawTensor& part : parts) {
      const int64_t matrices = part.dims.size() == 3 ? part.dims[0] : 1;
      for (int64_t i = 0; i < matrices; ++i) {
        views.push_back({part.format, part.data + i * n * RowBytesOf(*part.format, k), n, k,
                         transposed, n, part.owner});
      }
    }
    return Pack(Stem(spec.name), views, stacked, exact);
  }

  // Of a transposed matrix only the size of an element matters here: it is one alone.
  static int64_t RowBytesOf(const WeightFormat& format, int64_t k) {
    return k / format.block * format.bytes;
  }

  const WeightFormat& Target(const WeightFormat& format, int64_t k, bool exact) const {
    if (exact) return **chips::FindWeightFormat("f32");
    return FitFormat(wanted_ != nullptr && IsFloat(format) ? *wanted_ : format, k);
  }

  // All of one size and format; `like`: in the format that weights of this one get.
  absl::Status Pack(const std::string& stem, const std::vector<MatrixView>& views, bool stacked,
                    bool exact, const WeightFormat* like = nullptr) {
    const int64_t n = views[0].n, k = views[0].k;
    const WeightFormat& target = Target(like != nullptr ? *like : *views[0].format, k, exact);
    const auto count = static_cast<int64_t>(views.size());
    const int64_t groups = chips::PackedGroups(n), bytes = chips::GroupBytes(target, k);
    const std::string name = stem + ".packed";
    HostTensor out = arena_.Allocate(chips::U8, stacked ? std::vector<int64_t>{count, groups, bytes}
                                                        : std::vector<int64_t>{groups, bytes});
    for (int64_t i = 0; i < count; ++i)
      packer_.Add(views[static_cast<size_t>(i)], target, out.data<uint8_t>() + i * groups * bytes);
    weights_.tensors[name] = std::move(out);
    weights_.matrices[name] = {&target, true, stacked ? count : 0, n, k};
    return absl::OkStatus();
  }

  // Norms with the offset of their files added, biases, positions.
  absl::Status AddFloats(const ParameterSpec& spec, const RawTensor& raw) {
    HostTensor out = arena_.Allocate(chips::F32, spec.dims);
    const int64_t k = spec.dims.back(), rows = out.elements() / std::max<int64_t>(k, 1);
    if (k % raw.format->block != 0)
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", spec.name, "': is ", raw.format->name, ", must be f32"));
    for (int64_t i = 0; i < rows; ++i)
      chips::DecodeRow(*raw.format, raw.data + i * chips::RowBytes(*raw.format, k), k,
                       out.data<float>() + i * k);
    const bool norm = spec.dims.size() == 1 && IsNorm(spec);
    for (int64_t i = 0; norm && i < out.elements(); ++i)
      out.data<float>()[i] += static_cast<float>(config_.norm_offset());
    weights_.tensors[spec.name] = std::move(out);
    return absl::OkStatus();
  }

  // With an offset norms start from zeros, and no bias of a norm is there.
  bool IsNorm(const ParameterSpec& spec) const {
    const auto id = names_.Find(spec.name);
    switch (id->role) {
      case TensorRole::kFinalNorm:
      case TensorRole::kAttentionNorm:
      case TensorRole::kAttentionPostNorm:
      case TensorRole::kMlpNorm:
      case TensorRole::kMlpPostNorm:
      case TensorRole::kQueryNorm:
      case TensorRole::kKeyNorm:
      case TensorRole::kQueryDownNorm:
      case TensorRole::kKvDownNorm:
        return id->suffix == ".weight";
      default:
        return false;
    }
  }

  // The table in place for look-ups; packed as well when it is the output matrix too.
  absl::Status AddTable(const ParameterSpec& spec, const RawTensor& raw) {
    const int64_t n = spec.dims[0], k = spec.dims[1];
    const std::string stem = Stem(spec.name), rows = stem + ".rows";
    weights_.tensors[rows] =
        HostTensor::Wrap(chips::U8, {n, chips::RowBytes(*raw.format, k)}, raw.data, raw.owner);
    weights_.matrices[rows] = {raw.format, false, 0, n, k};
    if (!config_.tie_embeddings()) return absl::OkStatus();
    return Pack(stem, {{raw.format, raw.data, n, k, false, 0, raw.owner}}, false, false);
  }

  // Keys' part turned round: q_nope · (W_k c) = (W_kᵀ q_nope) · c, so that the cache need hold c alone.
  absl::Status AddKvUp(const ParameterSpec& spec) {
    const LatentAttention& l = config_.latent();
    const std::string stem = Stem(spec.name);
    STRATA_ASSIGN_OR_RETURN(const std::vector<RawTensor> split, source_.GetSplitKvUp(spec));
    std::vector<MatrixView> keys, values;
    if (!split.empty()) {
      for (int64_t head = 0; head < config_.heads(); ++head) {
        keys.push_back(PartOf(split[0], head * l.kv_rank(), l.kv_rank(), l.nope_width()));
        values.push_back(PartOf(split[1], head * l.value_width(), l.value_width(), l.kv_rank()));
      }
    } else {
      STRATA_ASSIGN_OR_RETURN(const std::vector<RawTensor> parts, source_.Get(spec));
      for (int64_t head = 0; head < config_.heads(); ++head) {
        const int64_t row = head * (l.nope_width() + l.value_width());
        keys.push_back(Turned(PartOf(parts[0], row, l.nope_width(), l.kv_rank())));
        values.push_back(PartOf(parts[0], row + l.nope_width(), l.value_width(), l.kv_rank()));
      }
    }
    const WeightFormat& format = *values[0].format;
    STRATA_RETURN_IF_ERROR(Pack(stem + ".key", keys, true, false, &format));
    return Pack(stem + ".value", values, true, false);
  }

  // `n` rows of `k` weights from row `first` on.
  static MatrixView PartOf(const RawTensor& raw, int64_t first, int64_t n, int64_t k) {
    return {raw.format, raw.data + first * chips::RowBytes(*raw.format, k), n, k, false, 0,
            raw.owner};
  }

  // The transpose, by way of f32.
  static MatrixView Turned(const MatrixView& view) {
    auto values = std::make_shared<std::vector<float>>(static_cast<size_t>(view.n * view.k));
    for (int64_t i = 0; i < view.n; ++i)
      chips::DecodeRow(*view.format, view.data + i * chips::RowBytes(*view.format, view.k), view.k,
                       values->data() + i * view.k);
    const auto* data = reinterpret_cast<const uint8_t*>(values->data());
    return {*chips::FindWeightFormat("f32"), data, view.k, view.n, true, view.k, std::move(values)};
  }

  void AddFrequencies() {
    const auto add = [&](const char* name, bool local) {
      std::vector<float> frequencies;
      for (double f : RopeFrequencies(config_, local)) frequencies.push_back(static_cast<float>(f));
      weights_.tensors[name] =
          HostTensor::FromVector<float>({static_cast<int64_t>(frequencies.size())}, frequencies);
    };
    add(kRopeFrequencies, false);
    if (config_.window() > 0) add(kLocalFrequencies, true);
  }

  const DecoderConfig& config_;
  const WeightSource& source_;
  const WeightFormat* wanted_;
  ParameterNames names_;
  MatrixPacker packer_;
  graph::TensorArena arena_;  // in the order of the parameters: as a step reads them
  PackedWeights weights_;
};

}  // namespace

DecoderConfig StepConfig(DecoderConfig config) {
  config.set_norm_offset(0);
  config.set_input_major(false);
  return config;
}

absl::StatusOr<PackedWeights> PackWeights(const DecoderConfig& config, const WeightSource& source,
                                          const PackOptions& options) {
  const WeightFormat* wanted = nullptr;
  if (!options.format.empty()) {
    STRATA_ASSIGN_OR_RETURN(wanted, chips::FindWeightFormat(options.format));
  }
  Packer packer(config, source, wanted);
  STRATA_RETURN_IF_ERROR(packer.AddAll());
  return packer.Finish(options.threads);
}

}  // namespace strata::llm
