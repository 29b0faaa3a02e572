// Benchmark: the engine under some streams at once, and what it costs beside the model: the share of the time in which
// no step runs.
//
//   bazel run -c opt //inference/bench:engine -- --shape=tinyllama-1.1b --quant=q8_0 --streams=8 --json
//
// Each stream is a prompt of its own and an answer, all submitted at once. The same load runs before, unmeasured, so that
// every plan is compiled.
#include "inference/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "llm/model/config.h"
#include "llm/model/local_model.h"

namespace strata::inference {
namespace {

using Clock = std::chrono::steady_clock;

struct Flags {
  std::string shape = "tinyllama-1.1b";
  std::string quant = "q8_0";
  int64_t streams = 8, prompt = 32, tokens = 64;
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

struct Load {
  double seconds = 0;               // first submitted to last token
  std::vector<double> first_token;  // seconds of each stream
  absl::Status status;
};

absl::StatusOr<Load> RunLoad(const Flags& flags, Engine& engine, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::mutex mutex;
  std::condition_variable changed;
  Load load;
  int64_t open = flags.streams;
  const Clock::time_point start = Clock::now();
  const auto since = [start] {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  for (int64_t i = 0; i < flags.streams; ++i) {
    GenerateRequest request;
    for (int64_t k = 0; k < flags.prompt; ++k) {
      request.prompt.push_back(
          static_cast<int32_t>(random() % static_cast<uint64_t>(engine.model().vocab_size())));
    }
    request.max_tokens = flags.tokens;
    request.sampling.temperature = 0;
    request.log_probabilities = false;
    const auto heard = std::make_shared<bool>(false);
    const auto on_token = [&, heard](const TokenEvent&) {
      if (!std::exchange(*heard, true)) load.first_token.push_back(since());
      return true;
    };
    const auto on_done = [&](int64_t, const absl::StatusOr<Generation>& result) {
      const std::lock_guard<std::mutex> lock(mutex);
      load.status.Update(result.status());
      --open;
      changed.notify_one();
    };
    STRATA_RETURN_IF_ERROR(engine.Submit(request, on_token, on_done).status());
  }
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return open == 0; });
  load.seconds = since();
  STRATA_RETURN_IF_ERROR(load.status);
  return load;
}

absl::Status Run(const Flags& flags) {
  STRATA_ASSIGN_OR_RETURN(llm::DecoderConfig config, llm::NamedConfig(flags.shape));
  STRATA_ASSIGN_OR_RETURN(auto model, llm::MakeMadeModel(flags.shape, config, flags.quant));
  auto tokenizer = std::make_shared<NumberTokenizer>(model->vocab_size());
  EngineOptions options;
  options.device.threads = flags.threads;
  options.max_sequences = flags.streams;
  options.context = std::min(model->max_context(), flags.prompt + flags.tokens);
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine,
                          Engine::Create(model, tokenizer, options));
  STRATA_RETURN_IF_ERROR(RunLoad(flags, *engine, 1).status());
  const EngineStats before = engine->stats();
  STRATA_ASSIGN_OR_RETURN(Load load, RunLoad(flags, *engine, 2));
  const EngineStats after = engine->stats();
  const double in_steps = after.step_seconds - before.step_seconds;
  const double rate = static_cast<double>(flags.streams * flags.tokens) / load.seconds;
  const double overhead = load.seconds / in_steps - 1;
  std::sort(load.first_token.begin(), load.first_token.end());
  const double ttft = load.first_token[load.first_token.size() / 2];
  const auto steps = static_cast<int>(after.steps - before.steps);
  if (flags.json) {
    std::printf(
        "{\"shape\": \"%s\", \"quant\": \"%s\", \"streams\": %d, \"tokens_per_second\": %.2f, "
        "\"ttft_seconds\": %.4f, \"steps\": %d, \"overhead\": %.4f}\n",
        flags.shape.c_str(), flags.quant.c_str(), static_cast<int>(flags.streams), rate, ttft,
        steps, overhead);
    return absl::OkStatus();
  }
  std::printf(
      "%s %s, %d streams of %d + %d tokens: %.1f tok/s, first token after %.3f s (median)\n",
      flags.shape.c_str(), flags.quant.c_str(), static_cast<int>(flags.streams),
      static_cast<int>(flags.prompt), static_cast<int>(flags.tokens), rate, ttft);
  std::printf("  %d steps take %.3f s; the engine adds %.2f%%\n", steps, in_steps, 100 * overhead);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::inference

int main(int argc, char** argv) {
  strata::inference::Flags flags;
  CLI::App app("The engine under several streams, and what it costs beside the model.");
  app.add_option("--shape", flags.shape, "named shape, on made weights")->capture_default_str();
  app.add_option("--quant", flags.quant, "format of the weights")->capture_default_str();
  app.add_option("--streams", flags.streams, "requests at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--prompt", flags.prompt, "tokens of each prompt")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--tokens", flags.tokens, "tokens of each answer")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", flags.threads, "threads; 0 is all cores")->capture_default_str();
  app.add_flag("--json", flags.json, "one JSON object");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::inference::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "engine: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
