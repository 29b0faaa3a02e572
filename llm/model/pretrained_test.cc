#include "llm/model/pretrained.h"

#include <cstring>
#include <map>

#include "base/file.h"
#include "base/status_matchers.h"
#include "framework/data/safetensors.h"
#include "gtest/gtest.h"
#include "llm/model/config.h"
#include "llm/model/decoder.h"
#include "llm/model/hf_config.h"
#include "llm/tokenizer/bpe_trainer.h"
#include "llm/tokenizer/tokenizer_json.h"

namespace strata::llm {
namespace {

using graph::HostTensor;
using ::testing::HasSubstr;

// A whole model folder with random weights; the caller spoils a part of it.
class PretrainedTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        JoinPath(testing::TempDir(), testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_OK(MakeDirectories(folder_));
    STRATA_ASSERT_OK_AND_ASSIGN(auto tokenizer,
                                TrainTokenizer("the cat sat on the mat", {.vocab_size = 260}));
    ASSERT_OK(SaveTokenizer(*tokenizer, JoinPath(folder_, "tokenizer.json")));
    config_.set_architecture("gpt2");
    config_.set_vocab_size(260);
    config_.set_context(8);
    config_.set_layers(1);
    config_.set_width(8);
    config_.set_heads(2);
    STRATA_ASSERT_OK_AND_ASSIGN(config_, CompleteConfig(config_));
    ASSERT_OK(WriteFileAtomic(JoinPath(folder_, "config.json"), WriteHfConfig(config_)));
    for (const framework::ParameterSpec& spec : DecoderParameters(config_)) {
      weights_[spec.name] = framework::InitParameter(spec, 1);
    }
    WriteWeights();
  }
  void WriteWeights() {
    ASSERT_OK(framework::WriteSafetensors(JoinPath(folder_, "model.safetensors"), weights_));
  }

  std::string folder_;
  DecoderConfig config_;
  std::map<std::string, HostTensor> weights_;
};

TEST_F(PretrainedTest, LoadsWhatWasWritten) {
  STRATA_ASSERT_OK_AND_ASSIGN(PretrainedModel loaded, LoadPretrained(folder_));
  EXPECT_EQ(loaded.model->name(), "LoadsWhatWasWritten");
  const HostTensor& rows = loaded.model->weights().at("wte.rows");  // f32 in place
  EXPECT_EQ(std::memcmp(rows.raw(), weights_.at("wte.weight").raw(), rows.size_bytes()), 0);
  EXPECT_EQ(loaded.tokenizer->Decode(loaded.tokenizer->Encode("the cat")), "the cat");
}

TEST_F(PretrainedTest, ReadsHuggingFacePrefixAndHalfPrecision) {
  std::map<std::string, HostTensor> renamed;
  for (const auto& [name, tensor] : weights_)
    renamed["transformer." + name] = tensor.Cast(chips::BF16);
  weights_ = renamed;
  WriteWeights();
  STRATA_ASSERT_OK_AND_ASSIGN(PretrainedModel loaded, LoadPretrained(folder_));
  EXPECT_EQ(loaded.model->weights().at("wte.rows").dims(), (std::vector<int64_t>{260, 16}));
  EXPECT_EQ(loaded.model->weights().at("ln_f.weight").dtype(), chips::F32);
}

TEST_F(PretrainedTest, FaultsNameFileAndTensor) {
  weights_.erase("ln_f.bias");
  WriteWeights();
  EXPECT_THAT(LoadPretrained(folder_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("ln_f.bias")));
  weights_["ln_f.bias"] = HostTensor::Zeros(chips::F32, {9});
  WriteWeights();
  EXPECT_THAT(LoadPretrained(folder_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'ln_f.bias': is f32[9]")));
  STRATA_ASSERT_OK_AND_ASSIGN(std::string content,
                              ReadFile(JoinPath(folder_, "model.safetensors")));
  ASSERT_OK(WriteFileAtomic(JoinPath(folder_, "model.safetensors"),
                            content.substr(0, content.size() / 2)));
  EXPECT_THAT(LoadPretrained(folder_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("model.safetensors")));
  EXPECT_THAT(LoadPretrained("/no/such"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such/config.json")));
}

}  // namespace
}  // namespace strata::llm
