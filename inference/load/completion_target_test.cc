// Over real HTTP: a scripted engine behind the server, and what the client makes of it.
#include "inference/load/completion_target.h"

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/load/engine_target.h"
#include "inference/server/fake_engine.h"
#include "inference/server/server.h"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;

class CompletionTargetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = Server::Start(engine_, {.port = 0, .model_name = "tiny"});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    url_ = absl::StrCat("http://127.0.0.1:", server_->port());
  }

  std::shared_ptr<FakeEngine> engine_ = std::make_shared<FakeEngine>(64);
  std::unique_ptr<Server> server_;
  std::string url_;
  WallClock clock_;
};

TEST_F(CompletionTargetTest, KnowsTheModel) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto target, CompletionTarget::Create(url_ + "/", {}));
  EXPECT_EQ(target->model(), "tiny");
  EXPECT_EQ(target->vocabulary(), 259);
  EXPECT_EQ(target->context(), 64);
  EXPECT_THAT(CompletionTarget::Create(url_, {.model = "huge"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no \"huge\"; it has tiny")));
}

TEST_F(CompletionTargetTest, CountsTokensAndChunks) {
  engine_->SetAnswer({'a', 'b', 'c'});
  STRATA_ASSERT_OK_AND_ASSIGN(const auto target, CompletionTarget::Create(url_, {}));
  const RequestTiming timing = target->Send({.ids = {1, 2, 3, 4}, .output_tokens = 9}, clock_);
  ASSERT_TRUE(timing.success) << timing.error;
  EXPECT_EQ(timing.prompt_tokens, 4);
  EXPECT_EQ(timing.output_tokens, 9);
  EXPECT_EQ(timing.gaps.size(), 8u) << "a chunk a token, the closing one left out";
  EXPECT_GT(timing.ttft, 0);
  EXPECT_GE(timing.latency, timing.ttft);
  EXPECT_TRUE(engine_->requests().back().ignore_eos);
  EXPECT_EQ(engine_->requests().back().sampling.temperature, 0);
}

TEST_F(CompletionTargetTest, TextPrompts) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto target, CompletionTarget::Create(url_, {}));
  const RequestTiming timing = target->Send({.text = "hello", .output_tokens = 1}, clock_);
  ASSERT_TRUE(timing.success) << timing.error;
  EXPECT_EQ(timing.prompt_tokens, 5);
  EXPECT_EQ(timing.output_tokens, 1);
}

TEST_F(CompletionTargetTest, FailuresHaveTheServersWords) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto target, CompletionTarget::Create(url_, {}));
  const RequestTiming refused = target->Send({.ids = {999999}, .output_tokens = 1}, clock_);
  EXPECT_FALSE(refused.success);
  EXPECT_THAT(refused.error, HasSubstr("HTTP 400: "));
  EXPECT_THAT(refused.error, HasSubstr("999999 is outside [0, 259)"));
  engine_->FailAfter(2, absl::InternalError("the machine is tired"));
  engine_->SetAnswer({'a', 'b', 'c'});
  const RequestTiming broken = target->Send({.ids = {1}, .output_tokens = 5}, clock_);
  EXPECT_FALSE(broken.success);
  EXPECT_THAT(broken.error, HasSubstr("the machine is tired"));
}

TEST_F(CompletionTargetTest, NoServer) {
  server_->Stop();
  EXPECT_THAT(CompletionTarget::Create(url_, {}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(url_)));
}

TEST_F(CompletionTargetTest, EngineInThisProcessIsMeasuredAlike) {
  engine_->SetAnswer({'a', 'b', 'c'});
  EngineTarget target(engine_);
  const RequestTiming timing = target.Send({.text = "hello", .output_tokens = 7}, clock_);
  ASSERT_TRUE(timing.success) << timing.error;
  EXPECT_EQ(timing.prompt_tokens, 5);
  EXPECT_EQ(timing.output_tokens, 7);
  EXPECT_EQ(timing.gaps.size(), 6u);
  engine_->FailAfter(0, absl::InternalError("the machine is tired"));
  EXPECT_EQ(target.Send({.text = "x", .output_tokens = 1}, clock_).error, "the machine is tired");
}

TEST(ParseUrl, PartsAndFaults) {
  STRATA_ASSERT_OK_AND_ASSIGN(const ServerAddress plain, ParseUrl("http://host:81/api/"));
  EXPECT_EQ(plain.host, "host");
  EXPECT_EQ(plain.port, 81);
  EXPECT_EQ(plain.path, "/api");
  STRATA_ASSERT_OK_AND_ASSIGN(const ServerAddress six, ParseUrl("http://[::1]:9"));
  EXPECT_EQ(six.host, "::1");
  EXPECT_EQ(six.port, 9);
  STRATA_ASSERT_OK_AND_ASSIGN(const ServerAddress bare, ParseUrl("http://[::1]"));
  EXPECT_EQ(bare.host, "::1");
  EXPECT_EQ(bare.port, 80);
  const std::pair<const char*, const char*> kBad[] = {{"host:81", "does not begin with http://"},
                                                      {"https://host", "needs TLS"},
                                                      {"http://host:x", "has no port"},
                                                      {"http://host:65536", "has no port"},
                                                      {"http:///v1", "has no host"}};
  for (const auto& [url, why] : kBad)
    EXPECT_THAT(ParseUrl(url), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
}

}  // namespace
}  // namespace strata::inference
