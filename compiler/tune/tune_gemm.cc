// Tunes the emitted kernels of matrix products on this machine, into a log that the compiler reads.
//
//   bazel run -c opt //compiler/tune:tune_gemm -- --m=256 --n=3072 --k=768 --layout=nn --threads=2 --log=gemm.tuning
//   bazel run -c opt //compiler/tune:tune_gemm -- --shape=512x512x512 --shape=1024x1024x1024 --layout=nt --json
//
// A later run with the same log goes on where the last one ended: what is measured is not measured again.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/user_folder.h"
#include "compiler/codegen/isa.h"
#include "compiler/gemm/cost.h"
#include "compiler/tune/gemm_measure.h"
#include "compiler/tune/gemm_tuning.h"
#include "compiler/tune/tuner.h"

namespace strata::compiler::tune {
namespace {

struct Flags {
  int64_t m = 512, n = 512, k = 512;
  std::vector<std::string> shapes;
  std::string layout = "nn";
  std::string dtype = "f32";
  std::string isa;
  std::string log;
  std::string cache_dir;
  int threads = 0;
  TuneOptions tune;
  bool json = false;
};

absl::StatusOr<GemmProblem> ParseShape(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, 'x');
  GemmProblem problem;
  if (parts.size() == 3 && absl::SimpleAtoi(parts[0], &problem.M) &&
      absl::SimpleAtoi(parts[1], &problem.N) && absl::SimpleAtoi(parts[2], &problem.K)) {
    return problem;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--shape: '", text, "' is not three numbers, M x N x K: 256x3072x768"));
}

absl::StatusOr<std::vector<GemmProblem>> Problems(const Flags& flags) {
  std::vector<GemmProblem> problems;
  if (flags.shapes.empty()) problems.push_back({.M = flags.m, .N = flags.n, .K = flags.k});
  for (const std::string& shape : flags.shapes) {
    STRATA_ASSIGN_OR_RETURN(const GemmProblem problem, ParseShape(shape));
    problems.push_back(problem);
  }
  for (GemmProblem& problem : problems) {
    problem.transpose_a = flags.layout[0] == 't';
    problem.transpose_b = flags.layout[1] == 't';
    problem.dtype = flags.dtype == "bf16" ? chips::BF16 : chips::F32;
    problem.result = chips::F32;
  }
  return problems;
}

double Gflops(const GemmProblem& problem, double seconds) {
  return seconds > 0 ? problem.flops() / seconds / 1e9 : 0;
}

// How fast what is chosen without tuning is, of the tuned one: times in the same turns. 0: it was not in them.
double UntunedShare(const TuneResult& result) {
  return result.baseline.ok() ? result.best.cost / result.baseline.cost : 0;
}

void PrintTable(const GemmProblem& problem, const SearchSpace& space, const TuneResult& result) {
  std::printf("  %-48s %10s %10s %18s\n", "timed in turns", "ms", "GFLOP/s", "with bias+GELU, ms");
  for (const Trial& trial : result.finalists) {
    std::printf("  %-48s %10.3f %10.1f %18.3f %s%s\n", space.Print(trial.config).c_str(),
                trial.cost * 1e3, Gflops(problem, trial.cost), trial.epilogue_cost * 1e3,
                trial.config == result.baseline.config ? "untuned" : "", trial.failure.c_str());
  }
  if (result.rival > 0) {
    std::printf("  %-48s %10.3f %10.1f\n", "oneDNN sgemm", result.rival * 1e3,
                Gflops(problem, result.rival));
  }
}

std::string Json(const GemmProblem& problem, const Flags& flags, int threads,
                 const SearchSpace& space, const TuneResult& result) {
  int failed = 0;
  for (const Trial& trial : result.trials) failed += !trial.ok();
  return absl::StrFormat(
      "{\"gemm\": \"%s\", \"threads\": %d, \"strategy\": \"%s\", \"config\": \"%s\", "
      "\"seconds_a_run\": %.9f, \"gflops\": %.2f, \"library_gflops\": %.2f, \"trials\": %d, "
      "\"resumed\": %d, \"failed\": %d, "
      "\"points\": %d, \"ranked\": %d, \"measured\": %d, \"epilogue_config\": \"%s\", "
      "\"epilogue_seconds_a_run\": %.9f, \"untuned_config\": \"%s\", "
      "\"untuned_share\": %.4f, \"tuning_seconds\": %.3f, \"stopped\": \"%s\"}",
      GemmName(problem), threads, flags.tune.strategy, space.Print(result.best.config),
      result.best.cost, Gflops(problem, result.best.cost), Gflops(problem, result.rival),
      static_cast<int>(result.trials.size()), result.resumed, failed, space.size(), result.ranked,
      result.measured, space.Print(result.best_with_epilogue.config),
      result.best_with_epilogue.epilogue_cost,
      result.baseline.ok() ? space.Print(result.baseline.config) : "", UntunedShare(result),
      result.seconds, result.stopped);
}

// What the compiler would choose without a log, then the best of all valid points by the same formula, a few of each tile.
// Returns how many it has ranked.
int RankByFormula(const GemmProblem& problem, const std::string& isa, const SearchSpace& space,
                  std::vector<Config>* first) {
  constexpr size_t kFirst = 10;
  constexpr int kOfATile = 3;
  const GemmMachine machine = GemmMachineOf(chips::Chip(), isa);
  std::vector<std::pair<double, Config>> ranked;
  for (int64_t i = 0; i < space.size(); ++i) {
    Config config = space.At(i);
    if (!space.IsValid(config)) continue;
    const double cost = GemmCost(problem, GemmConfigOf(space.SettingOf(config)), machine);
    ranked.push_back({cost, std::move(config)});
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto usual = NearestInSpace(space, DefaultGemmConfig(problem, machine));
  if (usual.has_value()) first->push_back(*usual);
  std::map<std::pair<int64_t, int64_t>, int> tiles;
  for (const auto& [cost, config] : ranked) {
    if (first->size() >= kFirst) break;
    const GemmConfig c = GemmConfigOf(space.SettingOf(config));
    if (config != usual && ++tiles[{c.rows, c.vectors}] <= kOfATile) first->push_back(config);
  }
  return static_cast<int>(ranked.size());
}

// Of all products of a run: what a session's claims about tuning are read from.
struct Summary {
  int products = 0;
  double most_seconds = 0, least_share = 0;
  void Add(const TuneResult& result) {
    const double share = UntunedShare(result);
    least_share = products == 0 ? share : std::min(least_share, share);
    most_seconds = std::max(most_seconds, result.seconds);
    ++products;
  }
};

void PrintSummary(const Summary& summary, bool json) {
  std::printf(json ? "{\"products\": %d, \"most_tuning_seconds\": %.3f, "
                     "\"least_untuned_share\": %.4f}\n"
                   : "%d products: at most %.2f s each; untuned at least %.3f of tuned\n",
              summary.products, summary.most_seconds, summary.least_share);
}

absl::Status TuneOne(const GemmProblem& problem, const Flags& flags, int threads, TuningLog* log,
                     Summary* summary) {
  const std::string isa = flags.isa.empty() ? HostIsa() : flags.isa;
  STRATA_ASSIGN_OR_RETURN(auto measure,
                          GemmMeasure::Create(problem, isa, threads, flags.cache_dir));
  const SearchSpace& space = measure->space();
  const TuningKey key = GemmTuningKey(problem, isa, threads);
  TuneOptions options = flags.tune;
  options.extra_features = GemmFeatures(problem, isa, threads);
  const int ranked = RankByFormula(problem, isa, space, &options.first);
  if (!options.first.empty()) options.baseline = options.first[0];
  const bool live = !flags.json && isatty(STDERR_FILENO) != 0;
  options.progress = [&](const TuneProgress& progress) {
    if (!live || progress.best == nullptr) return;
    std::fprintf(stderr, "\r%s: %d trials, %.1f s, %.1f GFLOP/s: %s   ", key.task.c_str(),
                 progress.trials, progress.seconds, Gflops(problem, progress.best->cost),
                 space.Print(progress.best->config).c_str());
  };
  STRATA_ASSIGN_OR_RETURN(TuneResult result, Tune(space, key, options, measure.get(), log));
  result.ranked += ranked;
  if (live) std::fprintf(stderr, "\n");
  summary->Add(result);
  if (flags.json) {
    std::printf("%s\n", Json(problem, flags, threads, space, result).c_str());
    std::fflush(stdout);
    return absl::OkStatus();
  }
  std::printf("%s: %.1f GFLOP/s with %s\n", key.task.c_str(), Gflops(problem, result.best.cost),
              space.Print(result.best.config).c_str());
  std::printf("  followed by bias and GELU: %.3f ms with %s\n",
              result.best_with_epilogue.epilogue_cost * 1e3,
              space.Print(result.best_with_epilogue.config).c_str());
  std::printf(
      "  of %d points %d ranked by cost models and %d measured (%d more from the log) in %.2f "
      "s; "
      "stopped for %s\n  untuned %.3f of tuned\n",
      static_cast<int>(space.size()), static_cast<int>(result.ranked), result.measured,
      result.resumed, result.seconds, result.stopped.c_str(), UntunedShare(result));
  PrintTable(problem, space, result);
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  STRATA_ASSIGN_OR_RETURN(const std::vector<GemmProblem> problems, Problems(flags));
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  const int threads = flags.threads > 0 ? flags.threads : std::max(cores, 1);
  TuningLog log = TuningLog::InMemory();
  if (!flags.log.empty()) {
    STRATA_ASSIGN_OR_RETURN(log, TuningLog::Open(flags.log));
    if (log.unreadable_lines() > 0) {
      std::fprintf(stderr, "%s: %d lines are no records and passed over\n", flags.log.c_str(),
                   log.unreadable_lines());
    }
  }
  Summary summary;
  for (const GemmProblem& problem : problems)
    STRATA_RETURN_IF_ERROR(TuneOne(problem, flags, threads, &log, &summary));
  PrintSummary(summary, flags.json);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::compiler::tune

int main(int argc, char** argv) {
  strata::EnterUserFolder();
  strata::compiler::tune::Flags flags;
  flags.tune.max_trials = 1000;
  CLI::App app(
      "Searches the best blocking of emitted matrix products C [M, N] = op(A) [M, K] op(B) [K, "
      "N].");
  app.add_option("--m", flags.m, "rows of C")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--n", flags.n, "columns of C")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--k", flags.k, "terms of a sum")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--shape", flags.shapes, "MxNxK in place of the three; may be given again");
  app.add_option("--layout", flags.layout, "of A and of B: n as they are, t stored transposed")
      ->capture_default_str()
      ->check(CLI::IsMember({"nn", "nt", "tn", "tt"}));
  app.add_option("--dtype", flags.dtype, "of A and B")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16"}));
  app.add_option("--threads", flags.threads, "0: one a core")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--isa", flags.isa, "avx512, avx2 or generic; default: the best of this machine");
  app.add_option("--log", flags.log,
                 "tuning log to go on from and append to; default: none is kept");
  app.add_option("--strategy", flags.tune.strategy, "how to search")
      ->capture_default_str()
      ->check(CLI::IsMember({"random", "evolutionary", "model", "exhaustive"}));
  app.add_option("--budget", flags.tune.budget_seconds, "seconds a product, with its last round")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--trials", flags.tune.max_trials, "configs to measure at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", flags.tune.seed, "of the search")->capture_default_str();
  app.add_option("--cache_dir", flags.cache_dir, "of built kernels; default: the compiler's own");
  app.add_flag("--json", flags.json, "one object a line");
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = strata::compiler::tune::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "tune_gemm: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
