#include "inference/server/server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "inference/server/api_error.h"
#include "inference/server/http_server.h"
#include "inference/server/router.h"
#include "inference/server/serving.h"

namespace strata::inference {
namespace {

int64_t UnixSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class ApiServer : public Server {
 public:
  ApiServer(std::unique_ptr<Serving> serving, std::string tool_call_parser,
            std::chrono::milliseconds drain)
      : serving_(std::move(serving)),
        tool_call_parser_(std::move(tool_call_parser)),
        drain_(drain) {}
  ~ApiServer() override { Stop(); }

  absl::Status Listen(HttpServerOptions options) {
    const auto route = [this](HttpCall call, std::shared_ptr<HttpReply> reply) {
      Route(*serving_, call, reply);
    };
    STRATA_ASSIGN_OR_RETURN(http_, HttpServer::Start(std::move(options), route));
    return absl::OkStatus();
  }

  int port() const override { return http_->port(); }
  std::string tool_call_parser() const override { return tool_call_parser_; }

  // The order matters: replies that generations hold must go before the transport they write to.
  void Stop() override {
    if (http_ == nullptr) return;
    http_->Drain(drain_);
    serving_->slots.WaitUntilFree();
    http_->Stop();
  }

 private:
  const std::unique_ptr<Serving> serving_;
  const std::string tool_call_parser_;
  const std::chrono::milliseconds drain_;
  std::unique_ptr<HttpServer> http_;
};

absl::Status CheckOptions(const ServerOptions& options) {
  if (options.max_requests < 1) return absl::InvalidArgumentError("max_requests: 0 is below 1");
  if (options.ping.count() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("ping: ", options.ping.count(), " ms is negative; 0 turns it off"));
  }
  if (options.max_body_bytes < 1) return absl::InvalidArgumentError("max_body_bytes: 0 is below 1");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(std::shared_ptr<Engine> engine,
                                                      ServerOptions options) {
  STRATA_RETURN_IF_ERROR(CheckOptions(options));
  STRATA_ASSIGN_OR_RETURN(ChatTemplate chat,
                          ChatTemplate::Create({.choice = options.chat_template,
                                                .source = options.model_chat_template,
                                                .end_of_turn = options.end_of_turn},
                                               &engine->tokenizer()));
  STRATA_ASSIGN_OR_RETURN(const ToolCallFormatChoice tool_calls,
                          ChooseToolCallFormat(options.tool_call_parser, chat.source()));
  const std::string name = options.model_name.empty() ? engine->model().name() : options.model_name;
  auto serving = std::make_unique<Serving>(std::move(engine), name, std::move(chat),
                                           options.max_requests, options.ping);
  serving->tool_calls = tool_calls.format;
  if (tool_calls.format != nullptr) {
    serving->tool_call_tokens = SpecialTokens(*tool_calls.format, serving->engine->tokenizer());
    if (*tool_calls.format->end != '\0')
      serving->tool_call_end = serving->engine->tokenizer().TokenId(tool_calls.format->end);
  }
  serving->add_bos = options.add_bos;
  serving->created = UnixSeconds();
  HttpServerOptions http;
  http.host = options.host;
  http.port = options.port;
  http.max_body_bytes = options.max_body_bytes;
  http.error_body = ErrorBody;
  auto server = std::make_unique<ApiServer>(
      std::move(serving),
      absl::StrCat(tool_calls.format == nullptr ? "none" : tool_calls.format->name, " (",
                   tool_calls.reason, ")"),
      options.drain);
  STRATA_RETURN_IF_ERROR(server->Listen(std::move(http)));
  return server;
}

}  // namespace strata::inference
