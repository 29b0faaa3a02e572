#include "inference/server/tool_call_format.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/server/chat_template.h"
#include "inference/server/fake_engine.h"
#include "inference/server/tool_call_parser.h"

namespace strata::inference {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string TemplateText(const std::string& name) {
  const auto text = ReadFile(absl::StrCat("inference/jinja/testdata/chat/", name, ".jinja"));
  EXPECT_THAT(text, IsOk());
  return text.ok() ? *text : "";
}

std::string FormatOf(const std::string& name) {
  const auto choice = ChooseToolCallFormat("", TemplateText(name));
  EXPECT_THAT(choice, IsOk());
  return choice->format == nullptr ? "none" : choice->format->name;
}

TEST(ToolCallFormat, TheTemplatesOfTheFamiliesAreKnown) {
  EXPECT_EQ(FormatOf("qwen_tools"), "hermes");
  EXPECT_EQ(FormatOf("llama3_tools"), "llama3_json");
  EXPECT_EQ(FormatOf("mistral_tools"), "mistral");
  EXPECT_EQ(FormatOf("granite"), "granite");
  EXPECT_EQ(FormatOf("deepseek"), "deepseek_v3");
  for (const char* name : {"chatml", "command", "gemma", "llama2", "phi3", "vicuna", "zephyr"})
    EXPECT_EQ(FormatOf(name), "none") << name;
}

// Of templates that are not in the folder, by the lines of theirs that matter.
TEST(ToolCallFormat, LinesOfTemplatesAreKnown) {
  const auto format = [](absl::string_view text) -> std::string {
    const auto choice = ChooseToolCallFormat("", text);
    return choice->format == nullptr ? "none" : choice->format->name;
  };
  EXPECT_EQ(format(R"({{- '[TOOL_CALLS]' + name + '[ARGS]' + arguments }})"), "mistral_args");
  EXPECT_EQ(format("{{'<|tool|>' + message['tools'] + '<|/tool|>'}}"), "phi4_mini");
  EXPECT_EQ(format("'<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>' + name + '<｜tool▁sep｜>'"),
            "deepseek_v31");
  // The tag of Hermes around something else.
  EXPECT_EQ(format("<tool_call>\\n<function=name>\\n<parameter=p>"), "none");
  EXPECT_EQ(format("<tool_call>{function-name}\\n<arg_key>"), "none");
}

TEST(ToolCallFormat, AChoiceGoesBeforeTheTemplate) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto choice, ChooseToolCallFormat("none", "[TOOL_CALLS]"));
  EXPECT_EQ(choice.format, nullptr);
  for (const ToolCallFormat& format : ToolCallFormats()) {
    STRATA_ASSERT_OK_AND_ASSIGN(choice, ChooseToolCallFormat(format.name, "[TOOL_CALLS]"));
    EXPECT_EQ(choice.format, &format);
  }
  EXPECT_THAT(ChooseToolCallFormat("Hermes", ""),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("tool_call_parser: \"Hermes\" is unknown; there are none, "
                                 "hermes, llama3_json, mistral, mistral_args, phi4_mini, granite, "
                                 "deepseek_v3, deepseek_v31")));
}

TEST(ToolCallFormat, SpecialTokensAreThoseOfTheMarks) {
  const FakeTokenizer tokenizer(true, {"</tool_call>", "[TOOL_CALLS]", "<｜tool▁sep｜>"});
  std::vector<int32_t> of_hermes = SpecialTokens(ToolCallFormats()[0], tokenizer);
  EXPECT_THAT(of_hermes, ElementsAre(*tokenizer.TokenId("</tool_call>")));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto deepseek, ChooseToolCallFormat("deepseek_v3", ""));
  EXPECT_THAT(SpecialTokens(*deepseek.format, tokenizer),  // a part of a mark
              ElementsAre(*tokenizer.TokenId("<｜tool▁sep｜>")));
  EXPECT_THAT(SpecialTokens(ToolCallFormats()[1], tokenizer), IsEmpty());
}

struct Turn {
  const char* name;      // of the template
  const char* content;   // null: none beside calls
  int calls;             // that the template lets a turn have
  const char* end_mark;  // of the turn
};

// What a template writes for a turn with calls is what a model of that family has learnt to write: it is read as that
// turn.
TEST(ToolCallFormat, WhatATemplateWritesForCallsIsReadAsThem) {
  const FakeTokenizer tokenizer;
  for (const Turn& turn : {Turn{"qwen_tools", "Let me see.", 2, "<|im_end|>"},
                           Turn{"qwen_tools", nullptr, 2, "<|im_end|>"},
                           Turn{"llama3_tools", nullptr, 1, "<|eot_id|>"},
                           Turn{"mistral_tools", nullptr, 2, "<|endoftext|>"},
                           Turn{"granite", nullptr, 2, "<|end_of_text|>"},
                           Turn{"deepseek", nullptr, 2, "<｜end▁of▁sentence｜>"}}) {
    SCOPED_TRACE(turn.name);
    const std::string source = TemplateText(turn.name);
    STRATA_ASSERT_OK_AND_ASSIGN(const ChatTemplate chat,
                                ChatTemplate::Create({.source = source}, &tokenizer));
    ChatRequest request;
    request.messages = Json::parse(R"([{"role": "user", "content": "Weather?"}])");
    const absl::StatusOr<ChatPrompt> before = chat.Apply(request);
    ASSERT_THAT(before, IsOk());

    Json message = {{"role", "assistant"}, {"content", nullptr}};
    if (turn.content != nullptr) message["content"] = turn.content;
    const Json arguments[] = {{{"city", "Köln \"]}\n"}, {"days", {1, 2}}}, Json::object()};
    for (int i = 0; i < turn.calls; ++i) {
      message["tool_calls"].push_back(
          {{"id", absl::StrCat("abcdefgh", i)},
           {"type", "function"},
           {"function", {{"name", absl::StrCat("f", i)}, {"arguments", arguments[i].dump()}}}});
    }
    request.messages.push_back(message);
    request.add_generation_prompt = false;
    const absl::StatusOr<ChatPrompt> after = chat.Apply(request);
    ASSERT_THAT(after, IsOk());
    ASSERT_TRUE(absl::StartsWith(after->text, before->text)) << after->text;
    std::string written = after->text.substr(before->text.size());
    written.resize(written.find(turn.end_mark));

    STRATA_ASSERT_OK_AND_ASSIGN(const auto choice, ChooseToolCallFormat("", source));
    ToolCallParser parser(choice.format, {"f0", "f1"});
    std::vector<ToolCallPart> parts = parser.Push(written);
    for (ToolCallPart& part : parser.Finish()) parts.push_back(std::move(part));
    std::string content;
    std::vector<ToolCall> calls;
    for (const ToolCallPart& part : parts) {
      if (part.kind == ToolCallPart::Kind::kContent) content += part.text;
      if (part.kind == ToolCallPart::Kind::kCall) calls.push_back(part.call);
    }
    EXPECT_EQ(content, turn.content == nullptr ? "" : turn.content);
    ASSERT_THAT(calls, SizeIs(turn.calls)) << written;
    for (int i = 0; i < turn.calls; ++i) {
      EXPECT_EQ(calls[i].name, absl::StrCat("f", i));
      EXPECT_EQ(Json::parse(calls[i].arguments), arguments[i]);
    }
  }
}

}  // namespace
}  // namespace strata::inference
