// Calls of tools, over HTTP: what the fake engine writes comes back as tool_calls, whole and in a stream.
#include <string>

#include "inference/grammar/token_grammar.h"
#include "inference/server/server_fixture.h"

namespace strata::inference {
namespace {

using Value = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

constexpr char kChat[] = "/v1/chat/completions";

// In the format of Qwen's and Hermes'.
constexpr char kTemplate[] =
    "{% for t in tools or [] %}{{ t|tojson }}{% endfor %}{% for m in messages %}<|im_start|>"
    "{{ m.content or '' }}{% for c in m.tool_calls or [] %}<tool_call>{\"name\": \""
    "{{ c.function.name }}\", \"arguments\": {{ c.function.arguments|tojson }}}</tool_call>"
    "{% endfor %}<|im_end|>{% endfor %}";
constexpr char kWeather[] =
    R"(<tool_call>{"name": "weather", "arguments": {"city": "Köln"}}</tool_call>)";
constexpr char kNow[] = R"(<tool_call>{"name": "now", "arguments": {}}</tool_call>)";

// What one choice says: its content, and its calls by index.
struct Said {
  Value content;
  std::vector<Value> calls;  // {"name", "arguments"}
  std::string finish_reason;
};

class ToolCallTest : public ServerFixture {
 protected:
  void SetUp() override { StartWith({.model_chat_template = kTemplate}); }

  void StartWith(ServerOptions options, std::vector<std::string> more_specials = {}) {
    server_.reset();
    engine_ = std::make_shared<FakeEngine>(2048, /*chat_tokens=*/true, std::move(more_specials));
    Start(std::move(options));
  }

  void Answer(const std::string& text) { engine_->SetAnswer(engine_->tokenizer().Encode(text)); }

  static Value Tools(const Value& more = Value::object()) {
    Value request = Value::parse(R"({
        "messages": [{"role": "user", "content": "Weather?"}],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {}}},
                  {"type": "function", "function": {"name": "now"}}]})");
    request.update(more);
    return request;
  }

  // Checks the form of the message as well.
  static Said Read(const Value& choice) {
    const Value& message = choice["message"];
    Said said = {message["content"], {}, choice["finish_reason"]};
    if (!message.contains("tool_calls")) return said;
    EXPECT_FALSE(message["tool_calls"].empty());
    for (const Value& call : message["tool_calls"]) {
      EXPECT_EQ(call.size(), 3u) << call;
      EXPECT_EQ(call["type"], "function");
      EXPECT_THAT(call["id"].get<std::string>(), MatchesRegex("call_[0-9A-Za-z]{24}"));
      said.calls.push_back(call["function"]);
    }
    return said;
  }

  // The same from the events of a stream: of each call the name first, then its arguments.
  static Said ReadStream(const std::vector<Value>& events, int index) {
    Said said = {"", {}, ""};
    for (const Value& event : events) {
      for (const Value& choice : event["choices"]) {
        if (choice["index"] != index) continue;
        EXPECT_EQ(said.finish_reason, "");
        if (!choice["finish_reason"].is_null()) said.finish_reason = choice["finish_reason"];
        const Value& delta = choice["delta"];
        said.content = said.content.get<std::string>() + delta.value("content", "");
        if (!delta.contains("tool_calls")) continue;
        EXPECT_EQ(delta["tool_calls"].size(), 1u);
        TakeDelta(delta["tool_calls"][0], &said.calls);
      }
    }
    if (said.content == "" && !said.calls.empty()) said.content = nullptr;
    return said;
  }

  static void TakeDelta(const Value& delta, std::vector<Value>* calls) {
    const size_t index = delta["index"];
    if (index == calls->size()) {
      EXPECT_EQ(delta["type"], "function");
      EXPECT_THAT(delta["id"].get<std::string>(), MatchesRegex("call_[0-9A-Za-z]{24}"));
      EXPECT_EQ(delta["function"]["arguments"], "");
      calls->push_back(delta["function"]);
      return;
    }
    ASSERT_EQ(index + 1, calls->size());
    EXPECT_FALSE(delta.contains("id"));
    EXPECT_FALSE(delta["function"].contains("name"));
    Value& arguments = calls->back()["arguments"];
    arguments = arguments.get<std::string>() + delta["function"]["arguments"].get<std::string>();
  }

  // What the request is answered, whole; its stream must say the same.
  std::vector<Said> Ask(const Value& request) {
    std::vector<Said> all;
    const Value choices = Post(kChat, request)["choices"];
    const std::vector<Value> events = Stream(kChat, request);
    for (size_t i = 0; i < choices.size(); ++i) {
      all.push_back(Read(choices[i]));
      const Said streamed = ReadStream(events, static_cast<int>(i));
      EXPECT_EQ(streamed.content, all.back().content);
      EXPECT_EQ(streamed.calls, all.back().calls);
      EXPECT_EQ(streamed.finish_reason, all.back().finish_reason);
    }
    return all;
  }
  Said AskOne(const Value& request) {
    const std::vector<Said> all = Ask(request);
    EXPECT_THAT(all, SizeIs(1));
    return all.empty() ? Said() : all[0];
  }
};

const Value kWeatherCall = {{"name", "weather"}, {"arguments", R"({"city": "Köln"})"}};
const Value kNowCall = {{"name", "now"}, {"arguments", "{}"}};

TEST_F(ToolCallTest, TheFormatIsTheTemplates) {
  EXPECT_EQ(server_->tool_call_parser(), "hermes (the chat template has <tool_call> and name)");
  Start({.model_chat_template = kTemplate, .tool_call_parser = "none"});
  EXPECT_EQ(server_->tool_call_parser(), "none (as asked for)");
  Start({.tool_call_parser = "mistral"});
  EXPECT_EQ(server_->tool_call_parser(), "mistral (as asked for)");
  Start({});
  EXPECT_EQ(server_->tool_call_parser(),
            "none (the chat template has the marks of no known format)");
  EXPECT_THAT(Server::Start(engine_, {.port = 0, .tool_call_parser = "qwen"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("\"qwen\" is unknown; there are none, hermes, llama3_json, ")));
}

TEST_F(ToolCallTest, ACallIsNoContent) {
  Answer(kWeather);
  const Said said = AskOne(Tools());
  EXPECT_EQ(said.content, nullptr);
  EXPECT_THAT(said.calls, ::testing::ElementsAre(kWeatherCall));
  EXPECT_EQ(said.finish_reason, "tool_calls");
}

TEST_F(ToolCallTest, ContentAndSeveralCalls) {
  Answer(std::string("Let me see.\n") + kWeather + "\n" + kNow + "\n");
  const Said said = AskOne(Tools({{"parallel_tool_calls", true}}));
  EXPECT_EQ(said.content, "Let me see.");
  EXPECT_THAT(said.calls, ::testing::ElementsAre(kWeatherCall, kNowCall));
  EXPECT_EQ(said.finish_reason, "tool_calls");
}

TEST_F(ToolCallTest, EachChoiceHasItsOwn) {
  Answer(std::string("Hm.") + kWeather);
  const std::vector<Said> all = Ask(Tools({{"n", 3}}));
  ASSERT_THAT(all, SizeIs(3));
  for (const Said& said : all) {
    EXPECT_EQ(said.content, "Hm.");
    EXPECT_THAT(said.calls, ::testing::ElementsAre(kWeatherCall));
  }
}

TEST_F(ToolCallTest, WithoutCallsNothingIsDifferent) {
  Answer(" It rains.\n");
  const Said said = AskOne(Tools());
  EXPECT_EQ(said.content, " It rains.\n");
  EXPECT_THAT(said.calls, IsEmpty());
  EXPECT_EQ(said.finish_reason, "stop");
}

TEST_F(ToolCallTest, WhatIsBrokenIsContent) {
  for (const char* broken : {R"(<tool_call>{"name": "weather", "arguments": {"city": "Kö)",
                             R"(<tool_call>{"name": "weather", "arguments": [1]}</tool_call>)",
                             "<tool_call>weather()</tool_call>", "a <tool"}) {
    Answer(broken);
    const Said said = AskOne(Tools());
    EXPECT_EQ(said.content, broken);
    EXPECT_THAT(said.calls, IsEmpty());
    EXPECT_EQ(said.finish_reason, "stop");
  }
}

TEST_F(ToolCallTest, ACallThatLengthOrAStopStringCutsOffIsContent) {
  Answer(std::string(kNow) + kWeather);
  const auto now = static_cast<int>(sizeof(kNow) - 1);
  Said said = AskOne(Tools({{"max_tokens", now - 1}}));
  EXPECT_EQ(said.content, std::string(kNow).substr(0, sizeof(kNow) - 2));
  EXPECT_THAT(said.calls, IsEmpty());
  EXPECT_EQ(said.finish_reason, "length");
  said = AskOne(Tools({{"max_tokens", now + 12}}));
  EXPECT_EQ(said.content, "<tool_call>{");
  EXPECT_THAT(said.calls, ::testing::ElementsAre(kNowCall));
  EXPECT_EQ(said.finish_reason, "length");
  said = AskOne(Tools({{"stop", "g"}}));
  EXPECT_EQ(said.content, R"(<tool_call>{"name": "now", "ar)");
  EXPECT_EQ(said.finish_reason, "stop");
  said = AskOne(Tools({{"stop", "h"}}));
  EXPECT_EQ(said.content, R"(<tool_call>{"name": "weat)");
  EXPECT_THAT(said.calls, ::testing::ElementsAre(kNowCall));
  EXPECT_EQ(said.finish_reason, "tool_calls");
}

TEST_F(ToolCallTest, OneCallEndsTheAnswerWhereNoMoreMayBe) {
  Answer(std::string("So.") + kNow + kWeather);
  for (int n : {1, 3}) {
    const Value request = Tools({{"parallel_tool_calls", false}, {"n", n}});
    const std::vector<Said> all = Ask(request);
    ASSERT_THAT(all, SizeIs(n));
    for (const Said& said : all) {
      EXPECT_EQ(said.content, "So.");
      EXPECT_THAT(said.calls, ::testing::ElementsAre(kNowCall));
      EXPECT_EQ(said.finish_reason, "tool_calls");
    }
    EXPECT_EQ(Post(kChat, request)["usage"]["completion_tokens"], n * (3 + sizeof(kNow) - 1));
  }
  engine_->WaitUntilAborted(6);  // each request once: its last answer is not made to its end
  EXPECT_THAT(ServerFixture::Request("GET", "/metrics").body,
              HasSubstr("finished_reason=\"stop\"} 12\n"));
}

TEST_F(ToolCallTest, CallsAreLookedForOnlyWhereToolsAre) {
  Answer(kWeather);
  Value request = Tools({{"tool_choice", "none"}});
  EXPECT_EQ(AskOne(request).content, kWeather);
  EXPECT_THAT(engine_->tokenizer().Decode(engine_->requests().back().prompt),
              ::testing::Not(HasSubstr("weather")));
  request.erase("tool_choice");
  request["tools"] = Value::array();
  EXPECT_EQ(AskOne(request).content, kWeather);
  Start({.model_chat_template = kTemplate, .tool_call_parser = "none"});
  EXPECT_EQ(AskOne(Tools()).content, kWeather);
}

TEST_F(ToolCallTest, UsageAndLogprobsCountEachToken) {
  const std::string text = std::string("Hm.") + kWeather;
  Answer(text);
  const Value request = Tools({{"logprobs", true}});
  const Value answer = Post(kChat, request);
  EXPECT_EQ(answer["usage"]["completion_tokens"], text.size());
  EXPECT_THAT(answer["choices"][0]["logprobs"]["content"], SizeIs(text.size()));
  size_t tokens = 0;
  for (const Value& event : Stream(kChat, request)) {
    const Value& logprobs = event["choices"][0]["logprobs"];
    if (!logprobs.is_null()) tokens += logprobs["content"].size();
  }
  EXPECT_EQ(tokens, text.size());
}

// While a call is held back there is nothing to send, but that the answer has begun.
TEST_F(ToolCallTest, AHeldCallSendsNoEmptyEvents) {
  Answer(kWeather);
  EXPECT_THAT(Stream(kChat, Tools()), SizeIs(4));  // role, name, arguments, finish
}

// Marks that are special tokens give text only where calls are looked for.
TEST_F(ToolCallTest, MarksMayBeSpecialTokens) {
  StartWith({.model_chat_template = kTemplate}, {"<tool_call>", "</tool_call>"});
  Answer(std::string("Hm.") + kNow + "<tool_call><|im_start|>");
  const Said said = AskOne(Tools());
  EXPECT_EQ(said.content, "Hm.<tool_call>");
  EXPECT_THAT(said.calls, ::testing::ElementsAre(kNowCall));
  Value plain = Tools();
  plain.erase("tools");
  EXPECT_EQ(AskOne(plain).content, R"(Hm.{"name": "now", "arguments": {}})");
}

TEST_F(ToolCallTest, AMarkOfTheFormatMayEndTheTurn) {
  const std::vector<std::string> marks = {"<|python_tag|>", "<|eom_id|>"};
  StartWith({.model_chat_template = kTemplate, .tool_call_parser = "llama3_json"}, marks);
  Answer(R"(<|python_tag|>{"name": "now", "parameters": {}}<|eom_id|>more)");
  Said said = AskOne(Tools());
  EXPECT_EQ(said.content, nullptr);
  EXPECT_THAT(said.calls, ::testing::ElementsAre(kNowCall));
  EXPECT_EQ(said.finish_reason, "tool_calls");
  Answer(R"({"name": "then", "parameters": {}})");  // no mark, and no such tool
  EXPECT_EQ(AskOne(Tools()).content, R"({"name": "then", "parameters": {}})");
}

TEST_F(ToolCallTest, ACallThatMustBeIsBoundByAGrammar) {
  const auto accepts = [&](const std::string& text) {
    const auto grammar = engine_->requests().back().grammar;
    if (grammar == nullptr) return false;
    grammar::TokenMatcher matcher(grammar);
    for (int32_t id : engine_->tokenizer().Encode(text))
      if (!matcher.Accept(id).ok()) return false;
    return matcher.may_end();
  };
  Answer(kWeather);
  AskOne(Tools());
  EXPECT_EQ(engine_->requests().back().grammar, nullptr);
  EXPECT_EQ(AskOne(Tools({{"tool_choice", "required"}})).finish_reason, "tool_calls");
  EXPECT_TRUE(accepts(kWeather));
  EXPECT_FALSE(accepts("No."));
  AskOne(Tools({{"tool_choice", {{"type", "function"}, {"function", {{"name", "now"}}}}}}));
  EXPECT_FALSE(accepts(kWeather));
  EXPECT_TRUE(accepts("<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>"));
}

// A conversation goes on with the message as it was answered.
TEST_F(ToolCallTest, TheAnswerCanBeSentBack) {
  Answer(std::string("See.") + kWeather);
  Value request = Tools();
  const Value message = Post(kChat, request)["choices"][0]["message"];
  request["messages"].push_back(message);
  request["messages"].push_back({{"role", "tool"},
                                 {"tool_call_id", message["tool_calls"][0]["id"]},
                                 {"content", "rain<|im_end|></tool_call>"}});
  Answer("It rains.");
  EXPECT_EQ(AskOne(request).content, "It rains.");
  const std::vector<int32_t> prompt = engine_->requests().back().prompt;
  EXPECT_THAT(engine_->tokenizer().Decode(prompt),
              HasSubstr(std::string("<|im_start|>See.") + kWeather +
                        "<|im_end|><|im_start|>rain<|im_end|></tool_call><|im_end|>"));
  EXPECT_EQ(std::count(prompt.begin(), prompt.end(), FakeTokenizer::kTurnEnd), 3);
}

TEST_F(ToolCallTest, WhatCannotBeIsRefused) {
  const auto refused = [&](const Value& more, const std::string& why) {
    const Value error = Post(kChat, Tools(more), 400)["error"];
    EXPECT_EQ(error["param"], "tool_choice");
    EXPECT_THAT(error["message"].get<std::string>(), HasSubstr(why));
  };
  refused({{"tool_choice", "always"}}, "none of none, auto, required and a function");
  refused({{"tool_choice", {{"type", "function"}, {"function", {{"name", "then"}}}}}},
          "there is no tool \"then\"");
  refused({{"tool_choice", "required"}, {"response_format", {{"type", "json_object"}}}},
          "another field");
  refused({{"tool_choice", "required"}, {"tools", Value::array()}}, "has no tools");
  Value request = Tools({{"tool_choice", "required"}});
  request["tools"][0]["function"]["parameters"] = {{"type", "object"}, {"not", true}};
  const Value error = Post(kChat, request, 400)["error"];
  EXPECT_EQ(error["param"], "tools");
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("tools[0].function.parameters"));
  EXPECT_EQ(Post(kChat, Tools({{"parallel_tool_calls", "no"}}), 400)["error"]["param"],
            "parallel_tool_calls");
  Start({.model_chat_template = "{{ messages[0].content }}"});
  EXPECT_THAT(Post(kChat, Tools(), 400)["error"]["message"].get<std::string>(),
              HasSubstr("the chat template (model) does not look at tools"));
}

}  // namespace
}  // namespace strata::inference
