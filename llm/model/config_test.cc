#include "llm/model/config.h"

#include "base/status_matchers.h"
#include "base/textproto.h"
#include "gtest/gtest.h"

namespace strata::llm {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// Published sizes: GPT-2 small 124 439 808 (Hugging Face's gpt2), TinyLlama 1 100 048 384 parameters.
TEST(Config, NamedModelsHaveTheirPublishedSizes) {
  EXPECT_EQ(ParameterCount(*NamedConfig("gpt2-124m")), 124439808);
  EXPECT_EQ(ParameterCount(*NamedConfig("tinyllama-1.1b")), 1100048384);
  EXPECT_THAT(NamedConfig("gpt5"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("gpt2-124m")));
}

TEST(Config, HfConfigRoundTrips) {
  for (const std::string& name : ConfigNames()) {
    STRATA_ASSERT_OK_AND_ASSIGN(DecoderConfig config, NamedConfig(name));
    STRATA_ASSERT_OK_AND_ASSIGN(DecoderConfig back,
                                ParseHfConfig(WriteHfConfig(config), "config.json"));
    if (config.family() == GPT2) config.set_rope_theta(back.rope_theta());
    EXPECT_EQ(PrintTextProto(config), PrintTextProto(back)) << name;
  }
}

TEST(Config, BadFieldsAreNamed) {
  STRATA_ASSERT_OK_AND_ASSIGN(const DecoderConfig good, NamedConfig("tinyllama-1.1b"));
  DecoderConfig bad = good;
  bad.set_heads(7);
  EXPECT_THAT(CompleteConfig(bad), StatusIs(kInvalid, HasSubstr("heads: 7")));
  bad = good;
  bad.set_kv_heads(5);
  EXPECT_THAT(CompleteConfig(bad), StatusIs(kInvalid, HasSubstr("kv_heads: 5")));
  bad = good;
  bad.set_layers(0);
  EXPECT_THAT(CompleteConfig(bad), StatusIs(kInvalid, HasSubstr("layers: 0")));
  bad = good;
  bad.clear_family();
  EXPECT_THAT(CompleteConfig(bad), StatusIs(kInvalid, HasSubstr("family")));
  EXPECT_THAT(ParseHfConfig("{", "c.json"),
              StatusIs(kInvalid, HasSubstr("c.json: is not a JSON object")));
  EXPECT_THAT(ParseHfConfig(R"({"model_type": "gpt2"})", "c.json"),
              StatusIs(kInvalid, HasSubstr("c.json: vocab_size: is missing")));
  EXPECT_THAT(ParseHfConfig(R"({"model_type": "gpt2", "vocab_size": "x"})", "c.json"),
              StatusIs(kInvalid, HasSubstr("vocab_size: must be an integer")));
  EXPECT_THAT(ParseHfConfig(R"({"model_type": "bert"})", "c.json"),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("'bert'")));
}

}  // namespace
}  // namespace strata::llm
