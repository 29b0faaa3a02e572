#include "llm/model/config.h"

#include "base/status_matchers.h"
#include "base/textproto.h"
#include "gtest/gtest.h"
#include "llm/model/architectures.h"
#include "llm/model/decoder.h"
#include "llm/model/hf_config.h"
#include "llm/model/tiny_models.h"

namespace strata::llm {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// Published sizes: GPT-2 small 124 439 808 and medium 354 823 168 (Hugging Face's gpt2), TinyLlama 1 100 048 384,
// Qwen2.5-0.5B 494 032 768 parameters.
TEST(Config, NamedModelsHaveTheirPublishedSizes) {
  EXPECT_EQ(ParameterCount(*NamedConfig("gpt2-124m")), 124439808);
  EXPECT_EQ(ParameterCount(*NamedConfig("gpt2-355m")), 354823168);
  EXPECT_EQ(ParameterCount(*NamedConfig("tinyllama-1.1b")), 1100048384);
  EXPECT_EQ(ParameterCount(*NamedConfig("qwen2.5-0.5b")), 494032768);
  EXPECT_THAT(NamedConfig("gpt5"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("gpt2-124m")));
}

// Published configs, less what does not concern the shape, with the parameters that their makers count: Llama 3.1 8B,
// Mistral 7B, Qwen3 0.6B, Gemma 2 2B, Gemma 3 1B, Phi-3 mini, Mixtral 8x7B, DeepSeek-V2-Lite, DeepSeek-V3.
struct Published {
  const char* json;
  int64_t parameters;
};
const Published kPublished[] = {
    {R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "rope_theta": 500000.0,
         "max_position_embeddings": 131072, "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
         "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}})",
     8030261248},
    {R"({"model_type": "mistral", "vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "sliding_window": 4096})",
     7241732096},
    {R"({"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 1024, "num_hidden_layers": 28, "head_dim": 128,
         "num_attention_heads": 16, "num_key_value_heads": 8, "intermediate_size": 3072, "tie_word_embeddings": true})",
     596049920},
    {R"({"model_type": "gemma2", "vocab_size": 256000, "hidden_size": 2304, "num_hidden_layers": 26, "head_dim": 256,
         "num_attention_heads": 8, "num_key_value_heads": 4, "intermediate_size": 9216,
         "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256})",
     2614341888},
    {R"({"model_type": "gemma3_text", "vocab_size": 262144, "hidden_size": 1152, "num_hidden_layers": 26,
         "head_dim": 256, "num_attention_heads": 4, "num_key_value_heads": 1, "intermediate_size": 6912,
         "sliding_window": 512, "attn_logit_softcapping": null})",
     999885952},
    {R"({"model_type": "phi3", "vocab_size": 32064, "hidden_size": 3072, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 32, "intermediate_size": 8192, "sliding_window": 2047})",
     3821079552},
    {R"({"model_type": "mixtral", "vocab_size": 32000, "hidden_size": 4096, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "num_local_experts": 8,
         "num_experts_per_tok": 2, "sliding_window": null})",
     46702792704},
    {R"({"model_type": "deepseek_v2", "vocab_size": 102400, "hidden_size": 2048, "num_hidden_layers": 27,
         "num_attention_heads": 16, "num_key_value_heads": 16, "intermediate_size": 10944, "n_routed_experts": 64,
         "num_experts_per_tok": 6, "n_shared_experts": 2, "moe_intermediate_size": 1408, "first_k_dense_replace": 1,
         "q_lora_rank": null, "kv_lora_rank": 512, "n_group": 1, "topk_group": 1, "topk_method": "greedy",
         "scoring_func": "softmax", "norm_topk_prob": false, "routed_scaling_factor": 1.0})",
     15706484224},
    // With the layer of multi-token prediction 685e9 are published; 671e9 without.
    {R"({"model_type": "deepseek_v3", "vocab_size": 129280, "hidden_size": 7168, "num_hidden_layers": 61,
         "num_attention_heads": 128, "num_key_value_heads": 128, "intermediate_size": 18432, "n_routed_experts": 256,
         "num_experts_per_tok": 8, "n_shared_experts": 1, "moe_intermediate_size": 2048, "first_k_dense_replace": 3,
         "q_lora_rank": 1536, "kv_lora_rank": 512, "n_group": 8, "topk_group": 4, "topk_method": "noaux_tc",
         "scoring_func": "sigmoid", "norm_topk_prob": true, "routed_scaling_factor": 2.5})",
     671026419200},
};

TEST(Config, PublishedModelsHaveTheirPublishedSizes) {
  for (const Published& published : kPublished) {
    STRATA_ASSERT_OK_AND_ASSIGN(DecoderConfig config, ParseHfConfig(published.json, "config.json"));
    EXPECT_EQ(ParameterCount(config), published.parameters) << config.architecture();
  }
}

void ExpectRoundTrip(const DecoderConfig& config, const std::string& name) {
  STRATA_ASSERT_OK_AND_ASSIGN(DecoderConfig back,
                              ParseHfConfig(WriteHfConfig(config), "config.json"));
  EXPECT_EQ(PrintTextProto(config), PrintTextProto(back)) << name;
}

TEST(Config, HfConfigRoundTrips) {
  for (const std::string& name : ConfigNames()) ExpectRoundTrip(*NamedConfig(name), name);
  for (const Architecture& row : AllArchitectures())
    ExpectRoundTrip(TinyConfig(row.name), row.name);
  for (const Published& published : kPublished)
    ExpectRoundTrip(*ParseHfConfig(published.json, "config.json"), published.json);
  const std::map<std::string, DecoderConfig> variants = TinyVariants();
  for (const char* name : {"rope_linear", "rope_ntk", "rope_yarn", "rope_llama3", "rope_longrope",
                           "yarn_deepseek", "window_in_all_layers"}) {
    ExpectRoundTrip(variants.at(name), name);
  }
}

TEST(Config, CompletingAgainChangesNothing) {
  for (const auto& [name, config] : TinyVariants()) {
    STRATA_ASSERT_OK_AND_ASSIGN(DecoderConfig again, CompleteConfig(config));
    EXPECT_EQ(PrintTextProto(config), PrintTextProto(again)) << name;
  }
}

TEST(Config, LayersOfAWindow) {
  const DecoderConfig gemma = TinyConfig("gemma3_text");
  for (int64_t layer = 0; layer < 12; ++layer)
    EXPECT_EQ(LayerHasWindow(gemma, layer), layer != 5 && layer != 11) << layer;
  EXPECT_TRUE(LayerHasWindow(TinyConfig("mistral"), 1));
  EXPECT_FALSE(LayerHasWindow(TinyConfig("llama"), 0));
}

TEST(Config, RowsOfGgufAreFoundByTheirMarks) {
  const auto find = [](const char* name, std::map<std::string, int64_t> numbers) {
    return (*FindGgufArchitecture(name,
                                  [&](const std::string& key) {
                                    auto it = numbers.find(key);
                                    return it == numbers.end() ? -1 : it->second;
                                  }))
        ->name;
  };
  EXPECT_EQ(find("llama", {}), "llama");
  EXPECT_EQ(find("llama", {{"attention.sliding_window", 4096}}), "mistral");
  EXPECT_EQ(find("llama", {{"expert_count", 8}}), "mixtral");
  EXPECT_EQ(find("deepseek2", {{"expert_gating_func", 1}}), "deepseek_v2");
  EXPECT_EQ(find("deepseek2", {{"expert_gating_func", 2}}), "deepseek_v3");
  EXPECT_EQ(find("gemma3", {}), "gemma3_text");
  EXPECT_THAT(FindGgufArchitecture("mamba", [](const std::string&) { return -1; }),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("deepseek2")));
}

TEST(Config, BadFieldsAreNamed) {
  STRATA_ASSERT_OK_AND_ASSIGN(const DecoderConfig good, NamedConfig("tinyllama-1.1b"));
  DecoderConfig bad = good;
  bad.set_heads(7);
  bad.clear_head_width();
  EXPECT_THAT(CompleteConfig(bad), StatusIs(kInvalid, HasSubstr("heads: 7")));
  bad = good;
  bad.set_kv_heads(5);
  EXPECT_THAT(CompleteConfig(bad), StatusIs(kInvalid, HasSubstr("kv_heads: 5")));
  bad = good;
  bad.set_layers(0);
  EXPECT_THAT(CompleteConfig(bad), StatusIs(kInvalid, HasSubstr("layers: 0")));
  bad = good;
  bad.set_architecture("rnn");
  EXPECT_THAT(CompleteConfig(bad), StatusIs(kInvalid, HasSubstr("architecture")));
  bad = good;
  bad.mutable_rope()->set_width(65);
  EXPECT_THAT(CompleteConfig(bad), StatusIs(kInvalid, HasSubstr("rope.width: 65")));
  bad = TinyConfig("mixtral");
  bad.mutable_experts()->set_per_token(9);
  EXPECT_THAT(CompleteConfig(bad), StatusIs(kInvalid, HasSubstr("experts.per_token: 9")));
  EXPECT_THAT(ParseHfConfig("{", "c.json"),
              StatusIs(kInvalid, HasSubstr("c.json: is not a JSON object")));
  EXPECT_THAT(ParseHfConfig(R"({"model_type": "gpt2"})", "c.json"),
              StatusIs(kInvalid, HasSubstr("c.json: vocab_size: is missing")));
  EXPECT_THAT(ParseHfConfig(R"({"model_type": "gpt2", "vocab_size": "x"})", "c.json"),
              StatusIs(kInvalid, HasSubstr("vocab_size: must be an integer")));
  EXPECT_THAT(ParseHfConfig(R"({"model_type": "bert"})", "c.json"),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("'bert'")));
}

TEST(Config, UnsupportedSettingsAreNamed) {
  const std::string base =
      R"({"model_type": "qwen2", "vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 2,
          "num_attention_heads": 2, "intermediate_size": 8, )";
  const std::pair<const char*, const char*> cases[] = {
      {R"("use_sliding_window": true})", "use_sliding_window"},
      {R"("hidden_act": "relu"})", "hidden_act"},
      {R"("quantization_config": {"quant_method": "fp8"}})", "quantization_config"},
      {R"("rope_scaling": {"rope_type": "spiral"}})", "rope_scaling.rope_type"},
      {R"("layer_types": ["sliding_attention", "full_attention", "full_attention"]})",
       "layer_types"}};
  for (const auto& [rest, key] : cases) {
    EXPECT_THAT(ParseHfConfig(base + rest, "c.json"),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(key)));
  }
}

}  // namespace
}  // namespace strata::llm
