// Benchmark: the engine under some streams at once, and what it costs beside the model: the share of the time in which
// no step runs. With several budgets, what a step's rows do to TTFT, TPOT and throughput.
//
//   bazel run -c opt //inference/bench:engine -- --shape=tinyllama-1.1b --quant=q8_0 --streams=8 --json
//   bazel run -c opt //inference/bench:engine -- --model=q8_0.gguf --requests=16 --step-tokens=32,64,512
//
// Each stream sends a prompt of its own as soon as its last answer has ended. The same load with other prompts runs
// before, unmeasured. Rounds go through the budgets in turn, and a figure is the median of its rounds, so that all
// budgets see the same minutes of a shared machine. TTFT, TPOT and ITL are as `vllm bench serve` defines them.
#include "inference/engine/engine.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/user_folder.h"
#include "inference/load/engine_target.h"
#include "inference/load/load_generator.h"
#include "inference/load/load_requests.h"
#include "inference/load/serving_measures.h"
#include "llm/model/config.h"
#include "llm/model/local_model.h"
#include "llm/model/pretrained.h"

namespace strata::inference {
namespace {

struct Flags {
  std::string shape = "tinyllama-1.1b", model;
  std::string quant = "q8_0";
  int64_t streams = 8, requests = 0, prompt = 32, tokens = 64, rounds = 3;
  std::vector<int64_t> step_tokens = {0};
  int threads = 0;
  bool json = false;
};

// Text for made weights: each token is its number.
class NumberTokenizer : public Tokenizer {
 public:
  explicit NumberTokenizer(int64_t vocabulary) : vocabulary_(static_cast<int>(vocabulary)) {}
  std::vector<int32_t> Encode(absl::string_view text) const override {
    return std::vector<int32_t>(text.size(), 0);
  }
  std::vector<int32_t> EncodeOrdinary(absl::string_view text) const override {
    return Encode(text);
  }
  std::string Decode(absl::Span<const int32_t> ids) const override {
    std::string text;
    for (int32_t id : ids) text += TokenBytes(id);
    return text;
  }
  std::string TokenBytes(int32_t id) const override { return absl::StrCat(" ", id); }
  std::optional<int32_t> TokenId(absl::string_view) const override { return std::nullopt; }
  int vocab_size() const override { return vocabulary_; }
  std::optional<int32_t> bos() const override { return std::nullopt; }
  std::optional<int32_t> eos() const override { return std::nullopt; }
  bool IsSpecial(int32_t) const override { return false; }

 private:
  const int vocabulary_;
};

struct Model {
  std::string name;
  std::shared_ptr<const DecoderModel> model;
  std::shared_ptr<const Tokenizer> tokenizer;
};

absl::StatusOr<Model> Load(const Flags& flags) {
  if (!flags.model.empty()) {
    STRATA_ASSIGN_OR_RETURN(llm::PretrainedModel file, llm::LoadPretrained(flags.model));
    return Model{flags.model, std::move(file.model), std::move(file.tokenizer)};
  }
  STRATA_ASSIGN_OR_RETURN(llm::DecoderConfig config, llm::NamedConfig(flags.shape));
  STRATA_ASSIGN_OR_RETURN(auto made, llm::MakeMadeModel(flags.shape, config, flags.quant));
  auto tokenizer = std::make_shared<NumberTokenizer>(made->vocab_size());
  return Model{absl::StrCat(flags.shape, " ", flags.quant), std::move(made), std::move(tokenizer)};
}

// One run of the load.
struct Round {
  ServingMeasures measures;
  double steps = 0;
  double overhead = 0;  // time without a step, over the time of the steps
};

absl::StatusOr<Round> RunRound(const Flags& flags, const std::shared_ptr<Engine>& engine,
                               uint64_t seed) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<LoadRequest> requests,
                          RandomRequests({.count = flags.requests,
                                          .input_tokens = flags.prompt,
                                          .output_tokens = flags.tokens,
                                          .vocabulary = engine->model().vocab_size(),
                                          .seed = seed}));
  const std::vector<double> at_once(requests.size(), 0.0);
  EngineTarget target(engine);
  WallClock clock;
  const EngineStats before = engine->stats();
  const LoadRun run =
      RunLoad(target, requests, at_once, {.max_concurrency = flags.streams}, &clock);
  const EngineStats after = engine->stats();
  for (const RequestTiming& timing : run.timings)
    if (!timing.success) return absl::InternalError(timing.error);
  Round round;
  round.measures = Summarize(run.timings, run.duration, {.percentiles = {99}});
  round.steps = static_cast<double>(after.steps - before.steps);
  round.overhead = run.duration / (after.step_seconds - before.step_seconds) - 1;
  return round;
}

template <typename Figure>
double Median(const std::vector<Round>& rounds, const Figure& figure) {
  std::vector<double> values;
  for (const Round& round : rounds) values.push_back(figure(round));
  return Percentile(values, 50);
}

void Print(const Flags& flags, const std::string& model, int64_t step_tokens,
           const std::vector<Round>& rounds) {
  const auto of = [&](auto figure) { return Median(rounds, figure); };
  const double rate = of([](const Round& r) { return r.measures.output_throughput; });
  const double ttft = of([](const Round& r) { return r.measures.ttft.median; });
  const double late = of([](const Round& r) { return r.measures.ttft.percentiles[0].second; });
  const double tpot = of([](const Round& r) { return r.measures.tpot.median; });
  const double gap = of([](const Round& r) { return r.measures.itl.percentiles[0].second; });
  const auto steps = static_cast<int>(of([](const Round& r) { return r.steps; }));
  const double overhead = of([](const Round& r) { return r.overhead; });
  if (flags.json) {
    std::printf(
        "{\"model\": \"%s\", \"streams\": %d, \"step_tokens\": %d, \"tokens_per_second\": %.2f, "
        "\"ttft_seconds\": %.4f, \"ttft_p99_seconds\": %.4f, \"tpot_seconds\": %.4f, "
        "\"itl_p99_seconds\": %.4f, \"steps\": %d, \"overhead\": %.4f}\n",
        model.c_str(), static_cast<int>(flags.streams), static_cast<int>(step_tokens), rate, ttft,
        late, tpot, gap, steps, overhead);
    return;
  }
  std::printf("%11d  %7.1f  %8.3f  %8.3f  %8.4f  %8.3f  %6d  %7.2f%%\n",
              static_cast<int>(step_tokens), rate, ttft, late, tpot, gap, steps, 100 * overhead);
}

absl::Status Run(const Flags& flags) {
  STRATA_ASSIGN_OR_RETURN(const Model model, Load(flags));
  std::vector<std::shared_ptr<Engine>> engines;
  for (const int64_t step_tokens : flags.step_tokens) {
    EngineOptions options;
    options.device.threads = flags.threads;
    options.max_sequences = flags.streams;
    options.context = std::min(model.model->max_context(), flags.prompt + flags.tokens);
    options.step_tokens = step_tokens;
    STRATA_ASSIGN_OR_RETURN(engines.emplace_back(),
                            Engine::Create(model.model, model.tokenizer, options));
    STRATA_RETURN_IF_ERROR(RunRound(flags, engines.back(), /*seed=*/0).status());
  }
  std::vector<std::vector<Round>> rounds(engines.size());
  for (int64_t round = 1; round <= flags.rounds; ++round) {
    for (size_t i = 0; i < engines.size(); ++i) {
      STRATA_ASSIGN_OR_RETURN(rounds[i].emplace_back(),
                              RunRound(flags, engines[i], static_cast<uint64_t>(round)));
    }
  }
  if (!flags.json) {
    std::printf(
        "%s, %d requests of %d + %d tokens in %d streams, medians of %d rounds\n"
        "step tokens    tok/s    TTFT s     p99 s    TPOT s  ITL p99 s  steps  overhead\n",
        model.name.c_str(), static_cast<int>(flags.requests), static_cast<int>(flags.prompt),
        static_cast<int>(flags.tokens), static_cast<int>(flags.streams),
        static_cast<int>(flags.rounds));
  }
  for (size_t i = 0; i < engines.size(); ++i)
    Print(flags, model.name, flags.step_tokens[i], rounds[i]);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::inference

int main(int argc, char** argv) {
  strata::EnterUserFolder();
  strata::inference::Flags flags;
  CLI::App app("The engine under several streams, and what it costs beside the model.");
  app.add_option("--shape", flags.shape, "named shape, on made weights")->capture_default_str();
  app.add_option("--model", flags.model, "a model's file (.gguf) or folder in its place");
  app.add_option("--quant", flags.quant, "format of made weights")->capture_default_str();
  app.add_option("--streams", flags.streams, "requests at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--requests", flags.requests, "of a round; default: one a stream")
      ->check(CLI::PositiveNumber);
  app.add_option("--prompt", flags.prompt, "tokens of each prompt")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--tokens", flags.tokens, "tokens of each answer")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option(
         "--step-tokens", flags.step_tokens,
         "rows of a step, prompts and answers; several are compared; 0: the engine's choice")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--rounds", flags.rounds, "measured loads of each")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", flags.threads, "threads; 0 is all cores")->capture_default_str();
  app.add_flag("--json", flags.json, "one JSON object for each --step-tokens");
  CLI11_PARSE(app, argc, argv);
  if (flags.requests == 0) flags.requests = flags.streams;
  for (int64_t& step_tokens : flags.step_tokens)
    if (step_tokens == 0) step_tokens = strata::inference::DefaultStepTokens(flags.streams);
  const absl::Status status = strata::inference::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "engine: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
