// What the client makes of a server's words: of ours, and of any.
#include "inference/server/completion_client.h"

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/server/fake_engine.h"
#include "inference/server/http_server.h"
#include "inference/server/server.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

// A server that says the same to everyone.
absl::StatusOr<std::unique_ptr<HttpServer>> ServerThatSays(int status, const Json& body) {
  return HttpServer::Start({}, [=](const HttpCall&, const std::shared_ptr<HttpReply>& reply) {
    reply->Send({.status = status, .body = body.dump()});
  });
}

absl::StatusOr<std::vector<std::string>> TokensNamed(const Json& names) {
  const Json body = {{"choices", {{{"text", ""}, {"logprobs", {{"tokens", names}}}}}}};
  STRATA_ASSIGN_OR_RETURN(const auto server, ServerThatSays(200, body));
  return CompleteTokensOverHttp("127.0.0.1", server->port(), {.prompt = "a"});
}

TEST(CompletionClient, BytesOfTokensThatAreNoText) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto tokens,
      TokensNamed({"a", "\u20ac", R"(bytes:\xe2\x82)", R"(bytes:\xAC)", R"(bytes:\x00\xff)", ""}));
  EXPECT_THAT(tokens, ElementsAre("a", "\u20ac", "\xe2\x82", "\xac", std::string("\0\xff", 2), ""));
}

TEST(CompletionClient, TextThatOnlyBeginsLikeBytesIsText) {
  const std::vector<std::string> texts = {"bytes:",           "bytes",
                                          "bytes: 5",         R"(bytes:\x)",
                                          R"(bytes:\xe)",     R"(bytes:\xeg)",
                                          R"(bytes:\xe2\)",   R"(bytes:\xe2\x8)",
                                          R"(bytes:\xe2x82)", R"(bytes:\xe2 \x82)",
                                          R"( bytes:\xe2)",   R"(Bytes:\xe2)"};
  STRATA_ASSERT_OK_AND_ASSIGN(const auto tokens, TokensNamed(texts));
  EXPECT_EQ(tokens, texts);
}

// Every byte, as our server names it: a token of a byte each, of which half are no text alone.
TEST(CompletionClient, BytesComeBackFromOurServer) {
  auto engine = std::make_shared<FakeEngine>();
  std::vector<int32_t> answer;
  std::vector<std::string> bytes;
  for (int32_t byte = 1; byte < 256; ++byte) {
    answer.push_back(byte);
    bytes.emplace_back(1, static_cast<char>(byte));
  }
  engine->SetAnswer(answer);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(engine, {.port = 0}));
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto tokens,
      CompleteTokensOverHttp("127.0.0.1", server->port(), {.prompt = "a", .max_tokens = 255}));
  EXPECT_EQ(tokens, bytes);
}

TEST(CompletionClient, TextOfOurServer) {
  auto engine = std::make_shared<FakeEngine>();
  engine->SetAnswer({0xe2, 0x82, 0xac, '!'});
  STRATA_ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(engine, {.port = 0}));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text,
                              CompleteOverHttp("127.0.0.1", server->port(), {.prompt = "a"}));
  EXPECT_EQ(text, "\u20ac!");
}

TEST(CompletionClient, OtherAnswersAreErrorsInTheServersWords) {
  EXPECT_THAT(TokensNamed({"a", 5}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("token without a text")));
  EXPECT_THAT(TokensNamed(nullptr),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("\"tokens\":null")));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto busy,
                              ServerThatSays(503, {{"error", {{"message", "come later"}}}}));
  EXPECT_THAT(CompleteOverHttp("127.0.0.1", busy->port(), {}),
              StatusIs(absl::StatusCode::kInternal, AllOf(HasSubstr("503"), HasSubstr("later"))));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto empty, ServerThatSays(200, {{"choices", Json::array()}}));
  EXPECT_THAT(CompleteOverHttp("127.0.0.1", empty->port(), {}),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("choices")));
  EXPECT_THAT(CompleteOverHttp("127.0.0.1", 1, {}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("127.0.0.1:1")));
}

}  // namespace
}  // namespace strata::inference
