#include "llm/model/config.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace strata::llm {
namespace {

using Json = nlohmann::json;

absl::Status Bad(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

DecoderConfig Gpt2(int64_t layers, int64_t width, int64_t heads) {
  DecoderConfig config;
  config.set_family(GPT2);
  config.set_vocab_size(50257);
  config.set_context(1024);
  config.set_layers(layers);
  config.set_width(width);
  config.set_heads(heads);
  return config;
}

DecoderConfig Llama(int64_t layers, int64_t width, int64_t heads, int64_t kv_heads,
                    int64_t mlp_width) {
  DecoderConfig config;
  config.set_family(LLAMA);
  config.set_vocab_size(32000);
  config.set_context(2048);
  config.set_layers(layers);
  config.set_width(width);
  config.set_heads(heads);
  config.set_kv_heads(kv_heads);
  config.set_mlp_width(mlp_width);
  return config;
}

// Shapes as published: Radford et al. (2019), table 2; TinyLlama (Zhang et al., 2024), table 1.
const std::map<std::string, DecoderConfig>& Named() {
  static const auto* named = new std::map<std::string, DecoderConfig>{
      {"gpt2-124m", Gpt2(12, 768, 12)},
      {"gpt2-355m", Gpt2(24, 1024, 16)},
      {"tinyllama-1.1b", Llama(22, 2048, 32, 4, 5632)},
  };
  return *named;
}

// Typed reads from a JSON object; the first fault is kept.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}

  int64_t Int(const char* key, int64_t fallback, bool required) {
    const Json* value = Find(key, required);
    if (value == nullptr) return fallback;
    if (!value->is_number_integer()) return Fault(key, "must be an integer"), fallback;
    return value->get<int64_t>();
  }
  double Number(const char* key, double fallback) {
    const Json* value = Find(key, false);
    if (value == nullptr) return fallback;
    if (!value->is_number()) return Fault(key, "must be a number"), fallback;
    return value->get<double>();
  }
  std::string String(const char* key) {
    const Json* value = Find(key, false);
    if (value == nullptr) return "";
    if (!value->is_string()) return Fault(key, "must be a string"), "";
    return value->get<std::string>();
  }
  bool Bool(const char* key, bool fallback) {
    const Json* value = Find(key, false);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) return Fault(key, "must be true or false"), fallback;
    return value->get<bool>();
  }
  void Refuse(const char* key, absl::string_view what) {
    if (status_.ok()) status_ = absl::UnimplementedError(absl::StrCat(key, ": ", what));
  }
  const absl::Status& status() const { return status_; }

 private:
  const Json* Find(const char* key, bool required) {
    auto it = json_.find(key);
    if (it != json_.end() && !it->is_null()) return &*it;
    if (required) Fault(key, "is missing");
    return nullptr;
  }
  void Fault(const char* key, const char* what) {
    if (status_.ok()) status_ = Bad(key, what);
  }
  const Json& json_;
  absl::Status status_;
};

DecoderConfig ReadGpt2(Reader& reader) {
  DecoderConfig config;
  config.set_family(GPT2);
  config.set_vocab_size(reader.Int("vocab_size", 0, true));
  config.set_context(reader.Int("n_positions", 1024, false));
  config.set_layers(reader.Int("n_layer", 0, true));
  config.set_width(reader.Int("n_embd", 0, true));
  config.set_heads(reader.Int("n_head", 0, true));
  config.set_mlp_width(reader.Int("n_inner", 0, false));
  config.set_norm_epsilon(reader.Number("layer_norm_epsilon", 1e-5));
  config.set_init_std(reader.Number("initializer_range", 0.02));
  const std::string activation = reader.String("activation_function");
  if (!activation.empty() && activation != "gelu_new")
    reader.Refuse("activation_function", "only 'gelu_new' is supported");
  return config;
}

DecoderConfig ReadLlama(Reader& reader, const Json& json) {
  DecoderConfig config;
  config.set_family(LLAMA);
  config.set_vocab_size(reader.Int("vocab_size", 0, true));
  config.set_context(reader.Int("max_position_embeddings", 2048, false));
  config.set_layers(reader.Int("num_hidden_layers", 0, true));
  config.set_width(reader.Int("hidden_size", 0, true));
  config.set_heads(reader.Int("num_attention_heads", 0, true));
  config.set_kv_heads(reader.Int("num_key_value_heads", 0, false));
  config.set_mlp_width(reader.Int("intermediate_size", 0, true));
  config.set_norm_epsilon(reader.Number("rms_norm_eps", 1e-6));
  config.set_rope_theta(reader.Number("rope_theta", 10000.0));
  config.set_tie_embeddings(reader.Bool("tie_word_embeddings", false));
  config.set_init_std(reader.Number("initializer_range", 0.02));
  const std::string activation = reader.String("hidden_act");
  if (!activation.empty() && activation != "silu")
    reader.Refuse("hidden_act", "only 'silu' is supported");
  if (json.contains("rope_scaling") && !json["rope_scaling"].is_null()) {
    reader.Refuse("rope_scaling", "scaled RoPE is not supported");
  }
  if (reader.Bool("attention_bias", false))
    reader.Refuse("attention_bias", "attention with bias is not supported");
  return config;
}

// Weights of the matrices that every token is multiplied with.
double MatrixParameters(const DecoderConfig& c) {
  const double width = static_cast<double>(c.width()),
               head = width / static_cast<double>(c.heads());
  const double attention = width * width * 2 + 2 * width * head * static_cast<double>(c.kv_heads());
  const double mlp = width * static_cast<double>(c.mlp_width()) * (c.family() == LLAMA ? 3 : 2);
  return static_cast<double>(c.layers()) * (attention + mlp) +
         width * static_cast<double>(c.vocab_size());
}

}  // namespace

absl::StatusOr<DecoderConfig> CompleteConfig(DecoderConfig config) {
  if (config.family() != GPT2 && config.family() != LLAMA)
    return Bad("family", "must be GPT2 or LLAMA");
  if (config.kv_heads() == 0) config.set_kv_heads(config.heads());
  if (config.mlp_width() == 0 && config.family() == GPT2) config.set_mlp_width(4 * config.width());
  if (config.norm_epsilon() == 0) config.set_norm_epsilon(1e-5);
  if (config.rope_theta() == 0) config.set_rope_theta(10000.0);
  if (config.init_std() == 0) config.set_init_std(0.02);
  if (config.family() == GPT2) config.set_tie_embeddings(true);

  constexpr int64_t kMost = int64_t{1} << 31;
  const std::pair<const char*, int64_t> sizes[] = {
      {"vocab_size", config.vocab_size()}, {"context", config.context()},
      {"layers", config.layers()},         {"width", config.width()},
      {"heads", config.heads()},           {"kv_heads", config.kv_heads()},
      {"mlp_width", config.mlp_width()}};
  for (const auto& [name, size] : sizes) {
    if (size < 1 || size > kMost) return Bad(name, absl::StrCat(size, " is outside [1, 2^31]"));
  }
  if (config.width() % config.heads() != 0)
    return Bad("heads",
               absl::StrCat(config.heads(), " does not divide the width ", config.width()));
  if (config.heads() % config.kv_heads() != 0)
    return Bad("kv_heads",
               absl::StrCat(config.kv_heads(), " does not divide heads ", config.heads()));
  if (config.family() == GPT2 && config.kv_heads() != config.heads())
    return Bad("kv_heads", "GPT2 has as many as heads");
  if (config.family() == LLAMA && config.width() / config.heads() % 2 != 0)
    return Bad("width", "RoPE needs an even width / heads");
  if (!(config.norm_epsilon() > 0)) return Bad("norm_epsilon", "must be positive");
  if (!(config.rope_theta() > 0)) return Bad("rope_theta", "must be positive");
  if (!(config.init_std() > 0)) return Bad("init_std", "must be positive");
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

absl::StatusOr<DecoderConfig> ParseHfConfig(const std::string& text, const std::string& where) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return absl::InvalidArgumentError(absl::StrCat(where, ": is not a JSON object"));
  Reader reader(json);
  const std::string type = reader.String("model_type");
  DecoderConfig config;
  if (type == "gpt2") {
    config = ReadGpt2(reader);
  } else if (type == "llama") {
    config = ReadLlama(reader, json);
  } else {
    return absl::UnimplementedError(
        absl::StrCat(where, ": model_type: '", type, "' is not supported; there is: gpt2, llama"));
  }
  STRATA_RETURN_IF_ERROR(Annotate(reader.status(), where));
  absl::StatusOr<DecoderConfig> complete = CompleteConfig(config);
  if (!complete.ok()) return Annotate(complete.status(), where);
  return complete;
}

std::string WriteHfConfig(const DecoderConfig& config) {
  Json json;
  json["vocab_size"] = config.vocab_size();
  json["initializer_range"] = config.init_std();
  json["torch_dtype"] = "float32";
  if (config.family() == GPT2) {
    json["model_type"] = "gpt2";
    json["architectures"] = {"GPT2LMHeadModel"};
    json["n_positions"] = config.context();
    json["n_layer"] = config.layers();
    json["n_embd"] = config.width();
    json["n_head"] = config.heads();
    json["n_inner"] = config.mlp_width();
    json["layer_norm_epsilon"] = config.norm_epsilon();
    json["activation_function"] = "gelu_new";
  } else {
    json["model_type"] = "llama";
    json["architectures"] = {"LlamaForCausalLM"};
    json["max_position_embeddings"] = config.context();
    json["num_hidden_layers"] = config.layers();
    json["hidden_size"] = config.width();
    json["num_attention_heads"] = config.heads();
    json["num_key_value_heads"] = config.kv_heads();
    json["intermediate_size"] = config.mlp_width();
    json["rms_norm_eps"] = config.norm_epsilon();
    json["rope_theta"] = config.rope_theta();
    json["tie_word_embeddings"] = config.tie_embeddings();
    json["hidden_act"] = "silu";
  }
  return absl::StrCat(json.dump(2), "\n");
}

int64_t ParameterCount(const DecoderConfig& c) {
  const int64_t width = c.width(), kv = width / c.heads() * c.kv_heads(), mlp = c.mlp_width();
  if (c.family() == GPT2) {
    const int64_t layer = 4 * width + (3 * width * width + 3 * width) + (width * width + width) +
                          (width * mlp + mlp) + (mlp * width + width);
    return c.vocab_size() * width + c.context() * width + c.layers() * layer + 2 * width;
  }
  const int64_t layer = 2 * width + 2 * width * width + 2 * width * kv + 3 * width * mlp;
  return c.vocab_size() * width * (c.tie_embeddings() ? 1 : 2) + c.layers() * layer + width;
}

double TrainingFlops(const DecoderConfig& config, int64_t tokens, int64_t length) {
  const double matrices = 6.0 * MatrixParameters(config);
  // Scores and weighted sum: 2 products of 2 T C flops a token and layer, half of it causal, three times with backward.
  const double attention = 6.0 * static_cast<double>(config.layers() * config.width() * length);
  return static_cast<double>(tokens) * (matrices + attention);
}

}  // namespace strata::llm
