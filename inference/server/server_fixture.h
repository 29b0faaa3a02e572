// What the tests of the server share: a server with a FakeEngine on a free port.
#ifndef STRATA_INFERENCE_SERVER_SERVER_FIXTURE_H_
#define STRATA_INFERENCE_SERVER_SERVER_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/server/client.h"
#include "inference/server/fake_engine.h"
#include "inference/server/server.h"
#include "nlohmann/json.hpp"

namespace strata::inference {

class ServerFixture : public ::testing::Test {
 protected:
  void SetUp() override { Start({}); }

  // A second call replaces the server.
  void Start(ServerOptions options) {
    options.port = 0;
    if (options.model_name.empty()) options.model_name = "tiny";
    server_.reset();
    auto server = Server::Start(engine_, options);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
  }

  HttpResponse Request(const std::string& method, const std::string& target,
                       const std::string& body = "") {
    auto response = HttpRequest("127.0.0.1", server_->port(), method, target, body);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? *response : HttpResponse();
  }

  // The parsed body; the answer must have the status.
  nlohmann::json Json(const std::string& method, const std::string& target, const std::string& body,
                      int status) {
    const HttpResponse response = Request(method, target, body);
    EXPECT_EQ(response.status, status) << target << " " << body << "\n" << response.body;
    EXPECT_EQ(response.headers.count("content-type") ? response.headers.at("content-type") : "",
              "application/json");
    nlohmann::json parsed =
        nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
    EXPECT_FALSE(parsed.is_discarded()) << response.body;
    return parsed;
  }
  nlohmann::json Post(const std::string& target, const nlohmann::json& body, int status = 200) {
    return Json("POST", target, body.dump(), status);
  }

  // The data of all events; the last must be [DONE], which is left out.
  std::vector<nlohmann::json> Stream(const std::string& target, nlohmann::json body) {
    body["stream"] = true;
    std::vector<std::string> events;
    const auto response =
        PostSse("127.0.0.1", server_->port(), target, body.dump(), [&](absl::string_view data) {
          events.emplace_back(data);
          return true;
        });
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return {};
    EXPECT_EQ(response->status, 200) << response->body;
    if (events.empty() || events.back() != "[DONE]") {
      ADD_FAILURE() << "no [DONE] after " << events.size() << " events; body: " << response->body;
      return {};
    }
    events.pop_back();
    std::vector<nlohmann::json> parsed;
    for (const std::string& event : events)
      parsed.push_back(nlohmann::json::parse(event, nullptr, false));
    return parsed;
  }

  std::shared_ptr<FakeEngine> engine_ = std::make_shared<FakeEngine>();
  std::unique_ptr<Server> server_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_SERVER_FIXTURE_H_
