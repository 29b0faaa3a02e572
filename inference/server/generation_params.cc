#include "inference/server/generation_params.h"

#include <limits>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "inference/server/api_error.h"
#include "inference/server/structured_output.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxStops = 16;
constexpr int64_t kMaxPriority = 1'000'000;

// Of OpenAI and of other servers; none of them has a say in what is generated.
constexpr const char* kIgnored[] = {"metadata",         "store",
                                    "service_tier",     "safety_identifier",
                                    "prompt_cache_key", "prompt_cache_retention",
                                    "moderation",       "prompt_cache_options"};

absl::Status RefuseUnsupported(RequestFields* fields) {
  const std::pair<const char*, Json> kNeutral[] = {{"skip_special_tokens", true},
                                                   {"prompt_logprobs", 0}};
  for (const auto& [name, neutral] : kNeutral)
    STRATA_RETURN_IF_ERROR(fields->RefuseUnless(name, neutral));
  return absl::OkStatus();
}

absl::Status ReadStream(RequestFields* fields, GenerationParams* params) {
  STRATA_RETURN_IF_ERROR(fields->Boolean("stream", &params->stream));
  const Json* options = fields->Find("stream_options");
  if (options == nullptr) return absl::OkStatus();
  if (!options->is_object())
    return fields->Error("stream_options", "must be an object", "invalid_type");
  if (!params->stream)
    return fields->Error("stream_options", "is only allowed when stream is true");
  RequestFields inner(*options, "stream_options.");
  STRATA_RETURN_IF_ERROR(inner.Boolean("include_usage", &params->include_usage));
  STRATA_RETURN_IF_ERROR(inner.RefuseUnless("include_obfuscation", false));
  STRATA_RETURN_IF_ERROR(inner.Boolean("continuous_usage_stats", &params->continuous_usage));
  return inner.RefuseOthers();
}

absl::Status ReadPenalties(RequestFields* fields, SamplingOptions* sampling) {
  STRATA_RETURN_IF_ERROR(fields->Number("presence_penalty", -2, 2, &sampling->presence_penalty));
  STRATA_RETURN_IF_ERROR(fields->Number("frequency_penalty", -2, 2, &sampling->frequency_penalty));
  STRATA_RETURN_IF_ERROR(
      fields->Number("repetition_penalty", 0, 1000, &sampling->repetition_penalty));
  if (sampling->repetition_penalty == 0)
    return fields->Error("repetition_penalty", "0 is outside (0, 1000]; 1 changes nothing");
  return absl::OkStatus();
}

// {"50256": -100}: token ids as texts, as JSON's names are.
absl::Status ReadLogitBias(RequestFields* fields, int64_t vocabulary, SamplingOptions* sampling) {
  const Json* biases = fields->Find("logit_bias");
  if (biases == nullptr) return absl::OkStatus();
  if (!biases->is_object())
    return fields->Error("logit_bias", "must be an object from token ids to numbers",
                         "invalid_type");
  for (const auto& [name, value] : biases->items()) {
    int32_t token = -1;
    const std::string path = absl::StrCat("logit_bias.", name);
    if (!absl::SimpleAtoi(name, &token) || token < 0 || token >= vocabulary)
      return fields->Error(path, absl::StrCat("is no token id in [0, ", vocabulary, ")"));
    if (!value.is_number()) return fields->Error(path, "must be a number", "invalid_type");
    const double bias = value.get<double>();
    if (!(bias >= -100 && bias <= 100))
      return fields->Error(path, absl::StrCat(bias, " is outside [-100, 100]"));
    sampling->logit_bias[token] = bias;
  }
  return absl::OkStatus();
}

absl::Status ReadStopTokens(RequestFields* fields, int64_t vocabulary,
                            std::vector<int32_t>* tokens) {
  const Json* list = fields->Find("stop_token_ids");
  if (list == nullptr) return absl::OkStatus();
  if (!list->is_array())
    return fields->Error("stop_token_ids", "must be a list of token ids", "invalid_type");
  for (const Json& id : *list) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= static_cast<uint64_t>(vocabulary)) {
      return fields->Error("stop_token_ids",
                           absl::StrCat(id.dump(), " is no token id in [0, ", vocabulary, ")"));
    }
    tokens->push_back(id.get<int32_t>());
  }
  return absl::OkStatus();
}

// Whose request it is, how urgent, and with whom it may share prefixes.
absl::Status ReadPlace(RequestFields* fields, GenerateRequest* request) {
  STRATA_RETURN_IF_ERROR(fields->String("user", &request->user));
  STRATA_RETURN_IF_ERROR(fields->String("cache_salt", &request->cache_salt));
  return fields->Integer("priority", -kMaxPriority, kMaxPriority, &request->priority);
}

absl::Status ReadSampling(RequestFields* fields, int64_t vocabulary, SamplingOptions* sampling) {
  STRATA_RETURN_IF_ERROR(fields->Number("temperature", 0, 2, &sampling->temperature));
  STRATA_RETURN_IF_ERROR(fields->Number("top_p", 0, 1, &sampling->top_p));
  if (sampling->top_p == 0)
    return fields->Error("top_p", "0 is outside (0, 1]; temperature 0 is greedy");
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  STRATA_RETURN_IF_ERROR(fields->Integer("top_k", -1, kMost, &sampling->top_k));
  if (sampling->top_k < 0) sampling->top_k = 0;  // vLLM's way to say: all
  STRATA_RETURN_IF_ERROR(fields->Number("min_p", 0, 1, &sampling->min_p));
  STRATA_RETURN_IF_ERROR(fields->Integer("min_tokens", 0, kMost, &sampling->min_tokens));
  STRATA_RETURN_IF_ERROR(ReadPenalties(fields, sampling));
  STRATA_RETURN_IF_ERROR(ReadLogitBias(fields, vocabulary, sampling));
  static thread_local std::mt19937_64 seeds{std::random_device()()};
  auto seed = static_cast<int64_t>(seeds());
  STRATA_RETURN_IF_ERROR(fields->Integer("seed", std::numeric_limits<int64_t>::min(),
                                         std::numeric_limits<int64_t>::max(), &seed));
  sampling->seed = static_cast<uint64_t>(seed);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckModel(RequestFields* fields, const Serving& serving) {
  std::string model = serving.model_name;
  STRATA_RETURN_IF_ERROR(fields->String("model", &model));
  if (model == serving.model_name) return absl::OkStatus();
  return ApiError(absl::StatusCode::kNotFound, "model",
                  absl::StrCat("the model \"", model, "\" does not exist; this server has \"",
                               serving.model_name, "\""),
                  "model_not_found");
}

absl::StatusOr<GenerationParams> ReadGenerationParams(RequestFields* fields,
                                                      const std::string& body, Serving& serving) {
  GenerationParams params;
  STRATA_RETURN_IF_ERROR(CheckModel(fields, serving));
  const int64_t vocabulary = serving.engine->model().vocab_size();
  STRATA_RETURN_IF_ERROR(ReadSampling(fields, vocabulary, &params.request.sampling));
  STRATA_RETURN_IF_ERROR(ReadStopTokens(fields, vocabulary, &params.request.stop_tokens));
  STRATA_RETURN_IF_ERROR(ReadPlace(fields, &params.request));
  STRATA_RETURN_IF_ERROR(fields->Integer("n", 1, kMaxChoices, &params.n));
  STRATA_RETURN_IF_ERROR(fields->Strings("stop", kMaxStops, &params.request.stop));
  STRATA_RETURN_IF_ERROR(fields->Boolean("ignore_eos", &params.request.ignore_eos));
  STRATA_RETURN_IF_ERROR(ReadStructuredOutput(fields, body, serving, &params.request));
  STRATA_RETURN_IF_ERROR(ReadStream(fields, &params));
  STRATA_RETURN_IF_ERROR(RefuseUnsupported(fields));
  for (const char* name : kIgnored) fields->Ignore(name);
  return params;
}

std::vector<int32_t> EncodePrompt(const Serving& serving, const std::string& text) {
  const Tokenizer& tokenizer = serving.engine->tokenizer();
  std::vector<int32_t> ids = tokenizer.Encode(text);
  const std::optional<int32_t> bos = tokenizer.bos();
  if (bos.has_value() && (serving.add_bos || ids.empty())) ids.insert(ids.begin(), *bos);
  return ids;
}

absl::Status CheckPrompt(const Serving& serving, const std::string& field,
                         const std::vector<int32_t>& prompt) {
  if (prompt.empty()) {
    return ApiError(absl::StatusCode::kInvalidArgument, field, "is empty; give at least one token");
  }
  const auto length = static_cast<int64_t>(prompt.size());
  if (length > serving.engine->context()) {
    return ApiError(absl::StatusCode::kInvalidArgument, field,
                    absl::StrCat("has ", length, " tokens, but the model's context holds ",
                                 serving.engine->context(), "; shorten it"),
                    "context_length_exceeded");
  }
  const int64_t vocabulary = serving.engine->model().vocab_size();
  for (int32_t id : prompt) {
    if (id < 0 || id >= vocabulary) {
      return ApiError(absl::StatusCode::kInvalidArgument, field,
                      absl::StrCat("token id ", id, " is outside [0, ", vocabulary, ")"));
    }
  }
  return absl::OkStatus();
}

}  // namespace strata::inference
