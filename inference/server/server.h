// Server: an engine behind OpenAI's HTTP API.
//
//   STRATA_ASSIGN_OR_RETURN(auto server, Server::Start(engine, {.port = 8000, .model_name = "tiny"}));
//   std::cout << "http://127.0.0.1:" << server->port() << "/v1\n";
//   WaitForSignal();
//   server->Stop();
//
// Endpoints: POST /v1/completions, /v1/chat/completions (whole or as server-sent events), /apply-template,
// /tokenize, /detokenize; GET /v1/models, /health, /version, /metrics (Prometheus, vLLM's names). Errors are OpenAI's objects
// {"error":{"message","type","param","code"}}. A parameter that is not supported is refused, never ignored in
// silence, except for those that have no say in the answer (user, metadata, ...).
//
// A client that closes its connection, or its sending half, ends its generations. The server speaks plain HTTP and
// knows no keys: beyond the own machine, put it behind a proxy that does.
#ifndef STRATA_INFERENCE_SERVER_SERVER_H_
#define STRATA_INFERENCE_SERVER_SERVER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/engine/engine.h"

namespace strata::inference {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8000;              // 0: any free one
  size_t max_requests = 256;    // generations under way or waiting in the engine; more get 503
  std::string model_name = "";  // "": the model's own
  size_t max_body_bytes = size_t{4} << 20;  // larger ones get 413
  // chatml, llama3, plain, or a file with a Jinja template; "": the model's own, or what fits the
  // tokenizer (chat_template.h).
  std::string chat_template = "";
  std::string model_chat_template = "";  // Jinja
  // How the model writes calls of tools: a name of tool_call_format.h, or none; "": as the chat template says.
  std::string tool_call_parser = "";
  std::vector<int32_t> end_of_turn = {};    // tokens that end the assistant's turn beside eos
  bool add_bos = false;                     // begin-of-text token before each completion's prompt
  std::chrono::milliseconds ping{15'000};   // a silent stream gets a comment so often; 0: never
  std::chrono::milliseconds drain{10'000};  // Stop() lets requests under way finish for so long
};

class Server {
 public:
  // ALREADY_EXISTS when the port is in use; INVALID_ARGUMENT and FAILED_PRECONDITION for options that cannot be.
  static absl::StatusOr<std::unique_ptr<Server>> Start(std::shared_ptr<Engine> engine,
                                                       ServerOptions options);

  // Stops.
  virtual ~Server() = default;

  virtual int port() const = 0;

  // What was chosen, and why, for a log: "hermes (the chat template has <tool_call> and name)".
  virtual std::string tool_call_parser() const = 0;

  // Takes no more connections, lets the requests under way finish for options.drain, aborts the rest, and returns
  // when nothing runs any more. Idempotent.
  virtual void Stop() = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_SERVER_H_
