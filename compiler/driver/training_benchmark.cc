// A GPT-2 training step on this machine: compile time cold and warm, time a step, and where it goes.
//
//   bazel run //compiler/driver:training_benchmark                      # 124M: batch 4, 256 tokens
//   bazel run //compiler/driver:training_benchmark -- 12 768 4 256 3    # layers, width, batch, tokens, steps
//   bazel run //compiler/driver:training_benchmark -- --gemm=emitted --skip=epilogue_fusion --steps=0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "base/status.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/test_models.h"
#include "compiler/plan/explain.h"

namespace strata::compiler {
namespace {

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void PrintProfile(const plan::Plan& plan, const chips::Timeline& timeline) {
  struct Row {
    double seconds = 0, flops = 0, bytes = 0;
    int count = 0;
  };
  std::map<std::string, Row> rows;
  double total = 0;
  for (const chips::TimelineEvent& event : timeline.events()) {
    Row& row = rows[plan::DescribeStep(plan, plan.steps(event.step()))];
    row.seconds += 1e-9 * static_cast<double>(event.duration_ns());
    row.flops += event.flops();
    row.bytes += event.bytes();
    ++row.count;
    total += 1e-9 * static_cast<double>(event.duration_ns());
  }
  std::vector<std::pair<std::string, Row>> order(rows.begin(), rows.end());
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  std::printf("%8s %6s %5s %9s %8s  kernel\n", "ms", "share", "count", "GFLOP/s", "GB/s");
  for (size_t i = 0; i < std::min<size_t>(order.size(), 25); ++i) {
    const Row& r = order[i].second;
    std::printf("%8.1f %5.1f%% %5d %9.1f %8.1f  %s\n", 1e3 * r.seconds, 100 * r.seconds / total,
                r.count, r.flops / r.seconds / 1e9, r.bytes / r.seconds / 1e9,
                order[i].first.c_str());
  }
}

struct Flags {
  GptSizes sizes{4, 256, 50257, 768, 12, 12};
  int steps = 3;
  bool bf16 = false;
  CompileOptions compile;
};

// What the plan says its kernels move and compute, and how many products have taken others along.
void PrintCounts(const plan::Plan& plan) {
  double bytes = 0, flops = 0;
  int fused = 0;
  for (const plan::Step& step : plan.steps()) {
    bytes += step.bytes_read() + step.bytes_written();
    flops += step.flops();
    fused += absl::StrContains(step.reason(), "done on its tiles");
  }
  std::printf("counted: %.3f GB moved, %.1f GFLOP, %d products with what follows them\n",
              bytes / 1e9, flops / 1e9, fused);
}

absl::Status Main(const Flags& flags) {
  const GptSizes& sizes = flags.sizes;
  RegisterAllDevices();
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, GptTrainingStep(sizes));
  std::printf("graph: %d nodes\n", graph.nodes_size());
  STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));
  double at = Seconds();
  CompileOptions options = flags.compile;
  if (flags.bf16) options.compute_dtype = chips::BF16;
  options.observer = [&](absl::string_view pass, bool, const graph::Graph& g) {
    std::printf("  %-18s %6.1f ms, %d nodes\n", std::string(pass).c_str(), 1e3 * (Seconds() - at),
                g.nodes_size());
    at = Seconds();
  };
  const double begin = Seconds();
  STRATA_ASSIGN_OR_RETURN(const plan::Plan plan, compiler->Compile(graph, {}, options));
  const double compiled = Seconds();
  STRATA_ASSIGN_OR_RETURN(auto device, DeviceRegistry().Create("cpu", DeviceOptions{}));
  STRATA_ASSIGN_OR_RETURN(auto executable, device->Load(plan));
  std::printf(
      "compile %.2f s (lowering %.0f ms), load %.2f s; %d steps, %d kernels, arena %.0f MB\n",
      compiled - begin, 1e3 * (compiled - at), Seconds() - compiled, plan.steps_size(),
      plan.kernels_size(), static_cast<double>(plan.arena_bytes()) / 1e6);
  PrintCounts(plan);
  if (std::getenv("EXPLAIN") != nullptr) std::fputs(plan::ExplainPlan(plan).c_str(), stdout);

  const std::vector<graph::HostTensor> inputs = MakeInputs(graph);
  double best = 1e30;
  chips::Timeline timeline;
  for (int i = 0; i < flags.steps; ++i) {
    const double start = Seconds();
    STRATA_ASSIGN_OR_RETURN(const auto outputs, executable->Run(inputs, {&timeline}));
    const double seconds = Seconds() - start;
    best = std::min(best, seconds);
    std::printf("step %d: loss %.4f, %.3f s\n", i, outputs[0].ToDoubles()[0], seconds);
  }
  if (flags.steps == 0) return absl::OkStatus();
  PrintProfile(plan, timeline);
  std::printf("best: %.3f s, %.0f tokens/s\n", best,
              static_cast<double>(sizes.batch * sizes.tokens) / best);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) {
  strata::compiler::Flags flags;
  CLI::App app("Compiles a GPT-2 training step and runs it; EXPLAIN=1 prints the plan.");
  app.add_option("layers", flags.sizes.layers)->capture_default_str();
  app.add_option("width", flags.sizes.width, "64 for each head")->capture_default_str();
  app.add_option("batch", flags.sizes.batch)->capture_default_str();
  app.add_option("tokens", flags.sizes.tokens, "of a sequence")->capture_default_str();
  app.add_option("steps,--steps", flags.steps, "to run; 0: only compile")->capture_default_str();
  app.add_option("--gemm", flags.compile.gemm, "matrix products: fastest, library or emitted")
      ->capture_default_str();
  app.add_option("--tuning-log", flags.compile.tuning_log, "of //compiler/tune:tune_gemm");
  app.add_option("--skip", flags.compile.skip_passes, "a pass to leave out; may be given again");
  app.add_flag("--bf16", flags.bf16, "products of bf16 operands");
  CLI11_PARSE(app, argc, argv);
  flags.sizes.heads = flags.sizes.width / 64;
  const absl::Status status = strata::compiler::Main(flags);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return strata::ExitCode(status);
}
