#include "llm/model/config.h"

#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "llm/model/architectures.h"
#include "llm/model/config_fields.h"

namespace strata::llm {
namespace {

absl::Status Bad(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

DecoderConfig Shape(const char* architecture, int64_t vocab_size, int64_t context, int64_t layers,
                    int64_t width, int64_t heads, int64_t kv_heads, int64_t mlp_width) {
  DecoderConfig config;
  config.set_architecture(architecture);
  config.set_vocab_size(vocab_size);
  config.set_context(context);
  config.set_layers(layers);
  config.set_width(width);
  config.set_heads(heads);
  config.set_kv_heads(kv_heads);
  config.set_mlp_width(mlp_width);
  return config;
}

DecoderConfig Qwen25() {
  DecoderConfig config = Shape("qwen2", 151936, 32768, 24, 896, 14, 2, 4864);
  config.mutable_rope()->set_theta(1e6);
  config.set_tie_embeddings(true);
  return config;
}

// Shapes as published: Radford et al. (2019), table 2; TinyLlama (Zhang et al., 2024), table 1; Qwen2.5 (2024), its
// config.json.
const std::map<std::string, DecoderConfig>& Named() {
  static const auto* named = new std::map<std::string, DecoderConfig>{
      {"gpt2-124m", Shape("gpt2", 50257, 1024, 12, 768, 12, 12, 3072)},
      {"gpt2-355m", Shape("gpt2", 50257, 1024, 24, 1024, 16, 16, 4096)},
      {"qwen2.5-0.5b", Qwen25()},
      {"tinyllama-1.1b", Shape("llama", 32000, 2048, 22, 2048, 32, 4, 5632)},
  };
  return *named;
}

void SetDefault(DecoderConfig* config, const std::string& field, double value) {
  if (ConfigNumber(*config, field) == 0) SetConfigNumber(config, field, value);
}

void CompleteRope(DecoderConfig* config) {
  if (config->learned_positions()) return config->clear_rope();
  Rope& rope = *config->mutable_rope();
  SetDefault(config, "rope.theta", 10000);
  const int64_t head = config->has_latent() ? config->latent().rope_width() : config->head_width();
  if (rope.width() == 0) rope.set_width(head);
  if (rope.scaling() == ROPE_SCALING_UNSPECIFIED) return;
  if (rope.original_context() == 0) rope.set_original_context(config->context());
  if (rope.scaling() == ROPE_LLAMA3) {
    SetDefault(config, "rope.low_freq_factor", 1);
    SetDefault(config, "rope.high_freq_factor", 4);
  }
  if (rope.scaling() == ROPE_YARN) {
    SetDefault(config, "rope.beta_fast", 32);
    SetDefault(config, "rope.beta_slow", 1);
  }
}

void CompleteExperts(DecoderConfig* config) {
  if (config->experts().count() == 0) return config->clear_experts();
  if (config->experts().width() == 0) config->mutable_experts()->set_width(config->mlp_width());
  SetDefault(config, "experts.scale", 1);
  SetDefault(config, "experts.groups", 1);
  SetDefault(config, "experts.groups_per_token", static_cast<double>(config->experts().groups()));
  SetDefault(config, "experts.group_score_top", 1);
}

// The architecture's features under what is set.
absl::Status MergeFeatures(DecoderConfig* config) {
  absl::StatusOr<const Architecture*> row = FindArchitecture(config->architecture());
  if (!row.ok()) return Bad("architecture", row.status().message());
  DecoderConfig merged = (*row)->features;
  merged.MergeFrom(*config);
  *config = std::move(merged);
  return absl::OkStatus();
}

void CompleteSizes(DecoderConfig* config) {
  if (config->kv_heads() == 0) config->set_kv_heads(config->heads());
  if (config->mlp_width() == 0) config->set_mlp_width(4 * config->width());
  if (config->latent().kv_rank() == 0) config->clear_latent();
  if (config->has_latent()) {
    config->set_head_width(config->latent().nope_width() + config->latent().rope_width());
  } else if (config->head_width() == 0 && config->heads() > 0) {
    config->set_head_width(config->width() / config->heads());
  }
  SetDefault(config, "norm_epsilon", 1e-5);
  SetDefault(config, "init_std", 0.02);
  SetDefault(config, "logit_scale", 1);
  if (config->norm_placement() == NORM_PLACEMENT_UNSPECIFIED)
    config->set_norm_placement(NORM_BEFORE);
  if (config->scale_embedding() && config->embedding_scale() == 0)
    config->set_embedding_scale(std::sqrt(static_cast<double>(config->width())));
  if (config->attention_scale() == 0 && config->head_width() > 0)
    config->set_attention_scale(1 / std::sqrt(static_cast<double>(config->head_width())));
}

// Features that no one named are said to be absent, so that equal configs are equal messages.
void SayAbsent(DecoderConfig* config) {
  for (const char* field :
       {"tie_embeddings", "norm_offset", "qk_norm", "gated_mlp", "qkv_bias", "output_bias",
        "mlp_bias", "fused_qkv", "fused_gate_up", "input_major", "learned_positions", "window",
        "full_every", "attention_softcap", "logit_softcap", "scale_embedding"}) {
    if (!HasConfigField(*config, field)) SetConfigNumber(config, field, 0);
  }
  if (config->has_rope() && !config->rope().has_interleaved())
    config->mutable_rope()->set_interleaved(false);
  if (config->has_experts() && !config->experts().has_normalize())
    config->mutable_experts()->set_normalize(false);
}

absl::Status CheckSizes(const DecoderConfig& config) {
  constexpr int64_t kMost = int64_t{1} << 31;
  for (const char* field :
       {"vocab_size", "context", "layers", "width", "heads", "kv_heads", "mlp_width"}) {
    const double size = ConfigNumber(config, field);
    if (size < 1 || size > static_cast<double>(kMost))
      return Bad(field, absl::StrCat(static_cast<int64_t>(size), " is outside [1, 2^31]"));
  }
  const bool derived = config.head_width() == config.width() / config.heads();
  if (derived && config.width() % config.heads() != 0)
    return Bad("heads",
               absl::StrCat(config.heads(), " does not divide the width ", config.width()));
  if (config.head_width() < 1 || config.head_width() > kMost)
    return Bad("head_width", absl::StrCat(config.head_width(), " is outside [1, 2^31]"));
  if (config.heads() % config.kv_heads() != 0)
    return Bad("kv_heads",
               absl::StrCat(config.kv_heads(), " does not divide heads ", config.heads()));
  for (const char* field : {"norm_epsilon", "init_std", "attention_scale"}) {
    if (!(ConfigNumber(config, field) > 0)) return Bad(field, "must be positive");
  }
  for (const char* field : {"window", "full_every", "attention_softcap", "logit_softcap"}) {
    if (!(ConfigNumber(config, field) >= 0)) return Bad(field, "is negative");
  }
  if (config.norm() == NORM_KIND_UNSPECIFIED) return Bad("norm", "is not set");
  if (config.activation() == ACTIVATION_UNSPECIFIED) return Bad("activation", "is not set");
  return absl::OkStatus();
}

absl::Status CheckRope(const DecoderConfig& config) {
  if (config.learned_positions()) return absl::OkStatus();
  const Rope& rope = config.rope();
  const int64_t head = config.has_latent() ? config.latent().rope_width() : config.head_width();
  if (rope.width() < 2 || rope.width() % 2 != 0 || rope.width() > head)
    return Bad("rope.width", absl::StrCat(rope.width(), " is not an even number of [2, ", head,
                                          "], the width of a head"));
  if (!(rope.theta() > 0)) return Bad("rope.theta", "must be positive");
  if (rope.local_theta() < 0) return Bad("rope.local_theta", "is negative");
  if (rope.scaling() == ROPE_FACTORS) {
    for (const auto* factors : {&rope.short_factors(), &rope.long_factors()}) {
      if (factors->size() != rope.width() / 2)
        return Bad("rope.short_factors, long_factors",
                   absl::StrCat("must have width / 2 = ", rope.width() / 2, " numbers each"));
      for (double factor : *factors) {
        if (!(factor > 0)) return Bad("rope.short_factors, long_factors", "must be positive");
      }
    }
  } else if (rope.scaling() != ROPE_SCALING_UNSPECIFIED && !(rope.factor() >= 1)) {
    return Bad("rope.factor", absl::StrCat(rope.factor(), " is below 1"));
  }
  return absl::OkStatus();
}

absl::Status CheckExperts(const DecoderConfig& config) {
  if (!config.has_experts()) return absl::OkStatus();
  const Experts& e = config.experts();
  if (e.count() < 1 || e.count() > 65536)
    return Bad("experts.count", absl::StrCat(e.count(), " is outside [1, 65536]"));
  if (e.per_token() < 1 || e.per_token() > e.count())
    return Bad("experts.per_token", absl::StrCat(e.per_token(), " is outside [1, experts.count]"));
  if (e.groups() < 1 || e.count() % e.groups() != 0)
    return Bad("experts.groups", absl::StrCat(e.groups(), " does not divide experts.count"));
  if (e.groups_per_token() < 1 || e.groups_per_token() > e.groups())
    return Bad("experts.groups_per_token", "is outside [1, experts.groups]");
  if (e.per_token() > e.count() / e.groups() * e.groups_per_token())
    return Bad("experts.groups_per_token", "leaves fewer experts than experts.per_token");
  if (e.group_score_top() < 1 || e.group_score_top() > e.count() / e.groups())
    return Bad("experts.group_score_top", "is outside [1, size of a group]");
  if (e.router() == ROUTER_UNSPECIFIED) return Bad("experts.router", "is not set");
  if (e.width() < 1 || e.shared() < 0 || e.dense_layers() < 0)
    return Bad("experts", "width, shared or dense_layers is out of range");
  if (!config.gated_mlp() || config.mlp_bias())
    return Bad("experts", "are gated and have no biases; set gated_mlp, and mlp_bias to false");
  return absl::OkStatus();
}

absl::Status CheckLatent(const DecoderConfig& config) {
  if (!config.has_latent()) return absl::OkStatus();
  for (const char* field :
       {"latent.kv_rank", "latent.nope_width", "latent.rope_width", "latent.value_width"}) {
    if (ConfigNumber(config, field) < 1) return Bad(field, "must be positive");
  }
  if (config.kv_heads() != config.heads())
    return Bad("kv_heads", "latent attention has as many as heads");
  if (config.qkv_bias() || config.output_bias() || config.qk_norm() || config.learned_positions())
    return Bad("latent", "comes without biases, qk_norm and learned positions");
  return absl::OkStatus();
}

absl::Status CheckLayouts(const DecoderConfig& config) {
  if (config.fused_gate_up() && !config.gated_mlp()) return Bad("fused_gate_up", "needs gated_mlp");
  if (config.has_experts() && config.fused_gate_up())
    return Bad("fused_gate_up", "is not known of experts");
  if (config.input_major() &&
      (config.has_experts() || config.has_latent() || !config.tie_embeddings()))
    return Bad("input_major", "is not known of experts, latent attention and an output matrix");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DecoderConfig> CompleteConfig(DecoderConfig config) {
  STRATA_RETURN_IF_ERROR(MergeFeatures(&config));
  CompleteSizes(&config);
  CompleteRope(&config);
  CompleteExperts(&config);
  SayAbsent(&config);
  STRATA_RETURN_IF_ERROR(CheckSizes(config));
  STRATA_RETURN_IF_ERROR(CheckRope(config));
  STRATA_RETURN_IF_ERROR(CheckExperts(config));
  STRATA_RETURN_IF_ERROR(CheckLatent(config));
  STRATA_RETURN_IF_ERROR(CheckLayouts(config));
  return config;
}

absl::StatusOr<DecoderConfig> NamedConfig(const std::string& name) {
  auto it = Named().find(name);
  if (it != Named().end()) return CompleteConfig(it->second);
  std::string names;
  for (const auto& [known, config] : Named())
    absl::StrAppend(&names, names.empty() ? "" : ", ", known);
  return absl::NotFoundError(absl::StrCat("no model named '", name, "'; there is: ", names));
}

std::vector<std::string> ConfigNames() {
  std::vector<std::string> names;
  for (const auto& [name, config] : Named()) names.push_back(name);
  return names;
}

bool LayerHasWindow(const DecoderConfig& config, int64_t layer) {
  if (config.window() == 0) return false;
  return config.full_every() == 0 || (layer + 1) % config.full_every() != 0;
}

bool LayerHasExperts(const DecoderConfig& config, int64_t layer) {
  return config.has_experts() && layer >= config.experts().dense_layers();
}

}  // namespace strata::llm
