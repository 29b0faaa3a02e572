// Connections and the server's life: keep-alive, many clients, clients that go away, ports in use, stopping.
#include <atomic>
#include <future>
#include <string>
#include <thread>

#include "inference/server/raw_connection.h"
#include "inference/server/server_fixture.h"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LifecycleTest : public ServerFixture {};

std::string PostText(const std::string& body) {
  return "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Tokens without end, as far as a test is concerned.
constexpr char kEndless[] =
    R"({"prompt":"Hi","max_tokens":2000000000,"ignore_eos":true,"stream":false})";
constexpr char kEndlessStream[] =
    R"({"prompt":"Hi","max_tokens":2000000000,"ignore_eos":true,"stream":true})";

TEST_F(LifecycleTest, OneConnectionServesManyRequests) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto connection, RawConnection::Open(server_->port()));
  for (int i = 0; i < 3; ++i) {
    connection.Send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(connection.ReadAll("}"), HasSubstr("Connection: keep-alive"));
    connection.Send(PostText(R"({"prompt":"Hi","max_tokens":1})"));
    EXPECT_THAT(connection.ReadAll("\"total_tokens\":3}}"), StartsWith("HTTP/1.1 200 OK"));
    connection.Send(PostText(R"({"prompt":"Hi","max_tokens":1,"stream":true})"));
    EXPECT_THAT(connection.ReadAll("\r\n0\r\n\r\n"), HasSubstr("[DONE]"));
  }
}

TEST_F(LifecycleTest, PipelinedRequestsAreAnsweredInOrder) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto connection, RawConnection::Open(server_->port()));
  connection.Send(PostText(R"({"prompt":"Hi","max_tokens":1})") +
                  "GET /health HTTP/1.1\r\nHost: x\r\n\r\n" +
                  PostText(R"({"prompt":"Hi","max_tokens":2})") +
                  "GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string all = connection.ReadAll();
  const size_t first = all.find("\"total_tokens\":3"), second = all.find("\"ok\""),
               third = all.find("\"total_tokens\":4"), fourth = all.find("\"version\"");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_LT(third, fourth);
  EXPECT_NE(fourth, std::string::npos);
}

TEST_F(LifecycleTest, ExpectContinue) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto connection, RawConnection::Open(server_->port()));
  const std::string body = R"({"prompt":"Hi"})";
  connection.Send(
      "POST /tokenize HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n");
  EXPECT_EQ(connection.ReadAll("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  connection.Send(body);
  EXPECT_THAT(connection.ReadAll(), HasSubstr("\"count\":2"));
}

TEST_F(LifecycleTest, HalfClosedClientGetsItsQuickAnswer) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto connection, RawConnection::Open(server_->port()));
  connection.Send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
  connection.CloseSending();
  EXPECT_THAT(connection.ReadAll(), HasSubstr("{\"status\":\"ok\"}"));
}

TEST_F(LifecycleTest, ManyClientsAtOnce) {
  std::atomic<int> good{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&, c] {
      for (int i = 0; i < 10; ++i) {
        const std::string prompt(static_cast<size_t>(c + 1), 'a');
        const std::string expected =
            " Grüße, 世界 🎉 " + std::to_string(c + 1) + "/" + std::to_string(i) + "!";
        nlohmann::json body = {{"prompt", prompt}, {"max_tokens", 100}, {"seed", i}};
        if (i % 2 == 0) {
          good += Post("/v1/completions", body)["choices"][0]["text"] == expected;
        } else {
          std::string text;
          for (const auto& event : Stream("/v1/completions", body))
            text += event["choices"][0]["text"];
          good += text == expected;
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 80);
}

// The quick endpoints do not wait behind generations.
TEST_F(LifecycleTest, HealthAnswersWhileAllAreBusyAndTheNumberIsBounded) {
  Start({.max_requests = 2});
  engine_->HoldAfter(0);
  auto first = std::async(std::launch::async,
                          [&] { return Request("POST", "/v1/completions", R"({"prompt":"a"})"); });
  engine_->WaitUntilHeld(1);
  auto second = std::async(std::launch::async,
                           [&] { return Request("POST", "/v1/completions", R"({"prompt":"b"})"); });
  engine_->WaitUntilHeld(2);
  EXPECT_THAT(Request("GET", "/metrics").body,
              HasSubstr("num_requests_running{engine=\"0\",model_name=\"tiny\"} 2\n"));
  EXPECT_EQ(Json("GET", "/health", "", 200)["status"], "ok");
  const HttpResponse third = Request("POST", "/v1/completions", R"({"prompt":"c"})");
  EXPECT_EQ(third.status, 503);
  EXPECT_EQ(third.headers.at("retry-after"), "1");
  EXPECT_EQ(nlohmann::json::parse(third.body)["error"]["code"], "overloaded");
  engine_->Release();
  EXPECT_EQ(first.get().status, 200);
  EXPECT_EQ(second.get().status, 200);
}

TEST_F(LifecycleTest, AClientThatGoesAwayAbortsItsGeneration) {
  engine_ = std::make_shared<FakeEngine>(int64_t{1} << 40);
  Start({});
  for (const char* body : {kEndless, kEndlessStream}) {
    const auto aborted = static_cast<int>(engine_->stats().finished_aborted);
    engine_->HoldAfter(1);
    STRATA_ASSERT_OK_AND_ASSIGN(auto connection, RawConnection::Open(server_->port()));
    connection.Send(PostText(body));
    engine_->WaitUntilHeld(1);
    connection.Close();
    engine_->WaitUntilAborted(aborted + 1);  // although no token comes
    engine_->Release();
  }
  EXPECT_THAT(Request("GET", "/metrics").body, HasSubstr("finished_reason=\"abort\""));
}

TEST_F(LifecycleTest, AClientThatDoesNotReadIsCutOff) {
  engine_ = std::make_shared<FakeEngine>(int64_t{1} << 40);
  Start({.model_name = std::string(10000, 'm')});  // stands in every event: the limit comes soon
  STRATA_ASSERT_OK_AND_ASSIGN(auto connection, RawConnection::Open(server_->port()));
  connection.Send(PostText(kEndlessStream));
  engine_->WaitUntilAborted(1);
}

TEST_F(LifecycleTest, AnSseReaderMayStopEarly) {
  engine_ = std::make_shared<FakeEngine>(int64_t{1} << 40);
  Start({});
  int events = 0;
  EXPECT_OK(PostSse("127.0.0.1", server_->port(), "/v1/completions", kEndlessStream,
                    [&](absl::string_view) { return ++events < 5; }));
  EXPECT_EQ(events, 5);
  engine_->WaitUntilAborted(1);
}

TEST_F(LifecycleTest, PortInUseNamesItAndSaysWhatToDo) {
  const auto second = Server::Start(engine_, {.port = server_->port()});
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kAlreadyExists,
                               HasSubstr("127.0.0.1:" + std::to_string(server_->port()) +
                                         ": the port is in use; stop")));
}

TEST_F(LifecycleTest, OptionsThatCannotBe) {
  using absl::StatusCode;
  EXPECT_THAT(Server::Start(engine_, {.port = 65536}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("port: 65536")));
  EXPECT_THAT(Server::Start(engine_, {.port = -1}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("port: -1")));
  EXPECT_THAT(Server::Start(engine_, {.host = "192.0.2.1", .port = 0}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("192.0.2.1:0: ")));
  EXPECT_THAT(Server::Start(engine_, {.port = 0, .max_requests = 0}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("max_requests: 0")));
  EXPECT_THAT(Server::Start(engine_, {.port = 0, .ping = std::chrono::milliseconds(-1)}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("ping: -1 ms")));
  EXPECT_THAT(Server::Start(engine_, {.port = 0, .chat_template = "vicuna"}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("chatml, llama3 and plain")));
}

TEST_F(LifecycleTest, StopLetsRequestsFinish) {
  engine_->HoldAfter(2);
  auto answer = std::async(std::launch::async, [&] {
    return Request("POST", "/v1/completions", R"({"prompt":"Hi","max_tokens":3})");
  });
  engine_->WaitUntilHeld(1);
  auto stopped = std::async(std::launch::async, [&] { server_->Stop(); });
  // New connections are refused from some moment on, while the old one waits for its answer.
  while (HttpRequest("127.0.0.1", server_->port(), "GET", "/health").ok())
    std::this_thread::yield();
  engine_->Release();
  EXPECT_EQ(answer.get().status, 200);
  stopped.get();
  server_->Stop();  // again
}

TEST_F(LifecycleTest, StopAbortsWhatTakesTooLong) {
  engine_ = std::make_shared<FakeEngine>(int64_t{1} << 40);
  Start({.drain = std::chrono::milliseconds(1)});
  engine_->HoldAfter(1);
  STRATA_ASSERT_OK_AND_ASSIGN(auto connection, RawConnection::Open(server_->port()));
  connection.Send(PostText(kEndless));
  engine_->WaitUntilHeld(1);
  auto stopped = std::async(std::launch::async, [&] { server_->Stop(); });
  engine_->Release();
  stopped.get();
  EXPECT_EQ(engine_->stats().finished_aborted, 1);
  EXPECT_EQ(connection.ReadAll(), "");
}

TEST_F(LifecycleTest, ClientSaysWhatIsWrong) {
  const int port = server_->port();
  server_.reset();
  EXPECT_THAT(
      HttpRequest("127.0.0.1", port, "GET", "/health"),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("127.0.0.1:" + std::to_string(port))));
  Start({});
  engine_->HoldAfter(0);
  EXPECT_THAT(HttpRequest("127.0.0.1", server_->port(), "POST", "/v1/completions",
                          R"({"prompt":"a"})", {}, std::chrono::milliseconds(50)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("no answer")));
  engine_->Release();
}

}  // namespace
}  // namespace strata::inference
