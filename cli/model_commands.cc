// Verbs on models and text.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/textproto.h"
#include "chips/cost/roofline.h"
#include "chips/spec/host/host.h"
#include "chips/timeline/chrome_trace.h"
#include "cli/command.h"
#include "cli/open_engine.h"
#include "distributed/transport/launch_env.h"
#include "inference/engine/engine.h"
#include "inference/engine/token_trie_of.h"
#include "inference/grammar/grammar_text.h"
#include "inference/grammar/json_schema.h"
#include "inference/grammar/regex.h"
#include "inference/grammar/token_grammar.h"
#include "inference/server/server.h"
#include "llm/model/decoder.h"
#include "llm/tokenizer/tokenizer_json.h"
#include "llm/train/recipe.h"
#include "llm/train/run.h"

namespace strata::cli {
namespace {

struct Options {
  std::string path;
  std::string text;
  std::string host = "127.0.0.1";
  std::string name;
  EngineFlags engine;
  std::string chat_template;
  std::string tool_call_parser;
  std::string output;
  std::vector<std::string> corpus;
  int port = 8000;
  int64_t max_tokens = 64;
  double temperature = 0;
  double top_p = 1;
  uint64_t seed = 0;
  std::string json_schema, grammar, regex;  // files, and an expression
  bool fresh = false;
  std::string profile;
  int64_t profile_step = 0;
};

// Of the median step.
void PrintSpeed(const llm::Recipe& recipe, const llm::RunResult& result, double peak_flops) {
  std::vector<double> seconds;
  for (const llm::StepResult& step : result.steps) seconds.push_back(step.seconds);
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<long>(seconds.size() / 2),
                   seconds.end());
  const double tokens = static_cast<double>(recipe.batch() * recipe.sequence());
  const double rate = tokens / seconds[seconds.size() / 2];
  const double flops = llm::TrainingFlops(recipe.model(), 1, recipe.sequence());
  std::printf("%.0f tok/s, MFU %.1f %% of %.0f GFLOP/s; rank 0 of %d sent %.2f MB a step\n", rate,
              100 * rate * flops / peak_flops, peak_flops / 1e9, recipe.ranks(),
              static_cast<double>(result.steps.back().sent_bytes) / 1e6);
}

absl::Status Train(const Options& options) {
  llm::Recipe recipe;
  STRATA_RETURN_IF_ERROR(ReadTextProto(options.path, &recipe));
  if (!options.output.empty()) recipe.set_output(options.output);
  if (!options.corpus.empty()) {
    recipe.clear_corpus();
    for (const std::string& path : options.corpus) recipe.add_corpus(path);
  }
  if (recipe.output().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.path, ": output: name a folder for checkpoints, here or with --output"));
  }
  STRATA_ASSIGN_OR_RETURN(distributed::LaunchEnv launch, distributed::FromEnvironment());
  if (launch.size > 1) recipe.set_ranks(launch.size);
  const char* transport = std::getenv("STRATA_TRANSPORT");
  absl::StatusOr<llm::TrainingText> text = llm::PrepareText(recipe);
  if (!text.ok()) return Annotate(text.status(), options.path);
  absl::StatusOr<llm::Recipe> complete = llm::CompleteRecipe(recipe, text->tokenizer->vocab_size());
  if (!complete.ok()) return Annotate(complete.status(), options.path);
  STRATA_ASSIGN_OR_RETURN(chips::Chip host, chips::MeasureHost(chips::HostOptions()));

  llm::RunOptions run;
  if (launch.size > 1) run.transport = launch.launcher == "mpirun" ? "mpi" : "tcp";
  if (launch.size > 1 && transport != nullptr) run.transport = transport;
  run.resume = !options.fresh;
  run.progress = launch.rank == 0;
  if (!options.profile.empty())
    run.profile_step = options.profile_step > 0 ? options.profile_step : complete->steps();
  STRATA_ASSIGN_OR_RETURN(run.peak_flops, chips::PeakFlops(host, chips::F32, /*matmul=*/true));
  STRATA_ASSIGN_OR_RETURN(llm::RunResult result, llm::RunTraining(*complete, *text, run));
  if (!options.profile.empty() && !result.timelines.empty()) {
    // A process of its own writes its own rank; ranks that are threads lie side by side.
    const std::string path =
        launch.size > 1 ? absl::StrCat(options.profile, ".", launch.rank) : options.profile;
    STRATA_RETURN_IF_ERROR(WriteFileAtomic(path, chips::ToChromeTrace(result.timelines)));
  }
  if (launch.rank != 0) return absl::OkStatus();
  if (result.steps.empty()) {
    std::printf("nothing to do: %s is trained to the end (--fresh starts over)\n",
                recipe.output().c_str());
  } else {
    std::printf("loss %.4f after %d steps; checkpoint %s\n", result.steps.back().loss,
                static_cast<int>(result.steps.back().step), result.checkpoint.c_str());
    PrintSpeed(*complete, result, run.peak_flops);
  }
  return absl::OkStatus();
}

// What the answer must be; null when any text will do. At most one flag is given.
absl::StatusOr<std::shared_ptr<const inference::grammar::TokenGrammar>> ReadAnswerForm(
    const Options& options, const inference::Tokenizer& tokenizer) {
  namespace grammar = inference::grammar;
  grammar::Grammar made;
  if (!options.json_schema.empty()) {
    STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.json_schema));
    absl::StatusOr<grammar::Grammar> schema = grammar::GrammarOfSchemaText(text);
    if (!schema.ok()) return Annotate(schema.status(), options.json_schema);
    made = *std::move(schema);
  } else if (!options.grammar.empty()) {
    STRATA_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.grammar));
    absl::StatusOr<grammar::Grammar> parsed = grammar::ParseGrammar(text);
    if (!parsed.ok()) return Annotate(parsed.status(), options.grammar);
    made = *std::move(parsed);
  } else if (!options.regex.empty()) {
    STRATA_ASSIGN_OR_RETURN(grammar::Expr expr, grammar::ParseRegex(options.regex));
    made = grammar::OneRule(std::move(expr));
  } else {
    return nullptr;
  }
  return grammar::TokenGrammar::Create(std::move(made), inference::MakeTokenTrie(tokenizer));
}

absl::Status Generate(const Options& options) {
  STRATA_ASSIGN_OR_RETURN(OpenedModel opened, OpenModel(options.engine));
  const std::shared_ptr<inference::Engine> engine = opened.engine;
  inference::GenerateRequest request;
  request.prompt = engine->tokenizer().Encode(options.text);
  request.max_tokens = options.max_tokens;
  request.stop_tokens = std::move(opened.end_of_turn);
  request.sampling = {options.temperature, options.top_p, 0, options.seed};
  STRATA_ASSIGN_OR_RETURN(request.grammar, ReadAnswerForm(options, engine->tokenizer()));
  std::printf("%s", options.text.c_str());
  const auto print = [](const inference::TokenEvent& event) {
    std::fwrite(event.text.data(), 1, event.text.size(), stdout);
    std::fflush(stdout);
    return true;
  };
  STRATA_ASSIGN_OR_RETURN(inference::Generation done, engine->Generate(request, print));
  std::printf("\n");
  std::fprintf(stderr, "%d tokens; first after %.0f ms, then %.1f tok/s\n",
               static_cast<int>(done.tokens.size()), done.prefill_seconds * 1e3,
               done.decode_seconds > 0
                   ? static_cast<double>(done.tokens.size() - 1) / done.decode_seconds
                   : 0.0);
  return absl::OkStatus();
}

absl::Status Tokenize(const Options& options) {
  STRATA_ASSIGN_OR_RETURN(auto tokenizer, llm::LoadTokenizer(options.path));
  const std::vector<int32_t> ids = tokenizer->Encode(options.text);
  std::printf("%s\n", absl::StrJoin(ids, " ").c_str());
  return absl::OkStatus();
}

absl::Status Serve(const Options& options) {
  EngineFlags flags = options.engine;
  flags.prepare = true;
  STRATA_ASSIGN_OR_RETURN(OpenedModel opened, OpenModel(flags));
  const std::shared_ptr<inference::Engine> engine = opened.engine;
  // Signals are taken by sigwait below, in every thread that starts from here on.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  inference::ServerOptions server_options;
  server_options.host = options.host;
  server_options.port = options.port;
  server_options.model_name = options.name.empty() ? engine->model().name() : options.name;
  server_options.chat_template = options.chat_template;
  server_options.tool_call_parser = options.tool_call_parser;
  server_options.model_chat_template = std::move(opened.chat_template);
  server_options.end_of_turn = std::move(opened.end_of_turn);
  STRATA_ASSIGN_OR_RETURN(auto server, inference::Server::Start(engine, server_options));
  std::fprintf(stderr, "serving '%s' on http://%s:%d (Ctrl-C stops)\n",
               server_options.model_name.c_str(), options.host.c_str(), server->port());
  std::fprintf(stderr, "calls of tools: %s\n", server->tool_call_parser().c_str());
  int received = 0;
  sigwait(&signals, &received);
  std::fprintf(stderr, "stopping\n");
  server->Stop();
  return absl::OkStatus();
}

}  // namespace

void AddModelCommands(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  Options& o = *options;

  CLI::App* train =
      AddVerb(app, action, "train", "Train a model by a recipe; resumes from its last checkpoint",
              options, Train);
  train->add_option("recipe", o.path, "Recipe in text form (llm/train/recipe.proto)")->required();
  train->add_option("--output", o.output, "folder of checkpoints, instead of the recipe's");
  train->add_option("--corpus", o.corpus, "text files, instead of the recipe's");
  train->add_flag("--fresh", o.fresh, "start over although there is a checkpoint");
  train->add_option("--profile", o.profile,
                    "write what the ranks did in one step as a Chrome trace, a lane a rank");
  train->add_option("--profile-step", o.profile_step, "that step; the last without");

  CLI::App* generate =
      AddVerb(app, action, "generate", "Continue a text with a model", options, Generate);
  generate
      ->add_option("model", o.engine.path,
                   "folder (config.json, *.safetensors, tokenizer.json), or a .gguf file")
      ->required();
  generate->add_option("--prompt", o.text, "the text to continue")->required();
  generate->add_option("--max-tokens", o.max_tokens, "at most this many tokens")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  generate->add_option("--temperature", o.temperature, "0 is greedy")->capture_default_str();
  generate->add_option("--top-p", o.top_p, "nucleus: smallest set of tokens of this probability")
      ->capture_default_str();
  generate->add_option("--seed", o.seed, "of the sampling")->capture_default_str();
  CLI::Option_group* form = generate->add_option_group("form", "What the answer must be");
  form->add_option("--json-schema", o.json_schema, "file with a JSON schema that it obeys");
  form->add_option("--grammar", o.grammar, "file with a grammar in the style of GBNF");
  form->add_option("--regex", o.regex, "regular expression that all of it matches");
  form->require_option(0, 1);
  AddEngineFlags(generate, &o.engine);

  CLI::App* tokenize =
      AddVerb(app, action, "tokenize", "Print the token ids of a text", options, Tokenize);
  tokenize->add_option("tokenizer", o.path, "tokenizer.json, or a folder with one")->required();
  tokenize->add_option("--text", o.text, "the text")->required();

  CLI::App* serve =
      AddVerb(app, action, "serve", "Serve a model over HTTP as OpenAI's API does", options, Serve);
  serve
      ->add_option("model", o.engine.path,
                   "folder (config.json, *.safetensors, tokenizer.json), or a .gguf file")
      ->required();
  serve->add_option("--host", o.host, "address to listen on")->capture_default_str();
  serve->add_option(
      "--chat-template", o.chat_template,
      "chatml, llama3, plain, or a file with a Jinja template; without it the model's own");
  serve->add_option("--tool-call-parser", o.tool_call_parser,
                    "how the model writes calls of tools, which come back as tool_calls: hermes "
                    "(Qwen too), llama3_json, mistral, mistral_args, phi4_mini, granite, "
                    "deepseek_v3, deepseek_v31, or none; without it what the chat template says");
  serve->add_option("--port", o.port, "port; 0 is any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  serve->add_option("--name", o.name, "model name in the API; default: the folder's");
  AddEngineFlags(serve, &o.engine);
}

}  // namespace strata::cli
