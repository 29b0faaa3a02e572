#include "inference/server/chat_template.h"

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/server/fake_engine.h"

namespace strata::inference {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<ChatMessage> kMessages = {{ChatRole::kSystem, "Be kind."},
                                            {ChatRole::kUser, "Hi"},
                                            {ChatRole::kAssistant, ""},
                                            {ChatRole::kUser, "Bye"}};

TEST(ChatTemplate, Chatml) {
  const FakeTokenizer tokenizer;
  STRATA_ASSERT_OK_AND_ASSIGN(const ChatTemplate chat, ChatTemplate::Create("", tokenizer));
  EXPECT_EQ(chat.name(), "chatml");
  EXPECT_THAT(chat.stop_tokens(), ElementsAre(FakeTokenizer::kTurnEnd));
  EXPECT_EQ(tokenizer.Decode(chat.Apply(tokenizer, kMessages)),
            "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>"
            "assistant\n");
}

TEST(ChatTemplate, Plain) {
  const FakeTokenizer tokenizer(/*chat=*/false);
  STRATA_ASSERT_OK_AND_ASSIGN(const ChatTemplate chat, ChatTemplate::Create("", tokenizer));
  EXPECT_EQ(chat.name(), "plain");
  EXPECT_THAT(chat.stop(), ElementsAre("\n### "));
  EXPECT_EQ(tokenizer.Decode(chat.Apply(tokenizer, kMessages)),
            "### System:\nBe kind.\n\n### User:\nHi\n\n### Assistant:\n\n\n### User:\nBye\n\n### "
            "Assistant:\n");
  EXPECT_EQ(tokenizer.Decode(chat.Apply(tokenizer, {})), "### Assistant:\n");
}

TEST(ChatTemplate, NameThatCannotBe) {
  EXPECT_THAT(ChatTemplate::Create("vicuna", FakeTokenizer()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"vicuna\" is unknown")));
  EXPECT_THAT(ChatTemplate::Create("llama3", FakeTokenizer()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("<|begin_of_text|>")));
}

}  // namespace
}  // namespace strata::inference
