// Benchmark: emitted matrix products beside oneDNN's, in turn in one process.
//
//   bazel run -c opt //compiler/bench:gemm -- --dtype=f32 --threads=1
//   bazel run -c opt //compiler/bench:gemm -- --dtype=bf16 --threads=2 --json
//   bazel run -c opt //compiler/bench:gemm -- --shape=1024x2304x768 --layout=nn --candidates=8
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "chips/spec/host/host.h"
#include "compiler/bench/gemm_race.h"
#include "compiler/codegen/isa.h"
#include "compiler/gemm/cost.h"

namespace strata::compiler {
namespace {

struct Flags {
  std::string dtype = "f32";
  std::vector<std::string> shapes = {"512x512x512",  "1024x1024x1024", "2048x2048x2048",
                                     "256x3072x768", "256x768x3072",   "256x50257x768"};
  std::vector<std::string> layouts = {"nn", "nt", "tn"};
  std::string config;
  int threads = 1;
  int candidates = 4;
  double seconds = 1;
  bool json = false;
};

absl::StatusOr<GemmProblem> ParseProblem(const std::string& shape, const std::string& layout,
                                         const std::string& dtype) {
  const std::vector<std::string> sizes = absl::StrSplit(shape, 'x');
  GemmProblem problem;
  if (sizes.size() != 3 || !absl::SimpleAtoi(sizes[0], &problem.M) ||
      !absl::SimpleAtoi(sizes[1], &problem.N) || !absl::SimpleAtoi(sizes[2], &problem.K)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--shape: '", shape, "' is not MxNxK, as in 256x3072x768"));
  }
  problem.transpose_a = layout[0] == 't';
  problem.transpose_b = layout[1] == 't';
  problem.dtype = dtype == "bf16" ? chips::BF16 : chips::F32;
  return problem;
}

absl::StatusOr<std::vector<GemmConfig>> ConfigsOf(const Flags& flags, const GemmProblem& problem,
                                                  const GemmMachine& machine) {
  if (!flags.config.empty()) {
    STRATA_ASSIGN_OR_RETURN(const GemmConfig config, ParseGemmConfig(flags.config));
    return std::vector<GemmConfig>{config};
  }
  std::vector<GemmConfig> configs = GemmCandidates(problem, machine);
  configs.resize(std::min(configs.size(), static_cast<size_t>(flags.candidates)));
  return configs;
}

struct Row {
  GemmProblem problem;
  GemmTimes times;

  double Gflops(double seconds) const { return seconds > 0 ? problem.flops() / seconds / 1e9 : 0; }
  // With B packed before on both sides, or nothing packed on either: whichever oneDNN is better at.
  double Ratio() const {
    const bool packed = times.onednn() == times.onednn_packed;
    return times.onednn() / (packed ? std::min(times.ours, times.ours_packed) : times.ours);
  }
  // What the compiler takes for operands that it finds unpacked.
  std::string Chosen() const { return times.ours < times.onednn_whole ? "emitted" : "onednn"; }
};

void PrintJson(const Flags& flags, const Row& row) {
  const GemmTimes& t = row.times;
  std::printf(
      "{\"dtype\": \"%s\", \"threads\": %d, \"m\": %ld, \"n\": %ld, \"k\": %ld, \"layout\": "
      "\"%s\", "
      "\"ours_gflops\": %.1f, \"ours_packed_gflops\": %.1f, \"onednn_gflops\": %.1f, "
      "\"onednn_whole_gflops\": %.1f, \"onednn_packed_gflops\": %.1f, \"ratio\": %.3f, "
      "\"ratio_whole\": %.3f, \"ratio_packed\": %.3f, \"untuned_over_tuned\": %.3f, "
      "\"chosen\": \"%s\", \"config\": \"%s\"}\n",
      flags.dtype.c_str(), flags.threads, static_cast<long>(row.problem.M),
      static_cast<long>(row.problem.N), static_cast<long>(row.problem.K),
      GemmLayout(row.problem).c_str(), row.Gflops(t.ours), row.Gflops(t.ours_packed),
      row.Gflops(t.onednn()), row.Gflops(t.onednn_whole), row.Gflops(t.onednn_packed), row.Ratio(),
      t.onednn_whole / t.ours, t.onednn_packed / t.ours_packed, t.ours / t.first_config,
      row.Chosen().c_str(), GemmConfigText(t.config).c_str());
  std::fflush(stdout);
}

void PrintHeader(const Flags& flags) {
  std::printf(
      "%s, %d threads, GFLOP/s. whole: packing of both operands counts (oneDNN: sgemm; bf16: "
      "reorder and matmul); packed: B "
      "was packed\n"
      "before, on both sides (oneDNN: matmul). ratio: to the better of oneDNN's two, like with "
      "like.\n"
      "%-16s %-6s %8s %8s %8s %8s %7s %7s  %-8s %s\n",
      flags.dtype.c_str(), flags.threads, "M x N x K", "layout", "ours", "oneDNN", "ours", "oneDNN",
      "ratio", "untuned", "chosen", "config");
  std::printf("%-16s %-6s %8s %8s %8s %8s %7s %7s\n", "", "", "whole", "whole", "packed", "packed",
              "", "/tuned");
}

void PrintRow(const Row& row) {
  const GemmTimes& t = row.times;
  std::printf("%-16s %-6s %8.1f %8.1f %8.1f %8.1f %7.3f %7.3f  %-8s %s\n",
              absl::StrFormat("%dx%dx%d", row.problem.M, row.problem.N, row.problem.K).c_str(),
              GemmLayout(row.problem).c_str(), row.Gflops(t.ours), row.Gflops(t.onednn_whole),
              row.Gflops(t.ours_packed), row.Gflops(t.onednn_packed), row.Ratio(),
              t.ours / t.first_config, row.Chosen().c_str(), GemmConfigText(t.config).c_str());
  std::fflush(stdout);
}

absl::Status Run(const Flags& flags) {
  chips::HostOptions host_options;
  host_options.quick = true;
  STRATA_ASSIGN_OR_RETURN(const chips::Chip host, chips::MeasureHost(host_options));
  const GemmMachine machine = GemmMachineOf(host, HostIsa());
  if (!flags.json) PrintHeader(flags);
  for (const std::string& shape : flags.shapes) {
    for (const std::string& layout : flags.layouts) {
      Row row;
      STRATA_ASSIGN_OR_RETURN(row.problem, ParseProblem(shape, layout, flags.dtype));
      STRATA_ASSIGN_OR_RETURN(const std::vector<GemmConfig> configs,
                              ConfigsOf(flags, row.problem, machine));
      STRATA_ASSIGN_OR_RETURN(row.times,
                              RaceGemm(row.problem, configs, {flags.threads, flags.seconds, ""}));
      flags.json ? PrintJson(flags, row) : PrintRow(row);
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) {
  strata::compiler::Flags flags;
  CLI::App app(
      "Emitted matrix products beside oneDNN's sgemm and its matmul with packed weights, in turn; "
      "medians.");
  app.add_option("--dtype", flags.dtype, "of A and B; C is f32")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16"}));
  app.add_option("--threads", flags.threads, "threads")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_option("--shape", flags.shapes, "MxNxK, any number of them")->capture_default_str();
  app.add_option("--layout", flags.layouts, "nn, nt, tn, tt: is A, is B stored transposed?")
      ->capture_default_str()
      ->check(CLI::IsMember({"nn", "nt", "tn", "tt"}));
  app.add_option("--candidates", flags.candidates,
                 "configs to measure, the cost model's best first; the fastest counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--config", flags.config,
                 "this config only: \"tile=14x32 depth=768 panels=2 pack_b=block\"");
  app.add_option("--seconds", flags.seconds, "of measuring a row, about")->capture_default_str();
  app.add_flag("--json", flags.json, "one JSON object a row");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::compiler::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "gemm: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
