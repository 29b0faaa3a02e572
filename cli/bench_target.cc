#include "cli/bench_target.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "inference/load/completion_target.h"
#include "inference/load/engine_target.h"

namespace strata::cli {

absl::StatusOr<Target> OpenTarget(const TargetFlags& target_flags) {
  if (target_flags.url.empty() == target_flags.engine.path.empty()) {
    return absl::InvalidArgumentError(
        "give either --url=http://host:port of a server, or --model=FOLDER to serve in this "
        "process");
  }
  Target target;
  std::string url = target_flags.url;
  if (url.empty()) {
    EngineFlags flags = target_flags.engine;
    flags.prepare = true;  // as `strata serve` does
    STRATA_ASSIGN_OR_RETURN(OpenedModel opened, OpenModel(flags));
    target.engine = std::move(opened.engine);
    if (target_flags.backend == "engine") {
      target.model = target.engine->model().name();
      target.vocabulary = target.engine->model().vocab_size();
      target.target = std::make_unique<inference::EngineTarget>(target.engine);
      return target;
    }
    inference::ServerOptions server;
    server.port = 0;
    server.max_requests = 4096;
    server.model_chat_template = std::move(opened.chat_template);
    server.end_of_turn = std::move(opened.end_of_turn);
    STRATA_ASSIGN_OR_RETURN(target.server, inference::Server::Start(target.engine, server));
    url = absl::StrCat("http://127.0.0.1:", target.server->port());
  } else if (target_flags.backend == "engine") {
    return absl::InvalidArgumentError("--backend=engine needs --model");
  }
  inference::CompletionTargetOptions completion;
  completion.model = target_flags.model_name;
  completion.temperature = target_flags.temperature;
  STRATA_ASSIGN_OR_RETURN(auto http, inference::CompletionTarget::Create(url, completion));
  target.model = http->model();
  target.vocabulary = http->vocabulary();
  target.target = std::move(http);
  return target;
}

void AddTargetFlags(CLI::App* verb, TargetFlags* flags) {
  verb->add_option("--url", flags->url, "the server: http://host:port");
  verb->add_option("--model", flags->engine.path,
                   "or a model's folder or .gguf file, served in this process");
  AddEngineFlags(verb, &flags->engine);
}

}  // namespace strata::cli
