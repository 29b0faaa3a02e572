// From files to logits: a folder, the GGUF file made of it, whole and split, and quantised, all loaded as LoadPretrained()
// does, and run by the engine's step under the interpreter, against the plain graph.
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "base/warning.h"
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

// All logits of the model in the file, one token at a time.
absl::StatusOr<std::vector<std::vector<float>>> LogitsOf(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(const PretrainedModel loaded, LoadPretrained(path));
  graph::Interpreter interpreter;
  StepHarness harness(*loaded.model, interpreter, {});
  std::vector<std::vector<float>> all;
  for (const int32_t token : kText) {
    STRATA_ASSIGN_OR_RETURN(const auto logits, harness.Step({{0, token}}));
    all.push_back(logits[0]);
  }
  return all;
}

// A tokenizer that GGUF's own keys cannot say is loaded from the file it is kept as.
TEST(KeptTokenizerTest, LoadsWhatGgufHasNoWordsFor) {
  const std::string folder = JoinPath(testing::TempDir(), "kept_tokenizer");
  std::filesystem::remove_all(folder);
  DecoderConfig config = TinyConfig("llama");
  config.set_vocab_size(262);
  ASSERT_OK(MakeDirectories(folder));
  ASSERT_OK(WriteTinyFolder(folder, config, TinyWeights(config, 7)));
  std::string json = TinyTokenizerJson();
  const std::string null = "\"normalizer\": null";
  json.replace(json.find(null), null.size(), R"("normalizer": {"type": "Lowercase"})");
  ASSERT_OK(WriteFileAtomic(JoinPath(folder, "tokenizer.json"), json));
  STRATA_ASSERT_OK_AND_ASSIGN(const ConvertSummary summary,
                              Convert(folder, folder + ".gguf", {.force = true}));
  EXPECT_THAT(summary.fallbacks,
              testing::ElementsAre(HasSubstr("tokenizer.json: kept whole, but not in GGUF's own "
                                             "words: normalizer: other than NFC")));
  STRATA_ASSERT_OK_AND_ASSIGN(const PretrainedModel loaded, LoadPretrained(folder + ".gguf"));
  STRATA_ASSERT_OK_AND_ASSIGN(const PretrainedModel before, LoadPretrained(folder));
  EXPECT_EQ(loaded.tokenizer->Encode("THE Band<|end|>"),
            before.tokenizer->Encode("the band<|end|>"));
  EXPECT_EQ(loaded.tokenizer->eos(), before.tokenizer->eos());
  EXPECT_EQ(loaded.tokenizer->bos(), before.tokenizer->bos());
}

// Another value, of the same length with its spaces, for a member of the tokenizer.json that a file keeps.
void ReplaceMember(const std::string& name, std::string value, std::string* bytes) {
  const size_t begin = bytes->find("{", bytes->find("\"" + name + "\": {"));
  const size_t size = bytes->find("}", begin) + 1 - begin;
  ASSERT_LE(value.size(), size);
  bytes->replace(begin, size, value + std::string(size - value.size(), ' '));
}

// A decoder that is refused, when it is read or when the tokenizer is made: the file's own keys are
// taken, with a warning.
TEST(KeptTokenizerTest, FallsBackToTheKeysForWhatIsRefused) {
  const std::string folder = JoinPath(testing::TempDir(), "refused_tokenizer");
  std::filesystem::remove_all(folder);
  DecoderConfig config = TinyConfig("llama");
  config.set_vocab_size(262);
  ASSERT_OK(MakeDirectories(folder));
  ASSERT_OK(WriteTinyFolder(folder, config, TinyWeights(config, 7)));
  ASSERT_OK(WriteFileAtomic(JoinPath(folder, "tokenizer.json"), TinyTokenizerJson()));
  const std::string path = folder + ".gguf";
  ASSERT_OK(Convert(folder, path, {.force = true}).status());
  STRATA_ASSERT_OK_AND_ASSIGN(const PretrainedModel before, LoadPretrained(path));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string whole, ReadFile(path));
  const std::pair<const char*, const char*> cases[] = {
      {R"({"type":"CTC"})", "decoder.type: 'CTC'"},
      {R"({"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"ByteLevel"}]})",
       "decoder: [1]: ByteLevel after Fuse"}};
  for (const auto& [decoder, message] : cases) {
    std::string bytes = whole;
    ReplaceMember("pre_tokenizer", R"({"type":"Whitespace"})", &bytes);
    ReplaceMember("decoder", decoder, &bytes);
    ASSERT_OK(WriteFileAtomic(path, bytes));
    WarningCapture warnings;
    STRATA_ASSERT_OK_AND_ASSIGN(const PretrainedModel loaded, LoadPretrained(path));
    EXPECT_THAT(warnings.messages(), testing::ElementsAre(testing::AllOf(
                                         HasSubstr("tokenizer.huggingface.json: "),
                                         HasSubstr(message), HasSubstr("tokenizer.ggml.*"))));
    EXPECT_EQ(loaded.tokenizer->Encode("the band<|end|>"),
              before.tokenizer->Encode("the band<|end|>"));
  }
}

// A tiny model in parts, and what becomes of it when they are not all there, each in its place.
class SplitModelTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = JoinPath(testing::TempDir(), "split_model");
    std::filesystem::remove_all(root_);
    const std::string folder = JoinPath(root_, "hf");
    DecoderConfig config = TinyConfig("gemma2");
    config.set_vocab_size(262);  // the tiny tokenizer's
    ASSERT_OK(MakeDirectories(folder));
    ASSERT_OK(WriteTinyFolder(folder, config, TinyWeights(config, 6)));
    ASSERT_OK(WriteFileAtomic(JoinPath(folder, "tokenizer.json"), TinyTokenizerJson()));
    ASSERT_OK(Convert(folder, Path("whole.gguf"), {}).status());
    STRATA_ASSERT_OK_AND_ASSIGN(
        const ConvertSummary summary,
        Convert(folder, Path("model.gguf"),
                {.split_bytes = std::filesystem::file_size(Path("whole.gguf")) / 3}));
    parts_ = summary.paths;
    ASSERT_GE(parts_.size(), 3u);
  }
  std::string Path(const std::string& name) const { return JoinPath(root_, name); }
  void ExpectRefused(absl::StatusCode code, const std::string& path, const std::string& why) {
    EXPECT_THAT(LoadPretrained(parts_[0]).status(),
                StatusIs(code, testing::AllOf(HasSubstr(path), HasSubstr(why))));
  }
  void Replace(const std::string& path, const std::string& with) {
    std::filesystem::copy_file(with, path, std::filesystem::copy_options::overwrite_existing);
  }

  std::string root_;
  std::vector<std::string> parts_;
};

TEST_F(SplitModelTest, GivesTheLogitsOfTheWholeFile) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto whole, LogitsOf(Path("whole.gguf")));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto split, LogitsOf(parts_[0]));
  EXPECT_EQ(split, whole);  // bit for bit
}

TEST_F(SplitModelTest, AMissingPartIsNamed) {
  std::filesystem::remove(parts_[1]);
  ExpectRefused(absl::StatusCode::kNotFound, parts_[1], "is missing; all");
}

TEST_F(SplitModelTest, ADoubledPartIsNamed) {
  Replace(parts_[1], parts_[2]);
  ExpectRefused(absl::StatusCode::kInvalidArgument, parts_[1],
                "says it is part 3 of " + std::to_string(parts_.size()) +
                    "; it is a copy or was renamed: put the right one in its place");
}

TEST_F(SplitModelTest, PartsInEachOthersPlaceAreNamed) {
  std::filesystem::rename(parts_[1], Path("aside"));
  std::filesystem::rename(parts_[2], parts_[1]);
  std::filesystem::rename(Path("aside"), parts_[2]);
  ExpectRefused(absl::StatusCode::kInvalidArgument, parts_[1], "says it is part 3 of");
}

TEST_F(SplitModelTest, ALaterPartIsNotTheModel) {
  EXPECT_THAT(
      LoadPretrained(parts_[1]).status(),
      StatusIs(absl::StatusCode::kInvalidArgument,
               testing::AllOf(HasSubstr(parts_[1]), HasSubstr("open the first, " + parts_[0]))));
}

TEST_F(SplitModelTest, APartOfAnotherSplitIsNamed) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const ConvertSummary other,
      Convert(JoinPath(root_, "hf"), Path("other.gguf"), {.split_bytes = 20'000}));
  ASSERT_GT(other.paths.size(), parts_.size());
  Replace(parts_[1], other.paths[1]);
  ExpectRefused(absl::StatusCode::kInvalidArgument, parts_[1],
                "says it is part 2 of " + std::to_string(other.paths.size()));
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
