#include "llm/model/architectures.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::llm {
namespace {

using Keys = std::vector<ConfigKey>;
using Names = std::map<TensorRole, std::string>;
using Role = TensorRole;

Keys operator+(Keys keys, const Keys& more) {
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

// Later names replace earlier ones.
Names operator+(Names names, const Names& more) {
  for (const auto& [role, name] : more) names[role] = name;
  return names;
}

// What most models since Llama call things.
Keys LlamaKeys() {
  return {{"vocab_size", "vocab_size", "vocab_size", true},
          {"context", "max_position_embeddings", "context_length"},
          {"layers", "num_hidden_layers", "block_count", true},
          {"width", "hidden_size", "embedding_length", true},
          {"heads", "num_attention_heads", "attention.head_count", true},
          {"kv_heads", "num_key_value_heads", "attention.head_count_kv"},
          {"mlp_width", "intermediate_size", "feed_forward_length", true},
          {"norm_epsilon", "rms_norm_eps", "attention.layer_norm_rms_epsilon"},
          {"rope.theta", "rope_theta", "rope.freq_base"},
          {"tie_embeddings", "tie_word_embeddings", ""},
          {"init_std", "initializer_range", ""}};
}

Keys HeadWidthKey() { return {{"head_width", "head_dim", "attention.key_length"}}; }

Keys WindowKey() { return {{"window", "sliding_window", "attention.sliding_window"}}; }

Names LlamaNames() {
  const std::string layer = "model.layers.{layer}.";
  return {{Role::kEmbedding, "model.embed_tokens"},
          {Role::kFinalNorm, "model.norm"},
          {Role::kHead, "lm_head"},
          {Role::kAttentionNorm, layer + "input_layernorm"},
          {Role::kQuery, layer + "self_attn.q_proj"},
          {Role::kKey, layer + "self_attn.k_proj"},
          {Role::kValue, layer + "self_attn.v_proj"},
          {Role::kAttentionOutput, layer + "self_attn.o_proj"},
          {Role::kMlpNorm, layer + "post_attention_layernorm"},
          {Role::kGate, layer + "mlp.gate_proj"},
          {Role::kUp, layer + "mlp.up_proj"},
          {Role::kDown, layer + "mlp.down_proj"}};
}

Names QkNormNames() {
  return {{Role::kQueryNorm, "model.layers.{layer}.self_attn.q_norm"},
          {Role::kKeyNorm, "model.layers.{layer}.self_attn.k_norm"}};
}

DecoderConfig LlamaFeatures() {
  DecoderConfig f;
  f.set_context(2048);
  f.set_norm(RMS_NORM);
  f.set_norm_placement(NORM_BEFORE);
  f.set_norm_epsilon(1e-6);
  f.set_activation(SILU);
  f.set_gated_mlp(true);
  f.set_tie_embeddings(false);
  f.mutable_rope()->set_theta(10000);
  return f;
}

Architecture LlamaLike(const std::string& name, const std::string& hf_class,
                       const std::string& gguf) {
  Architecture row;
  row.name = name;
  row.hf_class = hf_class;
  row.gguf = gguf;
  row.features = LlamaFeatures();
  row.keys = LlamaKeys();
  row.hf_layer = "model.layers.{layer}";
  row.tensors = LlamaNames();
  return row;
}

Architecture Gpt2() {
  Architecture row;
  row.name = row.gguf = "gpt2";
  row.hf_class = "GPT2LMHeadModel";
  DecoderConfig& f = row.features;
  f.set_context(1024);
  f.set_norm(LAYER_NORM);
  f.set_norm_placement(NORM_BEFORE);
  f.set_norm_epsilon(1e-5);
  f.set_activation(GELU_TANH);
  f.set_gated_mlp(false);
  f.set_qkv_bias(true);
  f.set_output_bias(true);
  f.set_mlp_bias(true);
  f.set_fused_qkv(true);
  f.set_input_major(true);
  f.set_learned_positions(true);
  f.set_tie_embeddings(true);
  row.keys = {{"vocab_size", "vocab_size", "vocab_size", true},
              {"context", "n_positions", "context_length"},
              {"layers", "n_layer", "block_count", true},
              {"width", "n_embd", "embedding_length", true},
              {"heads", "n_head", "attention.head_count", true},
              {"mlp_width", "n_inner", "feed_forward_length"},
              {"norm_epsilon", "layer_norm_epsilon", "attention.layer_norm_epsilon"},
              {"tie_embeddings", "tie_word_embeddings", ""},
              {"init_std", "initializer_range", ""}};
  row.hf_activation = "activation_function";
  row.hf_gelu_tanh = "gelu_new";
  row.hf_layer = "h.{layer}";
  row.hf_prefix = "transformer.";
  row.tensors = {{Role::kEmbedding, "wte"},
                 {Role::kPositions, "wpe"},
                 {Role::kFinalNorm, "ln_f"},
                 {Role::kHead, "lm_head"},
                 {Role::kAttentionNorm, "h.{layer}.ln_1"},
                 {Role::kQkv, "h.{layer}.attn.c_attn"},
                 {Role::kAttentionOutput, "h.{layer}.attn.c_proj"},
                 {Role::kMlpNorm, "h.{layer}.ln_2"},
                 {Role::kUp, "h.{layer}.mlp.c_fc"},
                 {Role::kDown, "h.{layer}.mlp.c_proj"}};
  return row;
}

Architecture Llama() {
  Architecture row = LlamaLike("llama", "LlamaForCausalLM", "llama");
  row.gguf_interleaves_rope = true;
  row.keys = row.keys + HeadWidthKey() +
             Keys{{"qkv_bias", "attention_bias", ""},
                  {"output_bias", "attention_bias", ""},
                  {"mlp_bias", "mlp_bias", ""}};
  return row;
}

Architecture Mistral() {
  Architecture row = LlamaLike("mistral", "MistralForCausalLM", "llama");
  row.gguf_interleaves_rope = true;
  row.gguf_marker = "attention.sliding_window";
  row.features.set_context(131072);
  row.features.set_window(4096);
  row.keys = row.keys + HeadWidthKey() + WindowKey();
  return row;
}

Architecture Qwen2() {
  Architecture row = LlamaLike("qwen2", "Qwen2ForCausalLM", "qwen2");
  row.features.set_context(32768);
  row.features.set_qkv_bias(true);
  return row;
}

Architecture Qwen3() {
  Architecture row = LlamaLike("qwen3", "Qwen3ForCausalLM", "qwen3");
  row.features.set_context(32768);
  row.features.set_head_width(128);
  row.features.set_qk_norm(true);
  row.keys = row.keys + HeadWidthKey() +
             Keys{{"qkv_bias", "attention_bias", ""}, {"output_bias", "attention_bias", ""}};
  row.tensors = row.tensors + QkNormNames();
  return row;
}

// What both Gemmas share.
Architecture Gemma(const std::string& name, const std::string& hf_class) {
  Architecture row = LlamaLike(name, hf_class, name);
  row.features.set_context(8192);
  row.features.set_norm_placement(NORM_AROUND);
  row.features.set_norm_offset(1);
  row.features.set_activation(GELU_TANH);
  row.features.set_tie_embeddings(true);
  row.features.set_scale_embedding(true);
  row.features.set_head_width(256);
  row.features.set_attention_scale(0.0625);
  row.features.set_window(4096);
  row.hf_activation = "hidden_activation";
  row.keys = row.keys + HeadWidthKey() + WindowKey() +
             Keys{{"attention_scale", "query_pre_attn_scalar", "attention.scale", false,
                   ConfigKey::Change::kInverseRoot},
                  {"attention_softcap", "attn_logit_softcapping", "attn_logit_softcapping"},
                  {"logit_softcap", "final_logit_softcapping", "final_logit_softcapping"},
                  {"full_every", "sliding_window_pattern", ""}};
  const std::string layer = "model.layers.{layer}.";
  row.tensors = row.tensors + Names{{Role::kAttentionPostNorm, layer + "post_attention_layernorm"},
                                    {Role::kMlpNorm, layer + "pre_feedforward_layernorm"},
                                    {Role::kMlpPostNorm, layer + "post_feedforward_layernorm"}};
  return row;
}

Architecture Gemma2() {
  Architecture row = Gemma("gemma2", "Gemma2ForCausalLM");
  row.features.set_attention_softcap(50);
  row.features.set_logit_softcap(30);
  row.features.set_full_every(2);
  return row;
}

Architecture Gemma3() {
  Architecture row = Gemma("gemma3_text", "Gemma3ForCausalLM");
  row.gguf = "gemma3";
  row.features.set_context(131072);
  row.features.set_full_every(6);
  row.features.set_qk_norm(true);
  row.features.mutable_rope()->set_theta(1e6);
  row.features.mutable_rope()->set_local_theta(10000);
  row.keys = row.keys + Keys{{"rope.local_theta", "rope_local_base_freq", "rope.freq_base_swa"}};
  row.tensors = row.tensors + QkNormNames();
  return row;
}

Architecture Phi3() {
  Architecture row = LlamaLike("phi3", "Phi3ForCausalLM", "phi3");
  row.features.set_context(4096);
  row.features.set_norm_epsilon(1e-5);
  row.features.set_fused_qkv(true);
  row.features.set_fused_gate_up(true);
  row.keys = row.keys + WindowKey() +
             Keys{{"rope.original_context", "original_max_position_embeddings",
                   "rope.scaling.original_context_length"}};
  row.tensors = row.tensors + Names{{Role::kQkv, "model.layers.{layer}.self_attn.qkv_proj"},
                                    {Role::kGateUp, "model.layers.{layer}.mlp.gate_up_proj"}};
  return row;
}

Architecture Mixtral() {
  Architecture row = LlamaLike("mixtral", "MixtralForCausalLM", "llama");
  row.gguf_interleaves_rope = true;
  row.gguf_marker = "expert_count";
  row.features.set_context(131072);
  row.features.set_norm_epsilon(1e-5);
  row.features.mutable_rope()->set_theta(1e6);
  Experts& experts = *row.features.mutable_experts();
  experts.set_count(8);
  experts.set_per_token(2);
  experts.set_router(TOP_K_THEN_SOFTMAX);
  row.keys = row.keys + HeadWidthKey() + WindowKey() +
             Keys{{"experts.count", "num_local_experts", "expert_count"},
                  {"experts.per_token", "num_experts_per_tok", "expert_used_count"}};
  const std::string moe = "model.layers.{layer}.block_sparse_moe.";
  row.tensors = row.tensors + Names{{Role::kRouter, moe + "gate"},
                                    {Role::kExpertGate, moe + "experts.{expert}.w1"},
                                    {Role::kExpertUp, moe + "experts.{expert}.w3"},
                                    {Role::kExpertDown, moe + "experts.{expert}.w2"}};
  return row;
}

Names DeepSeekNames() {
  const std::string mlp = "model.layers.{layer}.mlp.",
                    attention = "model.layers.{layer}.self_attn.";
  return {{Role::kRouter, mlp + "gate"},
          {Role::kRouterBias, mlp + "gate.e_score_correction_bias"},
          {Role::kExpertGate, mlp + "experts.{expert}.gate_proj"},
          {Role::kExpertUp, mlp + "experts.{expert}.up_proj"},
          {Role::kExpertDown, mlp + "experts.{expert}.down_proj"},
          {Role::kSharedGate, mlp + "shared_experts.gate_proj"},
          {Role::kSharedUp, mlp + "shared_experts.up_proj"},
          {Role::kSharedDown, mlp + "shared_experts.down_proj"},
          {Role::kQueryDown, attention + "q_a_proj"},
          {Role::kQueryDownNorm, attention + "q_a_layernorm"},
          {Role::kQueryUp, attention + "q_b_proj"},
          {Role::kKvDown, attention + "kv_a_proj_with_mqa"},
          {Role::kKvDownNorm, attention + "kv_a_layernorm"},
          {Role::kKvUp, attention + "kv_b_proj"}};
}

Keys DeepSeekKeys() {
  return {{"experts.count", "n_routed_experts", "expert_count"},
          {"experts.per_token", "num_experts_per_tok", "expert_used_count"},
          {"experts.width", "moe_intermediate_size", "expert_feed_forward_length"},
          {"experts.shared", "n_shared_experts", "expert_shared_count"},
          {"experts.dense_layers", "first_k_dense_replace", "leading_dense_block_count"},
          {"experts.normalize", "norm_topk_prob", "expert_weights_norm"},
          {"experts.scale", "routed_scaling_factor", "expert_weights_scale"},
          {"experts.groups", "n_group", "expert_group_count"},
          {"experts.groups_per_token", "topk_group", "expert_group_used_count"},
          {"latent.query_rank", "q_lora_rank", "attention.q_lora_rank"},
          {"latent.kv_rank", "kv_lora_rank", "attention.kv_lora_rank"},
          {"latent.nope_width", "qk_nope_head_dim", ""},
          {"latent.rope_width", "qk_rope_head_dim", "rope.dimension_count"},
          {"latent.value_width", "v_head_dim", "attention.value_length_mla"}};
}

// What both DeepSeeks share.
Architecture DeepSeek(const std::string& name, const std::string& hf_class) {
  Architecture row = LlamaLike(name, hf_class, "deepseek2");
  row.features.mutable_rope()->set_interleaved(true);
  LatentAttention& latent = *row.features.mutable_latent();
  latent.set_kv_rank(512);
  latent.set_nope_width(128);
  latent.set_rope_width(64);
  latent.set_value_width(128);
  row.keys = row.keys + DeepSeekKeys();
  row.tensors = row.tensors + DeepSeekNames();
  return row;
}

Architecture DeepSeekV2() {
  Architecture row = DeepSeek("deepseek_v2", "DeepseekV2ForCausalLM");
  Experts& experts = *row.features.mutable_experts();
  experts.set_router(SOFTMAX_THEN_TOP_K);
  experts.set_group_score_top(1);
  return row;
}

Architecture DeepSeekV3() {
  Architecture row = DeepSeek("deepseek_v3", "DeepseekV3ForCausalLM");
  row.gguf_marker = "expert_gating_func";
  row.gguf_marker_value = 2;
  Experts& experts = *row.features.mutable_experts();
  experts.set_router(SIGMOID_WITH_BIAS);
  experts.set_normalize(true);
  experts.set_group_score_top(2);
  return row;
}

const std::vector<Architecture>& Rows() {
  static const auto* rows = new std::vector<Architecture>{
      Gpt2(),   Llama(), Mistral(), Qwen2(),      Qwen3(),     Gemma2(),
      Gemma3(), Phi3(),  Mixtral(), DeepSeekV2(), DeepSeekV3()};
  return *rows;
}

absl::Status Unknown(absl::string_view kind, absl::string_view name,
                     std::string Architecture::*field) {
  std::string known, last;
  for (const Architecture& row : Rows()) {
    if (row.*field != last) absl::StrAppend(&known, known.empty() ? "" : ", ", row.*field);
    last = row.*field;
  }
  return absl::UnimplementedError(
      absl::StrCat(kind, ": '", name, "' is not supported; there is: ", known));
}

}  // namespace

absl::Span<const Architecture> AllArchitectures() { return Rows(); }

absl::StatusOr<const Architecture*> FindArchitecture(absl::string_view name) {
  for (const Architecture& row : Rows()) {
    if (row.name == name) return &row;
  }
  return Unknown("model_type", name, &Architecture::name);
}

absl::StatusOr<const Architecture*> FindGgufArchitecture(
    absl::string_view name, const std::function<int64_t(const std::string&)>& number) {
  const Architecture* found = nullptr;
  for (const Architecture& row : Rows()) {
    if (row.gguf != name) continue;
    if (!row.gguf_marker.empty()) {
      const int64_t value = number(row.gguf_marker);
      if (row.gguf_marker_value < 0 ? value <= 0 : value != row.gguf_marker_value) continue;
    }
    found = &row;
  }
  if (found == nullptr) return Unknown("general.architecture", name, &Architecture::gguf);
  return found;
}

absl::string_view HfPattern(const Architecture& row, TensorRole role) {
  auto it = row.tensors.find(role);
  return it == row.tensors.end() ? absl::string_view() : absl::string_view(it->second);
}

}  // namespace strata::llm
