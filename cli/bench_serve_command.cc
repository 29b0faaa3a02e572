// The verb that measures a server: `strata bench serve`.
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/strip.h"
#include "cli/bench_target.h"
#include "cli/command.h"
#include "courses/lab/serving_page.h"
#include "inference/load/arrivals.h"
#include "inference/load/load_generator.h"
#include "inference/load/load_report.h"
#include "inference/load/load_requests.h"
#include "inference/load/serving_measures.h"

namespace strata::cli {
namespace {

using inference::ArrivalOptions;
using inference::LoadRequest;
using inference::LoadTarget;

struct Options {
  TargetFlags target;
  int64_t requests = 100, max_concurrency = 0, burst = 8, warmups = 1;
  double rate = INFINITY, burstiness = 1, range = 0;
  std::string arrivals = "poisson", trace, dataset = "random";
  int64_t input_tokens = 1024, output_tokens = 128, prefix_tokens = 0, suffix_tokens = 256;
  int64_t prefixes = 10, vocabulary = 0;
  std::vector<std::string> goodput;
  std::vector<double> percentiles = {50, 90, 99};
  uint64_t seed = 0;
  bool json = false, detailed = false;
  std::string report, output;
};

struct Load {
  std::vector<LoadRequest> requests;
  std::vector<double> times;
};

absl::StatusOr<std::vector<LoadRequest>> MakeRequests(
    const Options& options, const inference::RandomRequestOptions& random) {
  absl::string_view file = options.dataset;
  if (absl::ConsumePrefix(&file, "jsonl:"))
    return inference::ReadRequests(std::string(file), options.requests, options.output_tokens);
  if (options.dataset == "random") return inference::RandomRequests(random);
  if (options.dataset == "prefix_repetition") {
    inference::PrefixRequestOptions prefix;
    prefix.count = options.requests;
    prefix.prefixes = options.prefixes;
    prefix.prefix_tokens = options.prefix_tokens == 0 ? 256 : options.prefix_tokens;
    prefix.suffix_tokens = options.suffix_tokens;
    prefix.output_tokens = options.output_tokens;
    prefix.vocabulary = random.vocabulary;
    prefix.seed = options.seed;
    return inference::PrefixRequests(prefix);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "dataset: \"", options.dataset, "\" is none of random, prefix_repetition, jsonl:FILE"));
}

absl::StatusOr<Load> MakeLoad(const Options& options, int64_t vocabulary) {
  inference::RandomRequestOptions random;
  random.count = options.requests;
  random.input_tokens = options.input_tokens;
  random.output_tokens = options.output_tokens;
  random.range = options.range;
  random.prefix_tokens = options.prefix_tokens;
  random.vocabulary = options.vocabulary > 0 ? options.vocabulary : vocabulary;
  random.seed = options.seed;
  if (random.vocabulary == 0 && options.dataset.rfind("jsonl:", 0) != 0) {
    return absl::InvalidArgumentError(
        "the server does not say how large its vocabulary is; give --vocab-size");
  }
  if (options.arrivals == "trace") {
    if (options.trace.empty())
      return absl::InvalidArgumentError("--arrivals=trace needs --trace=FILE");
    STRATA_ASSIGN_OR_RETURN(inference::Trace trace, inference::ReadTrace(options.trace, random));
    return Load{std::move(trace.requests), std::move(trace.times)};
  }
  Load load;
  STRATA_ASSIGN_OR_RETURN(load.requests, MakeRequests(options, random));
  ArrivalOptions arrivals;
  arrivals.kind =
      options.arrivals == "burst" ? ArrivalOptions::Kind::kBurst : ArrivalOptions::Kind::kGamma;
  arrivals.rate = options.rate;
  arrivals.burstiness = options.burstiness;
  arrivals.burst = options.burst;
  STRATA_ASSIGN_OR_RETURN(load.times,
                          inference::ArrivalTimes(arrivals, options.requests, options.seed));
  return load;
}

// Requests before the clock: the server must answer at all, and makes the plans of steps of many texts. Made prompts are
// drawn anew, as the prefix cache would know the load's own; a file's are its first.
absl::Status WarmUp(const Options& options, int64_t vocabulary, LoadTarget& target) {
  Options before = options;
  before.requests = options.warmups;
  before.seed = options.seed + 1;
  if (before.requests == 0) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(const Load load, MakeLoad(before, vocabulary));
  const std::vector<double> at_once(load.requests.size(), 0.0);
  inference::WallClock clock;
  const inference::LoadRun run = inference::RunLoad(
      target, load.requests, at_once, {.max_concurrency = options.max_concurrency}, &clock);
  for (const inference::RequestTiming& timing : run.timings) {
    if (timing.success) continue;
    return absl::UnavailableError(absl::StrCat("the first request failed: ", timing.error));
  }
  return absl::OkStatus();
}

// A line that is written over, where someone looks on.
void ShowProgress(int64_t requests, const inference::LoadProgress& progress) {
  static double shown = 0;
  if (progress.seconds < shown + 0.2 && progress.done < requests) return;
  shown = progress.seconds;
  std::fprintf(
      stderr, "\r%d/%d done, %d under way, %d failed, %.1f tok/s   %s",
      static_cast<int>(progress.done), static_cast<int>(requests),
      static_cast<int>(progress.sent - progress.done), static_cast<int>(progress.failed),
      progress.seconds > 0 ? static_cast<double>(progress.output_tokens) / progress.seconds : 0.0,
      progress.done == requests ? "\n" : "");
}

absl::Status Serve(const Options& options) {
  STRATA_ASSIGN_OR_RETURN(const inference::GoodputLimits goodput,
                          inference::ParseGoodput(options.goodput));
  for (double percent : options.percentiles) {
    if (!(percent >= 0 && percent <= 100))
      return absl::InvalidArgumentError(
          absl::StrCat("percentiles: ", percent, " is outside [0, 100]"));
  }
  STRATA_ASSIGN_OR_RETURN(const Target target, OpenTarget(options.target));
  STRATA_ASSIGN_OR_RETURN(const Load load, MakeLoad(options, target.vocabulary));
  STRATA_RETURN_IF_ERROR(WarmUp(options, target.vocabulary, *target.target));

  const auto count = static_cast<int64_t>(load.requests.size());
  inference::LoadOptions load_options;
  load_options.max_concurrency = options.max_concurrency;
  if (isatty(STDERR_FILENO) == 1) {
    load_options.on_progress = [count](const inference::LoadProgress& progress) {
      ShowProgress(count, progress);
    };
  }
  inference::WallClock clock;
  const inference::LoadRun run =
      inference::RunLoad(*target.target, load.requests, load.times, load_options, &clock);

  inference::LoadSetting setting;
  setting.backend = options.target.backend;
  setting.model = target.model;
  setting.requests = count;
  setting.rate = options.arrivals == "trace" && load.times.back() > 0
                     ? static_cast<double>(count) / load.times.back()
                     : options.rate;
  setting.burstiness = options.burstiness;
  setting.max_concurrency = options.max_concurrency;
  setting.goodput = goodput;
  const inference::ServingMeasures measures =
      inference::Summarize(run.timings, run.duration, {options.percentiles, goodput});
  const std::string json =
      inference::MeasuresJson(setting, measures, run.timings, options.detailed) + "\n";
  std::fputs(options.json ? json.c_str() : inference::MeasuresTable(setting, measures).c_str(),
             stdout);
  if (!options.output.empty()) STRATA_RETURN_IF_ERROR(Emit(options.output, json));
  if (!options.report.empty()) {
    STRATA_RETURN_IF_ERROR(courses::ServingPage(setting, run, measures).Write(options.report));
    std::fprintf(stderr, "page: %s\n", options.report.c_str());
  }
  int shown = 0;
  for (const inference::RequestTiming& timing : run.timings) {
    if (!timing.success && ++shown <= 10)
      std::fprintf(stderr, "failed: %s\n", timing.error.c_str());
  }
  if (count > 0 && measures.completed == 0) return absl::UnavailableError("no request succeeded");
  return absl::OkStatus();
}

void AddArrivalFlags(CLI::App* verb, Options& o) {
  verb->add_option("--requests,--num-prompts", o.requests, "how many requests")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--request-rate", o.rate, "requests a second; inf sends all at once")
      ->capture_default_str();
  verb->add_option("--arrivals", o.arrivals, "poisson, burst (groups), or trace (of --trace)")
      ->check(CLI::IsMember({"poisson", "burst", "trace"}))
      ->capture_default_str();
  verb->add_option("--burstiness", o.burstiness,
                   "shape of the gamma distribution of gaps: 1 is Poisson, less is burstier")
      ->capture_default_str();
  verb->add_option("--burst", o.burst, "requests of a group of --arrivals=burst")
      ->capture_default_str();
  verb->add_option("--trace", o.trace,
                   "JSON lines {\"timestamp\": ms, \"input_length\", \"output_length\", "
                   "\"hash_ids\"}");
  verb->add_option("--max-concurrency", o.max_concurrency,
                   "at most so many requests under way; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

void AddDatasetFlags(CLI::App* verb, Options& o) {
  verb->add_option("--dataset", o.dataset,
                   "random, prefix_repetition, or jsonl:FILE of {\"prompt\", \"output_tokens\"}")
      ->capture_default_str();
  verb->add_option("--input-len", o.input_tokens, "prompt tokens")->capture_default_str();
  verb->add_option("--output-len", o.output_tokens, "answer tokens")->capture_default_str();
  verb->add_option("--range-ratio", o.range, "random: lengths vary by this share, up and down")
      ->capture_default_str();
  verb->add_option("--prefix-len", o.prefix_tokens,
                   "shared tokens before each prompt (prefix_repetition: 256 unless given)")
      ->capture_default_str();
  verb->add_option("--suffix-len", o.suffix_tokens, "prefix_repetition: tokens after the prefix")
      ->capture_default_str();
  verb->add_option("--num-prefixes", o.prefixes, "prefix_repetition: how many prefixes")
      ->capture_default_str();
  verb->add_option("--vocab-size", o.vocabulary, "ids of made prompts; default: the server's");
  verb->add_option("--temperature", o.target.temperature, "0 is greedy")->capture_default_str();
  verb->add_option("--seed", o.seed, "of prompts and arrivals")->capture_default_str();
}

void AddOutputFlags(CLI::App* verb, Options& o) {
  verb->add_option(
      "--goodput", o.goodput,
      "limits in ms, such as ttft:500 tpot:50 e2el:5000; goodput counts what holds all");
  verb->add_option("--percentiles", o.percentiles, "of TTFT, TPOT, ITL and E2EL")
      ->delimiter(',')
      ->capture_default_str();
  verb->add_option("--warmups", o.warmups, "requests before the clock starts")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb->add_flag("--json", o.json, "one JSON object instead of the table");
  verb->add_flag("--detailed", o.detailed, "JSON with lengths, TTFT and ITL of each request");
  verb->add_option("--output", o.output, "file for the JSON");
  verb->add_option("--report", o.report, "file for an HTML page with plots");
}

}  // namespace

void AddBenchCommands(CLI::App& app, Action& action) {
  CLI::App* bench =
      app.add_subcommand("bench", "Load on a server: serve measures it, soak strains it");
  bench->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* serve =
      AddVerb(*bench, action, "serve",
              "Put load on an OpenAI-compatible server; TTFT, TPOT, ITL, E2EL and goodput are as "
              "vllm bench serve defines them",
              options, Serve);
  AddTargetFlags(serve, &options->target);
  serve
      ->add_option("--backend", options->target.backend,
                   "openai: streamed /v1/completions; engine: --model without the server")
      ->check(CLI::IsMember({"openai", "engine"}))
      ->capture_default_str();
  serve->add_option("--model-name", options->target.model_name,
                    "in the requests; default: the server's first");
  AddArrivalFlags(serve, *options);
  AddDatasetFlags(serve, *options);
  AddOutputFlags(serve, *options);
  AddSoakCommand(*bench, action);
}

}  // namespace strata::cli
