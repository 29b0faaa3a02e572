#include "llm/model/hf_config.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "llm/model/architectures.h"
#include "llm/model/config.h"
#include "llm/model/config_fields.h"
#include "llm/model/hf_rope.h"
#include "nlohmann/json.hpp"

namespace strata::llm {
namespace {

using Json = nlohmann::json;

absl::Status Bad(absl::string_view key, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(key, ": ", what));
}

absl::Status Refuse(absl::string_view key, absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat(key, ": ", what));
}

absl::Status ReadKey(const Json& json, const ConfigKey& key, DecoderConfig* config) {
  if (*key.hf == '\0') return absl::OkStatus();
  const auto it = json.find(key.hf);
  if (it == json.end() || it->is_null()) {
    if (key.required) return Bad(key.hf, "is missing");
    // null says "none" where the architecture's default is something.
    if (it != json.end() && ConfigFieldIsOptional(key.field)) SetConfigNumber(config, key.field, 0);
    return absl::OkStatus();
  }
  switch (ConfigFieldKind(key.field)) {
    case FieldKind::kBool:
      if (!it->is_boolean()) return Bad(key.hf, "must be true or false");
      SetConfigNumber(config, key.field, it->get<bool>() ? 1 : 0);
      return absl::OkStatus();
    case FieldKind::kInt:
      if (!it->is_number_integer()) return Bad(key.hf, "must be an integer");
      break;
    case FieldKind::kDouble:
      if (!it->is_number()) return Bad(key.hf, "must be a number");
      break;
  }
  double number = it->get<double>();
  if (key.change == ConfigKey::Change::kInverseRoot) {
    if (!(number > 0)) return Bad(key.hf, "must be positive");
    number = 1 / std::sqrt(number);
  }
  SetConfigNumber(config, key.field, number);
  return absl::OkStatus();
}

struct ActivationName {
  const char* hf;
  Activation activation;
};
constexpr ActivationName kActivations[] = {{"gelu", GELU},
                                           {"silu", SILU},
                                           {"gelu_new", GELU_TANH},
                                           {"gelu_pytorch_tanh", GELU_TANH},
                                           {"swish", SILU}};

absl::Status ReadActivation(const Json& json, const std::string& key, DecoderConfig* config) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return absl::OkStatus();
  for (const ActivationName& name : kActivations) {
    if (*it == name.hf) {
      config->set_activation(name.activation);
      return absl::OkStatus();
    }
  }
  return Refuse(
      key, absl::StrCat(it->dump(),
                        " is not supported; there is: gelu, gelu_new, gelu_pytorch_tanh, silu"));
}

std::string ActivationText(const Architecture& row, Activation activation) {
  if (activation == GELU_TANH) return row.hf_gelu_tanh;
  for (const ActivationName& name : kActivations) {
    if (name.activation == activation) return name.hf;
  }
  return "";
}

// "layer_types": which layers have a window. Supported is what `full_every` says.
absl::Status ReadLayerTypes(const Json& json, DecoderConfig* config) {
  const auto it = json.find("layer_types");
  if (it == json.end() || !it->is_array()) return absl::OkStatus();
  int64_t period = 0, layer = 0;
  for (const Json& type : *it) {
    ++layer;
    if (type == "full_attention" && period == 0) period = layer;
    const bool full = period != 0 && layer % period == 0;
    if (type != (full ? "full_attention" : "sliding_attention"))
      return Refuse("layer_types",
                    absl::StrCat("layer ", layer - 1, " is ", type.dump(),
                                 "; supported is full attention in every n-th layer"));
  }
  if (period == 1) config->set_window(0);
  config->set_full_every(period == 1 ? 0 : period);
  return absl::OkStatus();
}

// DeepSeek's words for how experts are chosen.
absl::Status ReadRouter(const Json& json, DecoderConfig* config) {
  if (config->experts().count() == 0) return absl::OkStatus();
  Experts& experts = *config->mutable_experts();
  const Json scoring = json.value("scoring_func", Json());
  if (scoring == "softmax") experts.set_router(SOFTMAX_THEN_TOP_K);
  if (scoring == "sigmoid") experts.set_router(SIGMOID_WITH_BIAS);
  const Json method = json.value("topk_method", Json());
  if (method == "greedy") {  // knows no groups
    experts.clear_groups();
    experts.clear_groups_per_token();
  }
  return absl::OkStatus();
}

// Settings that only one value of is supported.
absl::Status CheckFixed(const Json& json) {
  const std::pair<const char*, Json> fixed[] = {{"scale_attn_by_inverse_layer_idx", false},
                                                {"reorder_and_upcast_attn", false},
                                                {"use_sliding_window", false},
                                                {"use_bidirectional_attention", false},
                                                {"moe_layer_freq", 1}};
  for (const auto& [key, value] : fixed) {
    const auto it = json.find(key);
    if (it != json.end() && !it->is_null() && *it != value)
      return Refuse(key, absl::StrCat("only ", value.dump(), " is supported"));
  }
  if (json.contains("quantization_config") && !json["quantization_config"].is_null())
    return Refuse("quantization_config", "give the model in f32, f16 or bf16, or as GGUF");
  return absl::OkStatus();
}

absl::StatusOr<DecoderConfig> Read(const Json& json) {
  const Json type = json.value("model_type", Json(""));
  STRATA_ASSIGN_OR_RETURN(const Architecture* row,
                          FindArchitecture(type.is_string() ? type.get<std::string>() : ""));
  DecoderConfig config;
  config.set_architecture(row->name);
  for (const ConfigKey& key : row->keys) STRATA_RETURN_IF_ERROR(ReadKey(json, key, &config));
  STRATA_RETURN_IF_ERROR(ReadActivation(json, row->hf_activation, &config));
  STRATA_RETURN_IF_ERROR(ReadLayerTypes(json, &config));
  STRATA_RETURN_IF_ERROR(ReadRouter(json, &config));
  STRATA_RETURN_IF_ERROR(ReadHfRope(json, &config));
  STRATA_RETURN_IF_ERROR(CheckFixed(json));
  return CompleteConfig(config);
}

Json Number(const DecoderConfig& config, const ConfigKey& key) {
  const double value = ConfigNumber(config, key.field);
  switch (ConfigFieldKind(key.field)) {
    case FieldKind::kBool:
      return value != 0;
    case FieldKind::kInt:
      return value == 0 ? Json() : Json(static_cast<int64_t>(value));
    case FieldKind::kDouble:
      break;
  }
  if (value == 0) return Json();
  return key.change == ConfigKey::Change::kInverseRoot ? 1 / (value * value) : value;
}

void WriteRouter(const Experts& experts, Json* json) {
  const bool grouped = experts.groups() > 1, sigmoid = experts.router() == SIGMOID_WITH_BIAS;
  (*json)["scoring_func"] = sigmoid ? "sigmoid" : "softmax";
  (*json)["topk_method"] = sigmoid ? "noaux_tc" : grouped ? "group_limited_greedy" : "greedy";
}

}  // namespace

absl::StatusOr<DecoderConfig> ParseHfConfig(const std::string& text, const std::string& where) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return absl::InvalidArgumentError(absl::StrCat(where, ": is not a JSON object"));
  // A model of text and images keeps the decoder's settings in a part of its own.
  const auto part = json.find("text_config");
  absl::StatusOr<DecoderConfig> config =
      Read(part != json.end() && part->is_object() && part->contains("model_type") ? *part : json);
  if (!config.ok()) return Annotate(config.status(), where);
  return config;
}

std::string WriteHfConfig(const DecoderConfig& config) {
  const absl::StatusOr<const Architecture*> row = FindArchitecture(config.architecture());
  if (!row.ok()) return "";
  Json json;
  json["model_type"] = (*row)->name;
  json["architectures"] = {(*row)->hf_class};
  json["torch_dtype"] = "float32";
  json[(*row)->hf_activation] = ActivationText(**row, config.activation());
  for (const ConfigKey& key : (*row)->keys) {
    if (*key.hf != '\0') json[key.hf] = Number(config, key);
  }
  if (config.has_experts() && config.experts().router() != TOP_K_THEN_SOFTMAX)
    WriteRouter(config.experts(), &json);
  WriteHfRope(config, &json);
  return absl::StrCat(json.dump(2), "\n");
}

}  // namespace strata::llm
