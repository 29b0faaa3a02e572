// What a soak finds, and that it finds nothing where nothing is wrong.
#include "inference/load/soak.h"

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/server/fake_engine.h"
#include "inference/server/server.h"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What the soak is for must be seen by it.
TEST(Soak, AnEngineWhoseAnswersChangeIsFound) {
  auto engine = std::make_shared<FakeEngine>();
  STRATA_ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(engine, {.port = 0}));
  SoakOptions options = {.seconds = 60, .most_requests = 30, .clients = 1, .watchers = 1};
  options.on_progress = [&](const std::string&) { engine->SetAnswer({'x'}); };
  options.most_requests = 0;
  options.seconds = 4;
  STRATA_ASSERT_OK_AND_ASSIGN(const SoakReport report, Soak("127.0.0.1", server->port(), options));
  ASSERT_FALSE(report.faults.empty());
  EXPECT_THAT(report.faults[0], HasSubstr("another answer to the same question"));
  EXPECT_THAT(SoakText(report), HasSubstr("FAULT: another answer"));
}

TEST(Soak, RequestsThatStayAreFound) {
  auto engine = std::make_shared<FakeEngine>();
  EngineStats stats;
  stats.kv_pages = 8;
  stats.kv_pages_used = 2;
  engine->SetStats(stats);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(engine, {.port = 0}));
  STRATA_ASSERT_OK_AND_ASSIGN(
      const SoakReport report,
      Soak("127.0.0.1", server->port(),
           {.seconds = 60, .most_requests = 4, .clients = 1, .watchers = 0, .stall_seconds = 0.5}));
  ASSERT_FALSE(report.faults.empty());
  EXPECT_THAT(report.faults.back(), HasSubstr("0.25 of the KV cache is held"));
}

TEST(Soak, AServerThatStands) {
  auto engine = std::make_shared<FakeEngine>();
  STRATA_ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(engine, {.port = 0}));
  STRATA_ASSERT_OK_AND_ASSIGN(
      const SoakReport report,
      Soak("127.0.0.1", server->port(),
           {.seconds = 60, .most_requests = 160, .clients = 5, .watchers = 1, .most_tokens = 40}));
  EXPECT_THAT(report.faults, IsEmpty()) << SoakText(report);
  EXPECT_GE(report.requests, 160);
  EXPECT_GT(report.answered, 40);
  EXPECT_GT(report.refused, 10);
  EXPECT_GT(report.left, 5);
  EXPECT_GT(report.same_answers, 0);
}

TEST(Soak, NoServer) {
  EXPECT_THAT(Soak("127.0.0.1", 1, {}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("127.0.0.1:1")));
  EXPECT_THAT(Soak("127.0.0.1", 1, {.seconds = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("seconds: 0")));
}

}  // namespace
}  // namespace strata::inference
