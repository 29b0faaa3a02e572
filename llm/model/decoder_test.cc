#include "llm/model/decoder.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"
#include "llm/model/config.h"
#include "llm/model/tiny_models.h"

namespace strata::llm {
namespace {

using graph::HostTensor;

std::vector<HostTensor> Bind(const graph::Graph& graph,
                             const std::map<std::string, HostTensor>& tensors) {
  std::vector<HostTensor> inputs;
  for (const auto& input : graph.inputs()) {
    inputs.push_back(tensors.at(graph.values(static_cast<int>(input.value())).name()));
  }
  return inputs;
}

class DecoderTest : public testing::TestWithParam<const char*> {};

// The same model twice: the loss of a whole sequence, and one token at a time with a KV cache. The mean of the steps'
// negative log-probabilities is the loss.
TEST_P(DecoderTest, StepsWithACacheEqualTheWholeSequence) {
  const DecoderConfig config = TinyConfig(GetParam());
  const std::vector<int32_t> text = {3, 1, 4, 1, 5, 9, 2, 6};
  const auto length = static_cast<int64_t>(text.size()) - 1;
  std::map<std::string, HostTensor> tensors = TinyWeights(config, 7);
  graph::Interpreter interpreter;

  graph::Builder builder("loss");
  const DecoderLoss loss = BuildDecoderLoss(builder, config, length);
  builder.Output(loss.loss, "loss", graph::MEAN);
  STRATA_ASSERT_OK_AND_ASSIGN(graph::Graph whole, std::move(builder).Build());
  tensors["tokens"] = HostTensor::FromVector<int32_t>({1, length}, {text.begin(), text.end() - 1});
  tensors["targets"] = HostTensor::FromVector<int32_t>({1, length}, {text.begin() + 1, text.end()});
  STRATA_ASSERT_OK_AND_ASSIGN(auto outputs, interpreter.Evaluate(whole, Bind(whole, tensors)));

  STRATA_ASSERT_OK_AND_ASSIGN(graph::Graph step, BuildDecoderStep(config, 1, 1, config.context()));
  ASSERT_EQ(step.outputs(0).name(), "logits");
  for (const auto& input : step.inputs()) {
    const graph::Value& value = step.values(static_cast<int>(input.value()));
    if (input.kind() == graph::STATE)
      tensors[value.name()] = HostTensor::Zeros(chips::F32, graph::TypeOf(value).dims());
  }
  double total = 0;
  for (int32_t i = 0; i < length; ++i) {
    tensors["tokens"] = HostTensor::FromVector<int32_t>({1, 1}, {text[static_cast<size_t>(i)]});
    tensors["start"] = HostTensor::FromVector<int32_t>({1}, {i});
    STRATA_ASSERT_OK_AND_ASSIGN(auto results, interpreter.Evaluate(step, Bind(step, tensors)));
    const std::vector<double> logits = results[0].ToDoubles();
    double sum = 0;
    for (double logit : logits) sum += std::exp(logit);
    total += std::log(sum) - logits[static_cast<size_t>(text[static_cast<size_t>(i) + 1])];
  }
  EXPECT_NEAR(total / static_cast<double>(length), outputs[0].ToDoubles()[0], 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Architectures, DecoderTest,
                         testing::Values("gpt2", "llama", "qwen2", "qwen3", "phi3", "mixtral",
                                         "deepseek_v2", "deepseek_v3"));

TEST(Decoder, OriginsAreModelLines) {
  STRATA_ASSERT_OK_AND_ASSIGN(graph::Graph step, BuildDecoderStep(TinyConfig("gpt2"), 1, 1, 4));
  int found = 0;
  for (const graph::Node& node : step.nodes())
    found += node.origin().find("gpt2.h.1.mlp.c_fc (") == 0;
  EXPECT_GE(found, 2) << "matmul and bias of the second layer";
}

TEST(Decoder, Gpt2HasHuggingFaceNames) {
  std::map<std::string, std::vector<int64_t>> dims;
  for (const framework::ParameterSpec& spec : DecoderParameters(*NamedConfig("gpt2-124m")))
    dims[spec.name] = spec.dims;
  EXPECT_EQ(dims.at("h.0.attn.c_attn.weight"), (std::vector<int64_t>{768, 2304}));
  EXPECT_EQ(dims.at("wte.weight"), (std::vector<int64_t>{50257, 768}));
  EXPECT_EQ(dims.count("h.11.mlp.c_proj.bias"), 1u);
  EXPECT_EQ(dims.size(), 148u);
}

}  // namespace
}  // namespace strata::llm
