// A GPT-2 block with bf16 products: prefill of a prompt, and decode of one token behind it.
#include <map>
#include <string>

#include "courses/chips/five_machines/models.h"
#include "framework/nn/parameters.h"
#include "llm/model/config.h"
#include "llm/model/decoder.h"

namespace strata::courses {
namespace {

using graph::HostTensor;

constexpr int64_t kVocabulary = 256, kCache = 64;

absl::StatusOr<llm::DecoderConfig> Config() {
  llm::DecoderConfig config;
  config.set_architecture("gpt2");
  config.set_vocab_size(kVocabulary);
  config.set_context(kCache);
  config.set_layers(1);
  config.set_width(256);
  config.set_heads(4);
  return llm::CompleteConfig(config);
}

HostTensor Tokens(int64_t count) {
  HostTensor tokens = HostTensor::Allocate(chips::I32, {1, count});
  for (int64_t i = 0; i < count; ++i) {
    tokens.data<int32_t>()[i] = static_cast<int32_t>(i * 97 % kVocabulary);
  }
  return tokens;
}

}  // namespace

absl::StatusOr<LabModel> Bf16GptBlock(int64_t tokens) {
  STRATA_ASSIGN_OR_RETURN(const llm::DecoderConfig config, Config());
  LabModel model;
  model.name = tokens == 1 ? "GPT block, decode" : "GPT block, prefill";
  model.products = chips::BF16;
  STRATA_ASSIGN_OR_RETURN(model.graph, llm::BuildDecoderStep(config, 1, tokens, kCache));
  std::map<std::string, HostTensor> tensors;
  for (const framework::ParameterSpec& spec : llm::DecoderParameters(config)) {
    tensors[spec.name] = framework::InitParameter(spec, 1);
  }
  tensors["tokens"] = Tokens(tokens);
  tensors["start"] =
      HostTensor::FromVector<int32_t>({1}, {static_cast<int32_t>(tokens == 1 ? kCache - 1 : 0)});
  for (const graph::Input& input : model.graph.inputs()) {
    const graph::Value& value = model.graph.values(static_cast<int>(input.value()));
    const auto it = tensors.find(value.name());
    const graph::TensorType type = TypeOf(value);
    model.inputs.push_back(it != tensors.end() ? it->second
                                               : HostTensor::Zeros(type.dtype, type.dims()));
    if (input.kind() == graph::PARAMETER) {
      model.weight_bytes += static_cast<int64_t>(model.inputs.back().size_bytes());
    }
  }
  return model;
}

}  // namespace strata::courses
