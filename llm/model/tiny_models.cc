#include "llm/model/tiny_models.h"

#include <functional>

#include "framework/nn/parameters.h"
#include "llm/model/architectures.h"
#include "llm/model/config.h"
#include "llm/model/decoder.h"

namespace strata::llm {
namespace {

void SetExperts(DecoderConfig* config) {
  Experts& experts = *config->mutable_experts();
  const bool sigmoid = experts.router() == SIGMOID_WITH_BIAS;
  experts.set_count(8);
  experts.set_per_token(sigmoid ? 3 : 2);
  experts.set_width(32);
  experts.set_shared(1);
  experts.set_dense_layers(1);
  experts.set_groups(4);
  experts.set_groups_per_token(2);
  experts.set_scale(1.5);
}

void SetLatent(DecoderConfig* config, int64_t query_rank) {
  LatentAttention& latent = *config->mutable_latent();
  latent.set_query_rank(query_rank);
  latent.set_kv_rank(64);
  latent.set_nope_width(32);
  latent.set_rope_width(16);
  latent.set_value_width(32);
}

Rope ScaledRope(RopeScaling scaling) {
  Rope rope;
  rope.set_theta(1000);
  rope.set_scaling(scaling);
  rope.set_factor(4);
  rope.set_original_context(16);
  return rope;
}

DecoderConfig Vary(const std::string& architecture, const std::function<void(DecoderConfig*)>& f) {
  DecoderConfig config = TinyConfig(architecture);
  f(&config);
  return *CompleteConfig(config);
}

}  // namespace

DecoderConfig TinyConfig(const std::string& architecture) {
  DecoderConfig config = (*FindArchitecture(architecture))->features;
  config.set_architecture(architecture);
  config.set_vocab_size(61);
  config.set_context(48);
  config.set_layers(config.full_every() == 6 ? 6 : 2);
  config.set_width(64);
  config.set_heads(4);
  config.set_mlp_width(96);
  config.set_init_std(0.15);
  if (config.gated_mlp() && !config.has_latent()) config.set_kv_heads(2);
  if (config.head_width() > 0) config.set_head_width(32);
  if (config.window() > 0) config.set_window(5);
  if (config.has_latent()) {
    SetLatent(&config, config.experts().router() == SIGMOID_WITH_BIAS ? 32 : 0);
    SetExperts(&config);
  }
  return *CompleteConfig(config);
}

std::map<std::string, DecoderConfig> TinyVariants() {
  std::map<std::string, DecoderConfig> variants;
  const std::pair<const char*, RopeScaling> scalings[] = {
      {"linear", ROPE_LINEAR}, {"ntk", ROPE_NTK}, {"yarn", ROPE_YARN}, {"llama3", ROPE_LLAMA3}};
  for (const auto& [name, scaling] : scalings) {
    variants[std::string("rope_") + name] =
        Vary("llama", [&, s = scaling](DecoderConfig* c) { *c->mutable_rope() = ScaledRope(s); });
  }
  variants["rope_longrope"] = Vary("phi3", [](DecoderConfig* c) {
    *c->mutable_rope() = ScaledRope(ROPE_FACTORS);
    for (int i = 0; i < 8; ++i) {
      c->mutable_rope()->add_short_factors(1 + 0.1 * i);
      c->mutable_rope()->add_long_factors(1 + 0.5 * i);
    }
  });
  variants["rope_partial_interleaved"] = Vary("llama", [](DecoderConfig* c) {
    c->mutable_rope()->set_width(8);
    c->mutable_rope()->set_interleaved(true);
  });
  variants["yarn_deepseek"] = Vary("deepseek_v3", [](DecoderConfig* c) {
    *c->mutable_rope() = ScaledRope(ROPE_YARN);
    c->mutable_rope()->set_interleaved(true);
    c->mutable_rope()->set_mscale(1);
    c->mutable_rope()->set_mscale_all_dim(0.7);
  });
  variants["window_in_all_layers"] = Vary("mistral", [](DecoderConfig* c) { c->set_window(3); });
  variants["deepseek_v2_low_rank_queries"] =
      Vary("deepseek_v2", [](DecoderConfig* c) { c->mutable_latent()->set_query_rank(32); });
  variants["biases_exact_gelu_ungated"] = Vary("llama", [](DecoderConfig* c) {
    c->set_qkv_bias(true);
    c->set_output_bias(true);
    c->set_mlp_bias(true);
    c->set_activation(GELU);
    c->set_gated_mlp(false);
    c->set_logit_scale(0.25);
  });
  return variants;
}

std::map<std::string, graph::HostTensor> TinyWeights(const DecoderConfig& config, uint64_t seed) {
  std::map<std::string, graph::HostTensor> weights;
  for (framework::ParameterSpec spec : DecoderParameters(config)) {
    const bool ones = spec.init.kind == framework::Init::Kind::kOnes;
    if (spec.init.kind != framework::Init::Kind::kNormal) spec.init = framework::Init::Normal(0.2);
    graph::HostTensor tensor = framework::InitParameter(spec, seed);
    for (int64_t i = 0; ones && i < tensor.elements(); ++i) tensor.data<float>()[i] += 1;
    weights[spec.name] = tensor;
  }
  return weights;
}

}  // namespace strata::llm
