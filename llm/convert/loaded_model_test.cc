// From files to logits: a folder, the GGUF file made of it, whole and split, and quantised, all loaded as LoadPretrained()
// does, and run by the engine's step under the interpreter, against the plain graph.
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"
#include "llm/convert/convert.h"
#include "llm/convert/tiny_folder.h"
#include "llm/convert/tiny_tokenizer.h"
#include "llm/model/architectures.h"
#include "llm/model/config.h"
#include "llm/model/decoder.h"
#include "llm/model/pretrained.h"
#include "llm/model/step_harness.h"
#include "llm/model/tiny_models.h"

namespace strata::llm {
namespace {

using graph::HostTensor;
using ::testing::HasSubstr;

const std::vector<int32_t> kText = {3, 14, 15, 9, 26, 5, 35, 8};

// The logits of all positions, by the plain graph.
std::vector<double> Expected(const DecoderConfig& config, const inference::WeightMap& weights) {
  const auto length = static_cast<int64_t>(kText.size());
  const absl::StatusOr<graph::Graph> graph = BuildDecoderLogits(config, 1, length);
  EXPECT_OK(graph.status());
  std::vector<HostTensor> inputs;
  for (const auto& input : graph->inputs()) {
    const std::string& name = graph->values(static_cast<int>(input.value())).name();
    inputs.push_back(name == "tokens" ? HostTensor::FromVector<int32_t>({1, length}, kText)
                                      : weights.at(name));
  }
  graph::Interpreter interpreter;
  const auto outputs = interpreter.Evaluate(*graph, inputs);
  EXPECT_OK(outputs.status());
  return (*outputs)[0].ToDoubles();
}

class LoadedModelTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    folder_ = JoinPath(testing::TempDir(), "loaded_" + GetParam());
    std::filesystem::remove_all(folder_);
    config_ = TinyConfig(GetParam());
    config_.set_vocab_size(262);  // the tiny tokenizer's
    weights_ = TinyWeights(config_, 5);
    ASSERT_OK(MakeDirectories(folder_));
    ASSERT_OK(WriteTinyFolder(folder_, config_, weights_));
    ASSERT_OK(WriteFileAtomic(JoinPath(folder_, "tokenizer.json"), TinyTokenizerJson()));
    expected_ = Expected(config_, weights_);
  }

  // The greatest difference from the plain graph's logits.
  void ExpectNear(const std::string& path, const std::string& format, double tolerance) {
    STRATA_ASSERT_OK_AND_ASSIGN(const PretrainedModel loaded,
                                LoadPretrained(path, {.weights = {.format = format}}));
    graph::Interpreter interpreter;
    StepHarness harness(*loaded.model, interpreter, {});
    double worst = 0;
    for (size_t i = 0; i < kText.size(); ++i) {
      STRATA_ASSERT_OK_AND_ASSIGN(const auto logits, harness.Step({{0, kText[i]}}));
      for (size_t v = 0; v < logits[0].size(); ++v) {
        const double difference =
            std::fabs(static_cast<double>(logits[0][v]) - expected_[i * logits[0].size() + v]);
        worst = difference <= worst ? worst : difference;  // NaN counts
      }
    }
    EXPECT_LT(worst, tolerance) << path << " " << format;
    EXPECT_EQ(loaded.tokenizer->Decode(loaded.tokenizer->Encode("the band")), "the band");
  }

  std::string folder_;
  DecoderConfig config_;
  inference::WeightMap weights_;
  std::vector<double> expected_;
};

TEST_P(LoadedModelTest, FolderAndGgufGiveThePlainGraphsLogits) {
  ExpectNear(folder_, "", 1e-4);
  const std::string gguf = folder_ + ".gguf";
  ASSERT_OK(Convert(folder_, gguf, {.force = true}).status());
  ExpectNear(gguf, "", 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Architectures, LoadedModelTest, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const Architecture& row : AllArchitectures())
                             names.push_back(row.name);
                           return names;
                         }()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace strata::llm
