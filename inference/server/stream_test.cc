// Server-sent events.
#include <string>

#include "inference/server/raw_connection.h"
#include "inference/server/server_fixture.h"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;

class StreamTest : public ServerFixture {};

constexpr char kCompletions[] = "/v1/completions";
constexpr char kChat[] = "/v1/chat/completions";

// The text of one choice, from all its events.
std::string TextOf(const std::vector<nlohmann::json>& events, int index) {
  std::string text;
  for (const auto& event : events) {
    for (const auto& choice : event["choices"]) {
      if (choice["index"] != index) continue;
      if (choice.contains("text")) text += choice["text"].get<std::string>();
      if (choice.contains("delta")) text += choice["delta"].value("content", "");
    }
  }
  return text;
}

TEST_F(StreamTest, PiecesOfACompletionAreItsText) {
  for (int length : {0, 1, 2, 3, 4, 5, 9, 16, 17, 18, 19, 20, 100}) {
    const nlohmann::json body = {{"prompt", "Hi"}, {"max_tokens", length}, {"seed", 1}};
    const auto whole = Post(kCompletions, body)["choices"][0];
    const auto events = Stream(kCompletions, body);
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(TextOf(events, 0), whole["text"]) << length;
    EXPECT_EQ(events.back()["choices"][0]["finish_reason"], whole["finish_reason"]) << length;
    for (size_t i = 0; i + 1 < events.size(); ++i) {
      EXPECT_TRUE(events[i]["choices"][0]["finish_reason"].is_null());
      EXPECT_EQ(events[i]["id"], events[0]["id"]);
      EXPECT_EQ(events[i]["object"], "text_completion");
    }
  }
}

TEST_F(StreamTest, ChatOpensWithTheRoleAndClosesWithTheReason) {
  const nlohmann::json body = {{"messages", {{{"role", "user"}, {"content", "Hi"}}}}, {"seed", 1}};
  const auto whole = Post(kChat, body)["choices"][0];
  const auto events = Stream(kChat, body);
  ASSERT_GE(events.size(), 3u);
  EXPECT_EQ(events.front()["choices"][0]["delta"],
            (nlohmann::json{{"role", "assistant"}, {"content", ""}}));
  EXPECT_EQ(events.back()["choices"][0]["delta"], nlohmann::json::object());
  EXPECT_EQ(events.back()["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(TextOf(events, 0), whole["message"]["content"]);
  for (const auto& event : events) {
    EXPECT_EQ(event["object"], "chat.completion.chunk");
    EXPECT_FALSE(event.contains("usage"));
  }
}

TEST_F(StreamTest, UsageComesLastWithNoChoices) {
  const auto events =
      Stream(kCompletions,
             {{"prompt", "Hi"}, {"max_tokens", 5}, {"stream_options", {{"include_usage", true}}}});
  ASSERT_GE(events.size(), 2u);
  EXPECT_TRUE(events.back()["choices"].empty());
  EXPECT_EQ(events.back()["usage"],
            (nlohmann::json{{"prompt_tokens", 2},
                            {"completion_tokens", 5},
                            {"total_tokens", 7},
                            {"prompt_tokens_details", {{"cached_tokens", 0}}}}));
  for (size_t i = 0; i + 1 < events.size(); ++i) EXPECT_TRUE(events[i]["usage"].is_null());
}

TEST_F(StreamTest, EachTokenIsAnEventAndMayHaveAUsageOfItsOwn) {
  engine_->SetAnswer({'a', 0xC3, 0xBC, 'b'});  // the third completes the second's character
  const auto events =
      Stream(kCompletions, {{"prompt", "Hi"},
                            {"max_tokens", 4},
                            {"stream_options", {{"continuous_usage_stats", true}}}});
  ASSERT_EQ(events.size(), 5u);  // and the finish
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(events[i]["usage"]["completion_tokens"], i + 1);
    EXPECT_EQ(events[i]["choices"][0]["text"], (std::vector<std::string>{"a", "", "ü", "b"})[i]);
  }
}

TEST_F(StreamTest, ASilentStreamSaysThatItLives) {
  Start({.ping = std::chrono::milliseconds(8)});
  engine_->HoldAfter(0);
  STRATA_ASSERT_OK_AND_ASSIGN(auto connection, RawConnection::Open(server_->port()));
  const std::string body = R"({"prompt":"Hi","max_tokens":1,"stream":true})";
  connection.Send(
      "POST /v1/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_THAT(connection.ReadAll("\r\n:\n\n\r\n"), HasSubstr("200 OK"));  // before any token
  engine_->Release();
  EXPECT_THAT(connection.ReadAll(), HasSubstr("data: [DONE]"));
}

TEST_F(StreamTest, SeveralChoicesAreToldApartByIndex) {
  const nlohmann::json body = {
      {"prompt", {"a", "bc"}}, {"max_tokens", 100}, {"seed", 1}, {"n", 2}, {"echo", true}};
  const auto whole = Post(kCompletions, body)["choices"];
  const auto events = Stream(kCompletions, body);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(TextOf(events, i), whole[i]["text"]);
}

TEST_F(StreamTest, LogprobsComeWithEachToken) {
  const auto events = Stream(kChat, {{"messages", {{{"role", "user"}, {"content", "Hi"}}}},
                                     {"max_tokens", 5},
                                     {"logprobs", true},
                                     {"top_logprobs", 1}});
  int tokens = 0;
  for (const auto& event : events) {
    const auto& logprobs = event["choices"][0]["logprobs"];
    if (!logprobs.is_null()) tokens += static_cast<int>(logprobs["content"].size());
  }
  EXPECT_EQ(tokens, 5);
}

TEST_F(StreamTest, TheEndOfTheTurnGivesNoPiece) {
  engine_->SetAnswer({'o', 'k', FakeTokenizer::kTurnEnd, 'x'});
  const auto events = Stream(kChat, {{"messages", {{{"role", "user"}, {"content", "Hi"}}}}});
  EXPECT_EQ(TextOf(events, 0), "ok");
  EXPECT_EQ(events.back()["choices"][0]["finish_reason"], "stop");
}

TEST_F(StreamTest, ATokenArrivesBeforeTheNextIsMade) {
  engine_->HoldAfter(3);
  std::string text;
  const auto response = PostSse(
      "127.0.0.1", server_->port(), kCompletions, R"({"prompt":"Hi","max_tokens":5,"stream":true})",
      [&](absl::string_view data) {
        if (data == "[DONE]") return true;
        text += nlohmann::json::parse(data.data(), data.data() + data.size())["choices"][0]["text"];
        if (text == " Gr") engine_->Release();  // would wait for ever if the text were held back
        return true;
      });
  EXPECT_OK(response);
  EXPECT_EQ(text.substr(0, 3), " Gr");
}

TEST_F(StreamTest, AnErrorBeforeTheFirstTokenIsAnOrdinaryAnswer) {
  engine_->FailAfter(0, absl::InternalError("out of luck"));
  const auto response =
      PostSse("127.0.0.1", server_->port(), kCompletions, R"({"prompt":"Hi","stream":true})",
              [](absl::string_view) { return true; });
  ASSERT_OK(response);
  EXPECT_EQ(response->status, 500);
  EXPECT_THAT(response->body, HasSubstr("out of luck"));
}

TEST_F(StreamTest, AnErrorInTheMiddleIsAnEvent) {
  engine_->FailAfter(2, absl::InternalError("out of luck"));
  const auto events = Stream(kCompletions, {{"prompt", "Hi"}});
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events.back()["error"]["message"], "out of luck");
  EXPECT_EQ(events.back()["error"]["type"], "server_error");
}

// The bytes themselves, as far as they do not depend on chance.
TEST_F(StreamTest, Framing) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto connection, RawConnection::Open(server_->port()));
  const std::string body = R"({"prompt":"Hi","max_tokens":1,"stream":true})";
  connection.Send(
      "POST /v1/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string answer = connection.ReadAll();
  EXPECT_THAT(answer, ::testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/event-stream; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\ndata: {\"choices\":[{"));
  EXPECT_THAT(answer, HasSubstr("\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"));
}

TEST_F(StreamTest, Http10GetsTheStreamUnchunked) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto connection, RawConnection::Open(server_->port()));
  const std::string body = R"({"prompt":"Hi","max_tokens":1,"stream":true})";
  connection.Send("POST /v1/completions HTTP/1.0\r\nContent-Length: " +
                  std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string answer = connection.ReadAll();
  EXPECT_THAT(answer, ::testing::Not(HasSubstr("chunked")));
  EXPECT_THAT(answer, ::testing::EndsWith("\n\ndata: [DONE]\n\n"));
}

}  // namespace
}  // namespace strata::inference
