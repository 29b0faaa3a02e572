// A GPT-2 training step on this machine: compile time cold and warm, time a step, and where it goes.
//
//   bazel run //compiler/driver:training_benchmark                      # 124M: batch 4, 256 tokens
//   bazel run //compiler/driver:training_benchmark -- 12 768 4 256 3    # layers, width, batch, tokens, steps
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

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

absl::Status Main(int argc, char** argv) {
  GptSizes sizes{4, 256, 50257, 768, 12, 12};
  int steps = 3;
  if (argc > 1) sizes.layers = std::atoi(argv[1]);
  if (argc > 2) sizes.width = std::atoi(argv[2]);
  if (argc > 3) sizes.batch = std::atoi(argv[3]);
  if (argc > 4) sizes.tokens = std::atoi(argv[4]);
  if (argc > 5) steps = std::atoi(argv[5]);
  sizes.heads = sizes.width / 64;

  RegisterAllDevices();
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, GptTrainingStep(sizes));
  std::printf("graph: %d nodes\n", graph.nodes_size());
  STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));
  double at = Seconds();
  CompileOptions options;
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
  if (std::getenv("EXPLAIN") != nullptr) std::fputs(plan::ExplainPlan(plan).c_str(), stdout);

  const std::vector<graph::HostTensor> inputs = MakeInputs(graph);
  double best = 1e30;
  chips::Timeline timeline;
  for (int i = 0; i < steps; ++i) {
    const double start = Seconds();
    STRATA_ASSIGN_OR_RETURN(const auto outputs, executable->Run(inputs, {&timeline}));
    const double seconds = Seconds() - start;
    best = std::min(best, seconds);
    std::printf("step %d: loss %.4f, %.3f s\n", i, outputs[0].ToDoubles()[0], seconds);
  }
  PrintProfile(plan, timeline);
  std::printf("best: %.3f s, %.0f tokens/s\n", best,
              static_cast<double>(sizes.batch * sizes.tokens) / best);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) {
  const absl::Status status = strata::compiler::Main(argc, argv);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return strata::ExitCode(status);
}
