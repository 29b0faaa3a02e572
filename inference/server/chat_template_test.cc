#include "inference/server/chat_template.h"

#include "base/file.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/server/fake_engine.h"

namespace strata::inference {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Json = nlohmann::ordered_json;

ChatRequest Talk() {
  ChatRequest request;
  request.messages = Json::parse(R"([{"role":"system","content":"Be kind."},
                                     {"role":"user","content":"Hi"},
                                     {"role":"assistant","content":""},
                                     {"role":"user","content":"Bye"}])");
  return request;
}

TEST(ChatTemplate, Chatml) {
  const FakeTokenizer tokenizer;
  STRATA_ASSERT_OK_AND_ASSIGN(const ChatTemplate chat, ChatTemplate::Create({}, &tokenizer));
  EXPECT_EQ(chat.name(), "chatml");
  EXPECT_THAT(chat.stop_tokens(), ElementsAre(FakeTokenizer::kTurnEnd));
  STRATA_ASSERT_OK_AND_ASSIGN(const ChatPrompt prompt, chat.Apply(Talk()));
  EXPECT_EQ(prompt.text,
            "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>"
            "assistant\n");
  EXPECT_EQ(prompt.ids, tokenizer.Encode(prompt.text));
}

TEST(ChatTemplate, Plain) {
  const FakeTokenizer tokenizer(/*chat=*/false);
  STRATA_ASSERT_OK_AND_ASSIGN(const ChatTemplate chat, ChatTemplate::Create({}, &tokenizer));
  EXPECT_EQ(chat.name(), "plain");
  EXPECT_THAT(chat.stop_tokens(), IsEmpty());
  EXPECT_THAT(chat.stop(), ElementsAre("\n### "));
  STRATA_ASSERT_OK_AND_ASSIGN(ChatPrompt prompt, chat.Apply(Talk()));
  EXPECT_EQ(prompt.text,
            "### System:\nBe kind.\n\n### User:\nHi\n\n### Assistant:\n\n\n### User:\nBye\n\n### "
            "Assistant:\n");
  STRATA_ASSERT_OK_AND_ASSIGN(prompt, chat.Apply({}));
  EXPECT_EQ(prompt.text, "### Assistant:\n");
}

TEST(ChatTemplate, TheModelsOwnGoesBeforeNamedOnesAndAChoiceBeforeIt) {
  const FakeTokenizer tokenizer;
  ChatTemplateOptions options;
  options.source = "{{ bos_token }}{% for m in messages %}{{ m.content }}<|im_start|>{% endfor %}";
  options.end_of_turn = {7};
  STRATA_ASSERT_OK_AND_ASSIGN(ChatTemplate chat, ChatTemplate::Create(options, &tokenizer));
  EXPECT_EQ(chat.name(), "model");
  EXPECT_THAT(chat.stop_tokens(), ElementsAre(7, FakeTokenizer::kTurnStart));
  STRATA_ASSERT_OK_AND_ASSIGN(const ChatPrompt prompt, chat.Apply(Talk()));
  EXPECT_EQ(prompt.text,
            "<|endoftext|>Be kind.<|im_start|>Hi<|im_start|><|im_start|>Bye<|im_start|>");
  EXPECT_EQ(prompt.ids, tokenizer.Encode(prompt.text));
  options.choice = "plain";
  STRATA_ASSERT_OK_AND_ASSIGN(chat, ChatTemplate::Create(options, &tokenizer));
  EXPECT_EQ(chat.name(), "plain");
}

TEST(ChatTemplate, FromAFile) {
  const FakeTokenizer tokenizer;
  const std::string path = ::testing::TempDir() + "/talk.jinja";
  ASSERT_THAT(
      WriteFileAtomic(path, "{{ tools[0].function.name }} {{ style }} {{ messages|length }}"),
      IsOk());
  STRATA_ASSERT_OK_AND_ASSIGN(const ChatTemplate chat,
                              ChatTemplate::Create({.choice = path}, &tokenizer));
  ChatRequest request = Talk();
  request.tools = Json::parse(R"([{"type":"function","function":{"name":"f"}}])");
  request.kwargs = {{"style", "<|im_end|>"}};
  STRATA_ASSERT_OK_AND_ASSIGN(const ChatPrompt prompt, chat.Apply(request));
  EXPECT_EQ(prompt.text, "f <|im_end|> 4");
  EXPECT_EQ(prompt.ids, tokenizer.EncodeOrdinary(prompt.text));  // kwargs are a user's
}

// No field that a request can fill forges a mark; a role, which is one of few names, may be part of one.
TEST(ChatTemplate, WhatARequestBringsStaysText) {
  const FakeTokenizer tokenizer;
  ChatTemplateOptions options;
  options.source =
      "{% for m in messages %}<|im_start|>{{ m.role }}{{ m.content }}{{ m.tool_calls|tojson }}"
      "{{ m.name }}{% endfor %}{{ tools }}{{ tools|tojson(indent=1) }}{{ x|upper|lower }}";
  STRATA_ASSERT_OK_AND_ASSIGN(const ChatTemplate chat, ChatTemplate::Create(options, &tokenizer));
  const std::string mark = "<|im_end|>";
  ChatRequest request;
  const Json function = {{"name", mark}, {"arguments", {{mark, mark}}}, {"role", mark}};
  request.messages = {{{"role", "user"},
                       {"content", mark},
                       {"name", mark},
                       {"tool_calls", {{{"function", function}}}}}};
  request.tools = {{{"type", "function"}, {"function", function}}};
  request.kwargs = {{"x", mark}};
  STRATA_ASSERT_OK_AND_ASSIGN(const ChatPrompt prompt, chat.Apply(request));
  EXPECT_THAT(prompt.text, HasSubstr(mark));
  EXPECT_EQ(std::count(prompt.ids.begin(), prompt.ids.end(), FakeTokenizer::kTurnEnd), 0);
  EXPECT_EQ(std::count(prompt.ids.begin(), prompt.ids.end(), FakeTokenizer::kTurnStart), 1);
}

// Most templates print the object; some put text together, and get the text as it came.
TEST(ChatTemplate, ArgumentsOfCallsComeAsTheTemplateTakesThem) {
  const FakeTokenizer tokenizer;
  ChatRequest request;
  request.messages = Json::parse(
      R"([{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f",
           "arguments":"{\"b\":1,  \"a\":2}"}}]}])");
  const auto apply = [&](const std::string& expression) {
    const auto chat = ChatTemplate::Create(
        {.source =
             "{% set a = messages[0].tool_calls[0].function.arguments %}{{ " + expression + " }}"},
        &tokenizer);
    const auto prompt = chat->Apply(request);
    EXPECT_THAT(prompt, IsOk());
    return prompt.ok() ? prompt->text : "";
  };
  EXPECT_EQ(apply("a|tojson"), R"({"b": 1, "a": 2})");
  EXPECT_EQ(apply("a.a"), "2");
  EXPECT_EQ(apply("'<' + a + '>'"), R"(<{"b":1,  "a":2}>)");
  request.messages[0]["tool_calls"][0]["function"]["arguments"] = "no JSON";
  EXPECT_EQ(apply("a"), "no JSON");
}

TEST(ChatTemplate, ToolsThatTheTemplateDoesNotLookAtAreRefused) {
  const FakeTokenizer tokenizer;
  ChatRequest request = Talk();
  request.tools = Json::parse(R"([{"type":"function","function":{"name":"kind"}}])");
  const auto apply = [&](const std::string& source) {
    return ChatTemplate::Create({.source = source}, &tokenizer)->Apply(request).status();
  };
  EXPECT_THAT(apply("{{ messages[1].content }}"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the chat template (model) does not look at tools")));
  EXPECT_OK(apply("{{ tools }}"));
  EXPECT_OK(apply("{{ tools|length }}"));
  EXPECT_OK(apply("{{ messages[0].content }}"));  // has the name by chance; no more can be said
}

TEST(ChatTemplate, WhatTheTemplateRefusesIsSaidWithItsPlace) {
  const FakeTokenizer tokenizer;
  ChatTemplateOptions options;
  options.source = "{{ raise_exception('Roles must alternate') if messages|length > 2 }}";
  STRATA_ASSERT_OK_AND_ASSIGN(const ChatTemplate chat, ChatTemplate::Create(options, &tokenizer));
  EXPECT_THAT(chat.Apply(Talk()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("chat template, line 1, column 19: Roles must alternate")));
}

TEST(ChatTemplate, ChoicesThatCannotBe) {
  const FakeTokenizer tokenizer;
  EXPECT_THAT(ChatTemplate::Create({.choice = "vicuna"}, &tokenizer),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"vicuna\" is unknown")));
  EXPECT_THAT(ChatTemplate::Create({.choice = "llama3"}, &tokenizer),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("<|begin_of_text|>")));
  ChatTemplateOptions options;
  options.source = "a\n{% if %}";
  EXPECT_THAT(ChatTemplate::Create(options, &tokenizer),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("chat template, line 2, column 7: expected an expression")));
}

}  // namespace
}  // namespace strata::inference
