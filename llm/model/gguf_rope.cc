#include "llm/model/gguf_rope.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "llm/model/gguf_config.h"
#include "llm/model/gguf_number.h"
#include "llm/model/rope_frequencies.h"

namespace strata::llm {
namespace {

using inference::GgufFile;
using inference::GgufMetadata;

constexpr char kLlama3Factors[] = "rope_freqs.weight";
constexpr char kShortFactors[] = "rope_factors_short.weight";
constexpr char kLongFactors[] = "rope_factors_long.weight";

// YaRN's own magnitude, to which "attn_factor" is relative (Peng et al. 2023, section 3.3).
double YarnMagnitude(double factor) { return 1 + 0.1 * std::log(factor); }

// 0 when the key is missing.
absl::Status ReadNumber(const GgufMetadata& metadata, const std::string& key, double* value) {
  if (metadata.count(key) == 0) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(*value, GgufNumber(metadata, key));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> ReadFactors(const GgufFile& file, const std::string& name,
                                               int64_t count) {
  STRATA_ASSIGN_OR_RETURN(const graph::HostTensor tensor, file.Decode(name));
  if (tensor.elements() != count) {
    return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "': has ", tensor.elements(),
                                                   " factors; RoPE turns ", count, " pairs"));
  }
  return std::vector<float>(tensor.data<float>(), tensor.data<float>() + count);
}

// The factors are divisors of the plain frequencies.
std::vector<float> FactorsOf(const DecoderConfig& scaled) {
  DecoderConfig plain = scaled;
  plain.mutable_rope()->set_scaling(ROPE_SCALING_UNSPECIFIED);
  const std::vector<double> base = RopeFrequencies(plain, false);
  const std::vector<double> changed = RopeFrequencies(scaled, false);
  std::vector<float> factors;
  for (size_t i = 0; i < base.size(); ++i) {
    factors.push_back(static_cast<float>(base[i] / changed[i]));
  }
  return factors;
}

// Llama 3's factors come from its four numbers. Files hold only the factors; all published ones are of these numbers.
bool IsLlama3(const DecoderConfig& config, const std::vector<float>& factors,
              DecoderConfig* found) {
  *found = config;
  Rope& rope = *found->mutable_rope();
  rope.set_scaling(ROPE_LLAMA3);
  rope.set_factor(*std::max_element(factors.begin(), factors.end()));
  rope.set_low_freq_factor(1);
  rope.set_high_freq_factor(4);
  rope.set_original_context(8192);
  const std::vector<float> made = FactorsOf(*found);
  for (size_t i = 0; i < factors.size(); ++i) {
    if (!(std::abs(made[i] - factors[i]) <= 1e-5f * factors[i])) return false;
  }
  return true;
}

void SetFactors(const std::vector<float>& factors, google::protobuf::RepeatedField<double>* field) {
  field->Clear();
  for (float factor : factors) field->Add(ShortestDouble(factor));
}

absl::Status ReadLlama3Factors(const GgufFile& file, DecoderConfig* config) {
  Rope& rope = *config->mutable_rope();
  STRATA_ASSIGN_OR_RETURN(const std::vector<float> factors,
                          ReadFactors(file, kLlama3Factors, rope.width() / 2));
  DecoderConfig llama3;
  if (IsLlama3(*config, factors, &llama3)) {
    *config = llama3;
    return absl::OkStatus();
  }
  rope.set_scaling(ROPE_FACTORS);
  rope.set_original_context(config->context());
  rope.set_magnitude(1);
  SetFactors(factors, rope.mutable_short_factors());
  SetFactors(factors, rope.mutable_long_factors());
  return absl::OkStatus();
}

absl::Status ReadLongRope(const GgufFile& file, double attention_factor, DecoderConfig* config) {
  Rope& rope = *config->mutable_rope();
  rope.set_scaling(ROPE_FACTORS);
  if (attention_factor > 0) rope.set_magnitude(attention_factor);
  STRATA_ASSIGN_OR_RETURN(const std::vector<float> near,
                          ReadFactors(file, kShortFactors, rope.width() / 2));
  STRATA_ASSIGN_OR_RETURN(const std::vector<float> far,
                          ReadFactors(file, kLongFactors, rope.width() / 2));
  SetFactors(near, rope.mutable_short_factors());
  SetFactors(far, rope.mutable_long_factors());
  return absl::OkStatus();
}

absl::Status ReadYarn(const GgufMetadata& metadata, const std::string& scaling,
                      double attention_factor, Rope* rope) {
  double fast = 0, slow = 0, multiplier = 0;
  STRATA_RETURN_IF_ERROR(ReadNumber(metadata, scaling + "yarn_beta_fast", &fast));
  STRATA_RETURN_IF_ERROR(ReadNumber(metadata, scaling + "yarn_beta_slow", &slow));
  STRATA_RETURN_IF_ERROR(ReadNumber(metadata, scaling + "yarn_log_multiplier", &multiplier));
  rope->set_scaling(ROPE_YARN);
  rope->set_beta_fast(fast);
  rope->set_beta_slow(slow);
  if (attention_factor > 0) rope->set_magnitude(attention_factor * YarnMagnitude(rope->factor()));
  if (multiplier > 0) {  // DeepSeek's, a tenth of it
    rope->set_mscale(ShortestDouble(static_cast<float>(10 * multiplier)));
    rope->set_mscale_all_dim(rope->mscale());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadGgufRope(const GgufFile& file, const std::string& prefix, DecoderConfig* config) {
  const GgufMetadata& metadata = file.metadata();
  const std::string scaling = prefix + "rope.scaling.";
  Rope& rope = *config->mutable_rope();
  double factor = 0, original = 0, attention_factor = 0;
  STRATA_RETURN_IF_ERROR(ReadNumber(metadata, prefix + "rope.scale_linear", &factor));
  std::string type = factor > 1 ? "linear" : "none";
  STRATA_RETURN_IF_ERROR(ReadNumber(metadata, scaling + "factor", &factor));
  STRATA_RETURN_IF_ERROR(ReadNumber(metadata, scaling + "original_context_length", &original));
  STRATA_RETURN_IF_ERROR(ReadNumber(metadata, scaling + "attn_factor", &attention_factor));
  if (metadata.count(scaling + "type") != 0) {
    STRATA_ASSIGN_OR_RETURN(type, GetText(metadata, scaling + "type"));
  }
  if (original > 0) rope.set_original_context(static_cast<int64_t>(original));
  rope.set_factor(factor);
  if (file.tensors().count(kLongFactors) != 0) return ReadLongRope(file, attention_factor, config);
  if (file.tensors().count(kLlama3Factors) != 0) return ReadLlama3Factors(file, config);
  if (type == "none") {
    rope.clear_factor();
    rope.clear_original_context();
    return absl::OkStatus();
  }
  if (type == "linear") {
    rope.set_scaling(ROPE_LINEAR);
    return absl::OkStatus();
  }
  if (type == "yarn") return ReadYarn(metadata, scaling, attention_factor, &rope);
  return absl::UnimplementedError(absl::StrCat(
      scaling, "type: '", type, "' is not supported; there is: none, linear, yarn, longrope"));
}

void WriteGgufRope(const DecoderConfig& config, const std::string& prefix, GgufMetadata* metadata) {
  const Rope& rope = config.rope();
  const std::string scaling = prefix + "rope.scaling.";
  const auto number = [&](const char* key, double value) {
    if (value != 0) (*metadata)[scaling + key] = static_cast<float>(value);
  };
  const auto begin = [&](const char* type) {
    (*metadata)[scaling + "type"] = std::string(type);
    (*metadata)[scaling + "original_context_length"] =
        static_cast<uint32_t>(rope.original_context());
  };
  switch (rope.scaling()) {
    case ROPE_LINEAR:
      begin("linear");
      number("factor", rope.factor());
      return;
    case ROPE_YARN:
      begin("yarn");
      number("factor", rope.factor());
      number("yarn_beta_fast", rope.beta_fast());
      number("yarn_beta_slow", rope.beta_slow());
      number("yarn_log_multiplier", 0.1 * rope.mscale_all_dim());
      if (rope.magnitude() > 0)
        number("attn_factor", rope.magnitude() / YarnMagnitude(rope.factor()));
      return;
    case ROPE_FACTORS:
      begin("longrope");  // without a factor, by which readers would divide positions besides
      number("attn_factor", RopeMagnitude(config, false));
      return;
    case ROPE_NTK: {  // a plain RoPE of another theta: that of its second frequency
      const std::vector<double> frequencies = RopeFrequencies(config, false);
      const double theta = frequencies.size() < 2
                               ? rope.theta()
                               : std::pow(frequencies[1], -static_cast<double>(rope.width()) / 2);
      (*metadata)[prefix + "rope.freq_base"] = static_cast<float>(theta);
      return;
    }
    default:  // Llama 3's factors are a tensor
      return;
  }
}

std::map<std::string, std::vector<float>> GgufRopeTensors(const DecoderConfig& config) {
  const Rope& rope = config.rope();
  if (rope.scaling() == ROPE_LLAMA3) return {{kLlama3Factors, FactorsOf(config)}};
  if (rope.scaling() != ROPE_FACTORS) return {};
  const auto floats = [](const google::protobuf::RepeatedField<double>& field) {
    return std::vector<float>(field.begin(), field.end());
  };
  return {{kShortFactors, floats(rope.short_factors())},
          {kLongFactors, floats(rope.long_factors())}};
}

}  // namespace strata::llm
