// Steps of the engine against the plain graph, under the reference interpreter: every architecture, every variant.
#include "llm/model/packed_step.h"

#include <cmath>
#include <cstring>
#include <memory>

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"
#include "llm/model/architectures.h"
#include "llm/model/decoder.h"
#include "llm/model/local_model.h"
#include "llm/model/step_harness.h"
#include "llm/model/tiny_models.h"

namespace strata::llm {
namespace {

using graph::HostTensor;
using Logits = std::vector<std::vector<float>>;

const std::vector<std::vector<int32_t>> kTexts = {{3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 9, 32},
                                                  {2, 7, 18, 28, 18, 28, 45},
                                                  {60, 0, 1, 60, 31, 30, 2, 59, 11}};

std::map<std::string, DecoderConfig> AllConfigs() {
  std::map<std::string, DecoderConfig> configs = TinyVariants();
  for (const Architecture& row : AllArchitectures()) configs[row.name] = TinyConfig(row.name);
  return configs;
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& [name, config] : AllConfigs()) names.push_back(name);
  return names;
}

// The logits of all positions of a text, by the plain graph.
Logits Expected(const DecoderConfig& config, const inference::WeightMap& weights,
                const std::vector<int32_t>& text) {
  const auto length = static_cast<int64_t>(text.size());
  const absl::StatusOr<graph::Graph> graph = BuildDecoderLogits(config, 1, length);
  EXPECT_OK(graph.status());
  if (!graph.ok()) return {};
  std::vector<HostTensor> inputs;
  for (const auto& input : graph->inputs()) {
    const std::string& name = graph->values(static_cast<int>(input.value())).name();
    inputs.push_back(name == "tokens" ? HostTensor::FromVector<int32_t>({1, length}, text)
                                      : weights.at(name));
  }
  graph::Interpreter interpreter;
  const auto outputs = interpreter.Evaluate(*graph, inputs);
  EXPECT_OK(outputs.status());
  Logits logits;
  for (int64_t i = 0; outputs.ok() && i < length; ++i) {
    const float* row = (*outputs)[0].data<float>() + i * config.vocab_size();
    logits.emplace_back(row, row + config.vocab_size());
  }
  return logits;
}

double WorstDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = a.size() == b.size() ? 0 : 1e30;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double difference = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    worst = difference <= worst ? worst : difference;  // NaN counts
  }
  return worst;
}

class PackedStepTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    config_ = AllConfigs().at(GetParam());
    weights_ = TinyWeights(config_, 5);
    STRATA_ASSERT_OK_AND_ASSIGN(model_, MakeDecoderModel("tiny", config_, weights_));
    for (const auto& text : kTexts) expected_.push_back(Expected(config_, weights_, text));
  }

  // Feeds chunks of all texts side by side: chunk[i % size] tokens of each in step i. Logits are wanted of every
  // `every`th token.
  void ExpectSteps(const std::vector<size_t>& chunks, const StepHarnessOptions& options,
                   size_t every = 1) {
    StepHarness harness(*model_, interpreter_, options);
    std::vector<size_t> done(kTexts.size(), 0);
    double worst = 0;
    for (size_t step = 0;; ++step) {
      std::vector<StepHarness::Row> rows;
      std::vector<std::pair<size_t, size_t>> places;
      for (size_t s = 0; s < kTexts.size(); ++s) {
        for (size_t i = 0; i < chunks[(step + s) % chunks.size()] && done[s] < kTexts[s].size();
             ++i) {
          const bool wanted = (done[s] + 1) % every == 0;
          if (wanted) places.emplace_back(s, done[s]);
          rows.push_back({s, kTexts[s][done[s]++], wanted});
        }
      }
      if (rows.empty()) break;
      STRATA_ASSERT_OK_AND_ASSIGN(const Logits logits, harness.Step(rows));
      ASSERT_EQ(logits.size(), places.size());
      for (size_t i = 0; i < places.size(); ++i)
        worst = std::max(worst,
                         WorstDifference(logits[i], expected_[places[i].first][places[i].second]));
    }
    EXPECT_LT(worst, 1e-4);
  }

  DecoderConfig config_;
  inference::WeightMap weights_;
  std::shared_ptr<const inference::DecoderModel> model_;
  std::vector<Logits> expected_;
  graph::Interpreter interpreter_;
};

TEST_P(PackedStepTest, TokenByToken) { ExpectSteps({1}, {}); }

TEST_P(PackedStepTest, WholePrompts) { ExpectSteps({12}, {.shuffle = 3}); }

TEST_P(PackedStepTest, RaggedChunksInScatteredSlotsWithPadding) {
  ExpectSteps({5, 1, 3}, {.shuffle = 9, .padding = 2});
}

TEST_P(PackedStepTest, LogitsOfSomeRows) {
  ExpectSteps({6, 2, 4}, {.shuffle = 4, .padding = 1}, /*every=*/3);
}

INSTANTIATE_TEST_SUITE_P(Models, PackedStepTest, testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

// Mixtral whose experts are all the same is Llama: whichever are chosen, their weights sum to 1.
TEST(PackedStep, EqualExpertsAreTheDenseBlock) {
  const DecoderConfig mixture = TinyConfig("mixtral");
  DecoderConfig dense = TinyConfig("llama");
  dense.set_norm_epsilon(mixture.norm_epsilon());
  *dense.mutable_rope() = mixture.rope();
  inference::WeightMap weights = TinyWeights(mixture, 5), dense_weights;
  const std::map<std::string, std::string> names = {
      {"w1", "gate_proj"}, {"w3", "up_proj"}, {"w2", "down_proj"}};
  for (auto& [name, tensor] : weights) {
    const size_t at = name.find("block_sparse_moe.experts.");
    if (at == std::string::npos) {
      dense_weights[name] = tensor;
      continue;
    }
    const std::vector<int64_t> dims = {tensor.dims()[1], tensor.dims()[2]};
    HostTensor first = HostTensor::Allocate(chips::F32, dims);
    const size_t bytes = first.size_bytes();
    std::memcpy(first.raw(), tensor.raw(), bytes);
    for (int64_t e = 1; e < 8; ++e)
      std::memcpy(tensor.data<float>() + e * first.elements(), first.raw(), bytes);
    dense_weights[name.substr(0, at) + "mlp." + names.at(name.substr(at + 25, 2)) + ".weight"] =
        first;
  }
  STRATA_ASSERT_OK_AND_ASSIGN(auto model, MakeDecoderModel("equal", mixture, weights));
  graph::Interpreter interpreter;
  StepHarness harness(*model, interpreter, {});
  const Logits expected = Expected(dense, dense_weights, kTexts[1]);
  std::vector<StepHarness::Row> rows;
  for (int32_t token : kTexts[1]) rows.push_back({0, token});
  STRATA_ASSERT_OK_AND_ASSIGN(const Logits logits, harness.Step(rows));
  for (size_t i = 0; i < rows.size(); ++i)
    EXPECT_LT(WorstDifference(logits[i], expected[i]), 1e-4) << i;
}

// 16-bit and int8 caches round keys and values: near the exact logits, and not equal to them.
TEST(PackedStep, OtherFormatsOfKeysAndValuesAreNear) {
  for (const char* architecture : {"llama", "gemma2", "deepseek_v3"}) {
    const DecoderConfig config = TinyConfig(architecture);
    const inference::WeightMap weights = TinyWeights(config, 5);
    STRATA_ASSERT_OK_AND_ASSIGN(auto model, MakeDecoderModel("tiny", config, weights));
    const Logits expected = Expected(config, weights, kTexts[0]);
    for (auto kv :
         {inference::KvFormat::kF16, inference::KvFormat::kBf16, inference::KvFormat::kInt8}) {
      graph::Interpreter interpreter;
      StepHarness harness(*model, interpreter, {.kv = kv});
      double worst = 0;
      for (size_t i = 0; i < kTexts[0].size(); ++i) {
        STRATA_ASSERT_OK_AND_ASSIGN(const Logits logits, harness.Step({{0, kTexts[0][i]}}));
        worst = std::max(worst, WorstDifference(logits[0], expected[i]));
      }
      EXPECT_GT(worst, 0) << architecture;
      EXPECT_LT(worst, 0.5) << architecture << ", " << static_cast<int>(kv);
    }
  }
}

TEST(PackedStep, BadShapesAreNamed) {
  const DecoderConfig config = TinyConfig("llama");
  STRATA_ASSERT_OK_AND_ASSIGN(auto model, MakeDecoderModel("tiny", config, TinyWeights(config, 1)));
  EXPECT_THAT(model->BuildStep({.rows = 0}, inference::KvFormat::kF32),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("rows: 0")));
  EXPECT_THAT(
      model->BuildStep({.rows = 2, .logit_rows = 3}, inference::KvFormat::kF32),
      StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("logit_rows: 3 of a step")));
}

}  // namespace
}  // namespace strata::llm
