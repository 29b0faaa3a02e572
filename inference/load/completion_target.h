// CompletionTarget: a load's requests as streamed POST /v1/completions to any OpenAI-compatible server.
//
//   STRATA_ASSIGN_OR_RETURN(auto target, CompletionTarget::Create("http://127.0.0.1:8000", {}));
//   target->vocabulary();   // from the server, where it says so
//
// Greedy unless told otherwise, with ignore_eos, so that answers have the length that was asked for. Token counts are the
// server's (stream_options.include_usage). A chunk counts when it has a choice, but for a closing one, which has a
// finish_reason and no text. UNAVAILABLE when no server is there; INVALID_ARGUMENT for a URL that cannot be.
#ifndef STRATA_INFERENCE_LOAD_COMPLETION_TARGET_H_
#define STRATA_INFERENCE_LOAD_COMPLETION_TARGET_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "inference/load/load_generator.h"

namespace strata::inference {

struct CompletionTargetOptions {
  std::string model = {};  // "": the server's first
  double temperature = 0;
  bool ignore_eos = true;
  std::chrono::milliseconds timeout{600'000};  // without a byte from the server
};

struct ServerAddress {
  std::string host;
  int port = 0;
  std::string path;  // before "/v1/...": "" or "/prefix"
};

// "http://host:port[/path]"; the port may be left out (80).
absl::StatusOr<ServerAddress> ParseUrl(const std::string& url);

class CompletionTarget : public LoadTarget {
 public:
  // Asks GET /v1/models for the model and its sizes.
  static absl::StatusOr<std::unique_ptr<CompletionTarget>> Create(
      const std::string& url, const CompletionTargetOptions& options);

  RequestTiming Send(const LoadRequest& request, const LoadClock& clock) override;

  const std::string& model() const { return options_.model; }
  // Ids of the model's vocabulary (models[].meta.n_vocab); 0 when the server does not say.
  int64_t vocabulary() const { return vocabulary_; }
  // Tokens of the model's context (models[].max_model_len); 0 when the server does not say.
  int64_t context() const { return context_; }

 private:
  CompletionTarget(ServerAddress address, CompletionTargetOptions options)
      : address_(std::move(address)), options_(std::move(options)) {}
  absl::Status AskForModel();

  const ServerAddress address_;
  CompletionTargetOptions options_;
  int64_t vocabulary_ = 0, context_ = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_LOAD_COMPLETION_TARGET_H_
