#include "courses/llm/train_to_serve/ask.h"

#include <future>
#include <memory>

#include "inference/engine/engine.h"
#include "inference/server/completion_client.h"
#include "inference/server/server.h"
#include "llm/model/pretrained.h"

namespace strata::courses {
namespace {

constexpr int64_t kTokens = 48;
constexpr uint64_t kSeed = 5;
constexpr char kModelName[] = "stories";

std::vector<Answer> Questions() {
  return {{.prompt = "Anna the sleepy otter lives in the", .temperature = 0},
          {.prompt = "Hugo the", .temperature = 0},
          {.prompt = "Ella the tiny", .temperature = 0.8},
          {.prompt = "Frank", .temperature = 1}};
}

absl::Status AskEngine(inference::Engine& engine, Answer* answer) {
  inference::GenerateRequest request;
  request.prompt = engine.tokenizer().Encode(answer->prompt);
  request.max_tokens = kTokens;
  request.sampling.temperature = answer->temperature;
  request.sampling.seed = kSeed;
  STRATA_ASSIGN_OR_RETURN(const inference::Generation generation, engine.Generate(request, {}));
  for (int32_t token : generation.tokens)
    answer->engine_tokens.push_back(engine.tokenizer().TokenBytes(token));
  return absl::OkStatus();
}

absl::Status AskServer(int port, Answer* answer) {
  STRATA_ASSIGN_OR_RETURN(answer->served_tokens,
                          inference::CompleteTokensOverHttp("127.0.0.1", port,
                                                            {.model = kModelName,
                                                             .prompt = answer->prompt,
                                                             .max_tokens = kTokens,
                                                             .temperature = answer->temperature,
                                                             .seed = kSeed}));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Answer>> AskBothWays(const std::string& path) {
  STRATA_ASSIGN_OR_RETURN(const llm::PretrainedModel loaded, llm::LoadPretrained(path));
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<inference::Engine> made,
                          inference::Engine::Create(loaded.model, loaded.tokenizer, {}));
  const std::shared_ptr<inference::Engine> engine = std::move(made);
  std::vector<Answer> answers = Questions();
  for (Answer& answer : answers) STRATA_RETURN_IF_ERROR(AskEngine(*engine, &answer));
  inference::ServerOptions options;
  options.port = 0;
  options.model_name = kModelName;
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<inference::Server> server,
                          inference::Server::Start(engine, options));
  std::vector<std::future<absl::Status>> asked;
  for (Answer& answer : answers)
    asked.push_back(std::async(std::launch::async, AskServer, server->port(), &answer));
  absl::Status status;
  for (std::future<absl::Status>& one : asked) status.Update(one.get());
  server->Stop();
  STRATA_RETURN_IF_ERROR(status);
  return answers;
}

}  // namespace strata::courses
