#include "llm/model/gguf_config.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "llm/model/architectures.h"
#include "llm/model/config.h"
#include "llm/model/config_fields.h"
#include "llm/model/gguf_number.h"
#include "llm/model/gguf_rope.h"
#include "llm/model/tensor_roles.h"

namespace strata::llm {
namespace {

using inference::GgufFile;
using inference::GgufMetadata;

constexpr char kArchitecture[] = "general.architecture";

// DeepSeek's keys for the router: 1 softmax, 2 sigmoid.
constexpr char kGating[] = "expert_gating_func";

bool HasTensor(const GgufFile& file, TensorRole role, const char* ending) {
  return file.tensors().count(GgufName(role) + ending) != 0;
}

// Of the size that a file need not say.
absl::StatusOr<int64_t> VocabSize(const GgufFile& file) {
  STRATA_ASSIGN_OR_RETURN(const inference::GgufTensor* table,
                          file.Tensor(GgufName(TensorRole::kEmbedding) + ".weight"));
  if (table->dims.size() == 2) return table->dims[0];
  return absl::InvalidArgumentError("tensor 'token_embd.weight': must have 2 dims");
}

absl::Status ReadKey(const GgufMetadata& metadata, const std::string& prefix, const ConfigKey& key,
                     DecoderConfig* config) {
  if (*key.gguf == '\0' || std::string(key.field) == "vocab_size") return absl::OkStatus();
  const std::string name = prefix + key.gguf;
  if (metadata.count(name) == 0) {
    if (!key.required) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat(name, ": is not in the metadata"));
  }
  STRATA_ASSIGN_OR_RETURN(const double value, GgufNumber(metadata, name));
  SetConfigNumber(config, key.field, value);
  return absl::OkStatus();
}

// Widths of the parts of a head of latent attention. Files with "_mla" keys tell the plain widths by these.
absl::Status ReadLatent(const GgufMetadata& metadata, const std::string& prefix,
                        DecoderConfig* config) {
  LatentAttention& latent = *config->mutable_latent();
  const std::string mla = metadata.count(prefix + "attention.key_length_mla") != 0 ? "_mla" : "";
  STRATA_ASSIGN_OR_RETURN(const double key,
                          GgufNumber(metadata, prefix + "attention.key_length" + mla));
  STRATA_ASSIGN_OR_RETURN(const double value,
                          GgufNumber(metadata, prefix + "attention.value_length" + mla));
  latent.set_nope_width(static_cast<int64_t>(key) - latent.rope_width());
  latent.set_value_width(static_cast<int64_t>(value));
  config->clear_kv_heads();  // 1 or all, as the file means to use the weights
  if (latent.nope_width() < 1 || latent.value_width() < 1) {
    return absl::InvalidArgumentError(absl::StrCat(prefix, "attention.key_length", mla, ": ", key,
                                                   " leaves no room beside ", latent.rope_width(),
                                                   " for positions"));
  }
  return absl::OkStatus();
}

// What the tensors tell.
void ReadOffTensors(const GgufFile& file, DecoderConfig* config) {
  config->set_tie_embeddings(!HasTensor(file, TensorRole::kHead, ".weight"));
  config->set_qkv_bias(HasTensor(file, TensorRole::kQuery, ".bias") ||
                       HasTensor(file, TensorRole::kQkv, ".bias"));
  config->set_output_bias(HasTensor(file, TensorRole::kAttentionOutput, ".bias"));
  config->set_mlp_bias(HasTensor(file, TensorRole::kUp, ".bias"));
  config->set_qk_norm(HasTensor(file, TensorRole::kQueryNorm, ".weight"));
}

absl::StatusOr<DecoderConfig> Read(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  STRATA_ASSIGN_OR_RETURN(const std::string name, GetText(metadata, kArchitecture));
  const std::string prefix = name + ".";
  const auto marker = [&](const std::string& key) -> int64_t {
    const absl::StatusOr<double> value = GgufNumber(metadata, prefix + key);
    return value.ok() ? static_cast<int64_t>(*value) : -1;
  };
  STRATA_ASSIGN_OR_RETURN(const Architecture* row, FindGgufArchitecture(name, marker));
  DecoderConfig config;
  config.set_architecture(row->name);
  for (const ConfigKey& key : row->keys) {
    STRATA_RETURN_IF_ERROR(ReadKey(metadata, prefix, key, &config));
  }
  STRATA_ASSIGN_OR_RETURN(const int64_t vocab_size, VocabSize(file));
  config.set_vocab_size(vocab_size);
  if (row->features.has_latent()) {
    STRATA_RETURN_IF_ERROR(ReadLatent(metadata, prefix, &config));
  }
  ReadOffTensors(file, &config);
  if (row->features.has_experts() && marker(kGating) == 2) {
    config.mutable_experts()->set_router(SIGMOID_WITH_BIAS);
  }
  config.set_norm_offset(0);
  config.set_input_major(false);
  if (!row->features.learned_positions()) {
    Rope& rope = *config.mutable_rope();
    rope.set_interleaved(row->gguf_interleaves_rope || row->features.rope().interleaved());
    const std::string width = prefix + "rope.dimension_count";
    if (!row->features.has_latent() && metadata.count(width) != 0) {
      STRATA_ASSIGN_OR_RETURN(const int64_t turned, GetInteger(metadata, width));
      rope.set_width(turned);
    }
  }
  // The factors of scaled RoPE need the sizes that completing gives.
  STRATA_ASSIGN_OR_RETURN(DecoderConfig complete, CompleteConfig(config));
  if (complete.learned_positions()) return complete;
  STRATA_RETURN_IF_ERROR(ReadGgufRope(file, prefix, &complete));
  return CompleteConfig(complete);
}

// A field that the metadata has in another form.
bool IsSpecial(const DecoderConfig& config, const std::string& field) {
  if (config.has_latent() && (field.rfind("latent.value", 0) == 0 || field == "head_width")) {
    return true;
  }
  return field == "rope.original_context";
}

void WriteKey(const DecoderConfig& config, const std::string& prefix, const ConfigKey& key,
              GgufMetadata* metadata) {
  if (*key.gguf == '\0' || IsSpecial(config, key.field)) return;
  const double value = ConfigNumber(config, key.field);
  switch (ConfigFieldKind(key.field)) {
    case FieldKind::kBool:
      (*metadata)[prefix + key.gguf] = value != 0;
      return;
    case FieldKind::kInt:
      if (value != 0) (*metadata)[prefix + key.gguf] = static_cast<uint32_t>(value);
      return;
    case FieldKind::kDouble:
      if (value != 0) (*metadata)[prefix + key.gguf] = static_cast<float>(value);
  }
}

void WriteWidths(const DecoderConfig& config, const std::string& prefix, GgufMetadata* metadata) {
  const auto set = [&](const char* key, int64_t value) {
    (*metadata)[prefix + key] = static_cast<uint32_t>(value);
  };
  if (config.has_latent()) {
    const LatentAttention& latent = config.latent();
    set("attention.key_length", latent.nope_width() + latent.rope_width());
    set("attention.value_length", latent.value_width());
    set("attention.head_count_kv", config.heads());
  } else if (!config.learned_positions()) {
    set("attention.key_length", config.head_width());
    set("attention.value_length", config.head_width());
  }
  if (config.has_rope()) set("rope.dimension_count", config.rope().width());
}

// The config that a reader of `config`'s metadata and tensors has: what neither says is as the architecture's row has it.
absl::StatusOr<DecoderConfig> WhatGgufSays(const Architecture& row, const DecoderConfig& config) {
  DecoderConfig said;
  said.set_architecture(row.name);
  const auto copy = [&](const char* field) {
    if (HasConfigField(config, field)) SetConfigNumber(&said, field, ConfigNumber(config, field));
  };
  for (const ConfigKey& key : row.keys) {
    if (*key.gguf != '\0' || !key.required) copy(key.field);
  }
  for (const char* field : {"vocab_size", "head_width", "init_std", "tie_embeddings", "qkv_bias",
                            "output_bias", "mlp_bias", "qk_norm"}) {
    copy(field);
  }
  if (config.has_latent()) *said.mutable_latent() = config.latent();
  if (config.has_experts()) said.mutable_experts()->set_router(config.experts().router());
  if (config.has_rope()) {
    *said.mutable_rope() = config.rope();
    said.mutable_rope()->set_interleaved(row.features.rope().interleaved());
  }
  return CompleteConfig(said);
}

// UNIMPLEMENTED with the feature that GGUF has no word for.
absl::Status CheckSayable(const Architecture& row, const DecoderConfig& config) {
  if (config.rope().mscale() != config.rope().mscale_all_dim()) {
    return absl::UnimplementedError(
        absl::StrCat("rope.mscale: GGUF has one number for it and mscale_all_dim; they are ",
                     config.rope().mscale(), " and ", config.rope().mscale_all_dim()));
  }
  STRATA_ASSIGN_OR_RETURN(const DecoderConfig said, WhatGgufSays(row, config));
  google::protobuf::util::MessageDifferencer differencer;
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  if (differencer.Compare(said, config)) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("GGUF cannot say of a ", row.gguf, " model: ", difference));
}

}  // namespace

absl::StatusOr<DecoderConfig> ParseGgufConfig(const GgufFile& file) {
  absl::StatusOr<DecoderConfig> config = Read(file);
  if (!config.ok()) return Annotate(config.status(), file.path());
  return config;
}

absl::StatusOr<GgufMetadata> GgufConfigEntries(const DecoderConfig& config) {
  STRATA_ASSIGN_OR_RETURN(const Architecture* row, FindArchitecture(config.architecture()));
  STRATA_RETURN_IF_ERROR(CheckSayable(*row, config));
  GgufMetadata metadata;
  const std::string prefix = row->gguf + ".";
  metadata[kArchitecture] = row->gguf;
  for (const ConfigKey& key : row->keys) WriteKey(config, prefix, key, &metadata);
  WriteWidths(config, prefix, &metadata);
  if (config.has_experts() && config.experts().router() != TOP_K_THEN_SOFTMAX) {
    metadata[prefix + kGating] = uint32_t{config.experts().router() == SIGMOID_WITH_BIAS ? 2u : 1u};
  }
  if (config.has_rope()) WriteGgufRope(config, prefix, &metadata);
  return metadata;
}

DecoderConfig InHfLayout(DecoderConfig config) {
  const absl::StatusOr<const Architecture*> row = FindArchitecture(config.architecture());
  if (!row.ok()) return config;
  const DecoderConfig& features = (*row)->features;
  config.set_norm_offset(features.norm_offset());
  config.set_input_major(features.input_major());
  if (config.has_rope()) config.mutable_rope()->set_interleaved(features.rope().interleaved());
  return config;
}

}  // namespace strata::llm
