#include "llm/model/generation_defaults.h"

#include "base/file.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::llm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(GenerationDefaults, ReadsWhatIsSaid) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const GenerationDefaults all,
      ParseGenerationConfig(R"({"temperature": 0.6, "top_p": 0.9, "top_k": 40, "do_sample": true,
                                "repetition_penalty": 1.1, "eos_token_id": [128001, 128009]})",
                            "g.json"));
  EXPECT_EQ(all.temperature, 0.6);
  EXPECT_EQ(all.top_p, 0.9);
  EXPECT_EQ(all.top_k, 40);
  EXPECT_EQ(all.repetition_penalty, 1.1);
  EXPECT_THAT(all.eos, ElementsAre(128001, 128009));
  STRATA_ASSERT_OK_AND_ASSIGN(const GenerationDefaults none, ParseGenerationConfig("{}", "g.json"));
  EXPECT_FALSE(none.temperature.has_value());
  EXPECT_TRUE(none.eos.empty());
  STRATA_ASSERT_OK_AND_ASSIGN(
      const GenerationDefaults greedy,
      ParseGenerationConfig(R"({"temperature": 0.6, "do_sample": false, "eos_token_id": 2})", "g"));
  EXPECT_EQ(greedy.temperature, 0);
  EXPECT_THAT(greedy.eos, ElementsAre(2));
}

TEST(GenerationDefaults, FaultsNameFileAndKey) {
  EXPECT_THAT(ParseGenerationConfig("[]", "g.json"), StatusIs(kInvalid, HasSubstr("g.json")));
  EXPECT_THAT(ParseGenerationConfig(R"({"top_p": "x"})", "g.json"),
              StatusIs(kInvalid, HasSubstr("g.json: top_p")));
  EXPECT_THAT(ParseGenerationConfig(R"({"eos_token_id": [1, -1]})", "g.json"),
              StatusIs(kInvalid, HasSubstr("eos_token_id")));
}

class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        JoinPath(testing::TempDir(), testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_OK(MakeDirectories(folder_));
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_OK(WriteFileAtomic(JoinPath(folder_, name), text));
  }
  std::string folder_;
};

TEST_F(FolderTest, EosComesFromConfigWhereGenerationConfigIsSilent) {
  STRATA_ASSERT_OK_AND_ASSIGN(GenerationDefaults defaults, ReadGenerationDefaults(folder_));
  EXPECT_TRUE(defaults.eos.empty());
  Write("config.json", R"({"eos_token_id": 7})");
  STRATA_ASSERT_OK_AND_ASSIGN(defaults, ReadGenerationDefaults(folder_));
  EXPECT_THAT(defaults.eos, ElementsAre(7));
  Write("generation_config.json", R"({"top_k": 5, "eos_token_id": [1, 2]})");
  STRATA_ASSERT_OK_AND_ASSIGN(defaults, ReadGenerationDefaults(folder_));
  EXPECT_THAT(defaults.eos, ElementsAre(1, 2));
  EXPECT_EQ(defaults.top_k, 5);
}

TEST_F(FolderTest, ChatTemplateOfEitherFile) {
  STRATA_ASSERT_OK_AND_ASSIGN(std::string text, ReadChatTemplate(folder_));
  EXPECT_EQ(text, "");
  Write("tokenizer_config.json", R"({"chat_template": "{{ bos_token }}"})");
  STRATA_ASSERT_OK_AND_ASSIGN(text, ReadChatTemplate(folder_));
  EXPECT_EQ(text, "{{ bos_token }}");
  Write(
      "tokenizer_config.json",
      R"({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})");
  STRATA_ASSERT_OK_AND_ASSIGN(text, ReadChatTemplate(folder_));
  EXPECT_EQ(text, "d");
  Write("tokenizer_config.json", R"({"chat_template": 3})");
  EXPECT_THAT(ReadChatTemplate(folder_), StatusIs(kInvalid, HasSubstr("chat_template")));
  Write("chat_template.jinja", "{{ messages }}");
  STRATA_ASSERT_OK_AND_ASSIGN(text, ReadChatTemplate(folder_));
  EXPECT_EQ(text, "{{ messages }}");
}

}  // namespace
}  // namespace strata::llm
