#include "llm/model/hf_rope.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "llm/model/config_fields.h"

namespace strata::llm {
namespace {

using Json = nlohmann::json;

struct ScalingName {
  const char* hf;  // the first name of a scaling is the one that is written
  RopeScaling scaling;
};
constexpr ScalingName kScalings[] = {{"linear", ROPE_LINEAR},
                                     {"dynamic", ROPE_NTK},
                                     {"yarn", ROPE_YARN},
                                     {"llama3", ROPE_LLAMA3},
                                     {"longrope", ROPE_FACTORS},
                                     {"su", ROPE_FACTORS},
                                     {"default", ROPE_SCALING_UNSPECIFIED}};

struct ScalingKey {
  const char* hf;
  const char* field;
};
constexpr ScalingKey kKeys[] = {{"factor", "rope.factor"},
                                {"original_max_position_embeddings", "rope.original_context"},
                                {"low_freq_factor", "rope.low_freq_factor"},
                                {"high_freq_factor", "rope.high_freq_factor"},
                                {"beta_fast", "rope.beta_fast"},
                                {"beta_slow", "rope.beta_slow"},
                                {"attention_factor", "rope.magnitude"},
                                {"mscale", "rope.mscale"},
                                {"mscale_all_dim", "rope.mscale_all_dim"},
                                {"rope_theta", "rope.theta"}};

absl::Status Bad(absl::string_view key, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("rope_scaling.", key, ": ", what));
}

absl::Status ReadFactors(const Json& json, const char* key,
                         google::protobuf::RepeatedField<double>* factors) {
  const auto it = json.find(key);
  if (it == json.end()) return absl::OkStatus();
  if (!it->is_array()) return Bad(key, "must be a list of numbers");
  for (const Json& factor : *it) {
    if (!factor.is_number()) return Bad(key, "must be a list of numbers");
    factors->Add(factor.get<double>());
  }
  return absl::OkStatus();
}

absl::Status ReadScaling(const Json& json, DecoderConfig* config) {
  const Json type = json.value("rope_type", json.value("type", Json("default")));
  const ScalingName* found = nullptr;
  for (const ScalingName& name : kScalings) {
    if (type == name.hf && found == nullptr) found = &name;
  }
  if (found == nullptr)
    return absl::UnimplementedError(
        absl::StrCat("rope_scaling.rope_type: ", type.dump(),
                     " is not supported; there is: linear, dynamic, yarn, llama3, longrope"));
  Rope& rope = *config->mutable_rope();
  rope.set_scaling(found->scaling);
  for (const ScalingKey& key : kKeys) {
    const auto it = json.find(key.hf);
    if (it == json.end() || it->is_null()) continue;
    if (!it->is_number()) return Bad(key.hf, "must be a number");
    SetConfigNumber(config, key.field, it->get<double>());
  }
  STRATA_RETURN_IF_ERROR(ReadFactors(json, "short_factor", rope.mutable_short_factors()));
  return ReadFactors(json, "long_factor", rope.mutable_long_factors());
}

}  // namespace

absl::Status ReadHfRope(const Json& json, DecoderConfig* config) {
  const auto partial = json.find("partial_rotary_factor");
  if (partial != json.end() && partial->is_number()) {
    const int64_t head = config->head_width() > 0 ? config->head_width()
                         : config->heads() > 0    ? config->width() / config->heads()
                                                  : 0;
    config->mutable_rope()->set_width(
        static_cast<int64_t>(partial->get<double>() * static_cast<double>(head)));
  }
  const auto interleave = json.find("rope_interleave");
  if (interleave != json.end() && interleave->is_boolean())
    config->mutable_rope()->set_interleaved(interleave->get<bool>());
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const auto it = json.find(key);
    if (it == json.end() || it->is_null()) continue;
    if (!it->is_object())
      return absl::InvalidArgumentError(absl::StrCat(key, ": must be an object"));
    STRATA_RETURN_IF_ERROR(ReadScaling(*it, config));
  }
  return absl::OkStatus();
}

void WriteHfRope(const DecoderConfig& config, Json* json) {
  if (config.learned_positions()) return;
  const Rope& rope = config.rope();
  if (!config.has_latent() && rope.width() != config.head_width()) {
    (*json)["partial_rotary_factor"] =
        static_cast<double>(rope.width()) / static_cast<double>(config.head_width());
  }
  if (rope.interleaved() && config.has_latent()) (*json)["rope_interleave"] = true;
  if (rope.scaling() == ROPE_SCALING_UNSPECIFIED) return;
  Json scaling;
  for (const ScalingName& name : kScalings) {
    if (name.scaling == rope.scaling() && !scaling.contains("rope_type"))
      scaling["rope_type"] = name.hf;
  }
  for (const ScalingKey& key : kKeys) {
    const double value = ConfigNumber(config, key.field);
    if (value == 0 || std::string(key.hf) == "rope_theta") continue;
    if (ConfigFieldKind(key.field) == FieldKind::kInt) {
      scaling[key.hf] = static_cast<int64_t>(value);
    } else {
      scaling[key.hf] = value;
    }
  }
  if (rope.scaling() == ROPE_FACTORS) {
    scaling["short_factor"] =
        std::vector<double>(rope.short_factors().begin(), rope.short_factors().end());
    scaling["long_factor"] =
        std::vector<double>(rope.long_factors().begin(), rope.long_factors().end());
  }
  (*json)["rope_scaling"] = scaling;
}

}  // namespace strata::llm
