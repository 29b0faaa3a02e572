// Benchmark: causal attention, forward and backward, written out in primitive ops (transposes, products, mask, softmax),
// compiled three ways that run in turn in one process: with the pass attention_fusion; without it, so that scores and
// weights go through memory between fused row kernels ("written out"); and without any fusion, a kernel for each op
// ("unfused").
//
//   bazel run -c opt //compiler/bench:attention                      # B=4 H=12 D=64, several T
//   bazel run -c opt //compiler/bench:attention -- --seq=1024 --json
//
// Memory that a run gives back is kept for the next one's outputs: clearing 50 MB of fresh pages takes 5 % of the fused
// way's time and is no way's work. FLOPs are counted as the op defines them: pairs of query and key below the diagonal
// only. The arena tells what each way keeps in memory beside its operands: O(T) fused, O(T²) unfused.
#include <malloc.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "chips/cost/roofline.h"
#include "chips/spec/host/host.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/builder.h"
#include "framework/graph/host_tensor.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Attributes;
using graph::Builder;
using graph::HostTensor;
using graph::Shape;
using graph::ValueId;

struct Flags {
  int64_t batch = 4, heads = 12, width = 64;
  std::vector<int64_t> sequences = {64, 256, 512, 1024, 2048};
  int64_t longest_unfused = 1024;  // beyond it the other ways are compiled, not run
  int repeats = 7;
  int threads = 2;
  bool json = false;
  bool cpu_time = false;
};

// Seconds of this process's processors, or of the wall clock.
double Now(bool cpu_time) {
  timespec time{};
  clock_gettime(cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// softmax(scale q kᵀ + mask) v in primitive ops.
ValueId WrittenOut(Builder& b, const std::vector<ValueId>& qkv, const Flags& f, int64_t T) {
  const auto heads_first = [&](ValueId x) {
    return b.Apply("transpose", {x}, {{"permutation", Attr(std::vector<int64_t>{0, 2, 1, 3})}});
  };
  const auto index = [&](int64_t axis) {
    return b.Apply(
        "iota", {},
        {{"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{T, T})}, {"axis", Attr(axis)}});
  };
  const ValueId q = heads_first(qkv[0]), k = heads_first(qkv[1]), v = heads_first(qkv[2]);
  const ValueId products = b.Apply("matmul", {q, k}, {{"transpose_b", Attr(true)}});
  const ValueId scale = b.Constant(1 / std::sqrt(static_cast<double>(f.width)), chips::F32);
  const ValueId seen = b.Apply("less_equal", {index(1), index(0)});
  const ValueId scores = b.Apply(
      "select", {seen, b.Apply("mul", {products, scale}), b.Constant(-INFINITY, chips::F32)});
  return heads_first(b.Apply("matmul", {b.Apply("softmax", {scores}), v}));
}

// out, dq, dk, dv for q, k, v, dout of [B, T, H, D].
absl::StatusOr<graph::Graph> MakeGraph(const Flags& f, int64_t T) {
  Builder b("attention");
  const graph::TensorType type{chips::F32, {f.batch, T, f.heads, f.width}};
  std::vector<ValueId> qkv;
  for (const char* name : {"q", "k", "v"}) qkv.push_back(b.Input(name, type, graph::DATA));
  const ValueId dout = b.Input("dout", type, graph::DATA);
  const ValueId out = WrittenOut(b, qkv, f, T);
  b.Output(out, "out");
  const ValueId loss =
      b.Apply("reduce_sum", {b.Apply("mul", {out, dout})},
              {{"axes", Attr(std::vector<int64_t>{0, 1, 2, 3})}, {"keep_dims", Attr(false)}});
  STRATA_ASSIGN_OR_RETURN(const auto gradients, framework::Gradients(b, loss, qkv));
  for (size_t i = 0; i < gradients.size(); ++i)
    b.Output(gradients[i], i == 0 ? "dq" : i == 1 ? "dk" : "dv");
  return std::move(b).Build();
}

std::vector<HostTensor> Inputs(const graph::Graph& graph) {
  std::vector<HostTensor> inputs;
  uint32_t state = 1;
  for (const graph::Input& input : graph.inputs()) {
    const graph::TensorType type = graph::TypeOf(graph.values(static_cast<int>(input.value())));
    inputs.push_back(HostTensor::Allocate(type.dtype, type.dims()));
    for (int64_t i = 0; i < inputs.back().elements(); ++i) {
      state = state * 1664525u + 1013904223u;
      inputs.back().data<float>()[i] = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
    }
  }
  return inputs;
}

// One of the two ways: its plan, and its times.
struct Way {
  plan::Plan plan;
  std::unique_ptr<Executable> executable;
  std::vector<double> seconds;                       // of whole runs
  std::map<std::string, std::vector<double>> parts;  // by routine
  std::vector<HostTensor> outputs;
};

double FlopsOf(const plan::Plan& plan, const std::string& routine) {
  double flops = 0;
  for (const plan::Step& step : plan.steps()) {
    if (step.has_library_call() && step.library_call().routine() == routine) flops += step.flops();
  }
  return flops;
}

absl::StatusOr<Way> MakeWay(const graph::Graph& graph, const chips::Chip& chip,
                            std::vector<std::string> skip_passes, Device& device, bool load) {
  Way way;
  STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));
  const bool fuse = skip_passes.empty();
  CompileOptions options;
  options.skip_passes = std::move(skip_passes);
  STRATA_ASSIGN_OR_RETURN(way.plan, compiler->Compile(graph, chip, options));
  if ((FlopsOf(way.plan, "attention_gradient") > 0) != fuse)
    return absl::InternalError("attention_fusion did not do what its switch says");
  if (load) {
    STRATA_ASSIGN_OR_RETURN(way.executable, device.Load(way.plan));
  }
  return way;
}

absl::Status RunOnce(const Flags& f, absl::Span<const HostTensor> inputs, bool timed, Way* way) {
  chips::Timeline timeline;
  const double start = Now(f.cpu_time);
  STRATA_ASSIGN_OR_RETURN(way->outputs, way->executable->Run(inputs, {&timeline}));
  const double spent = Now(f.cpu_time) - start;
  if (!timed) return absl::OkStatus();
  way->seconds.push_back(spent);
  std::map<std::string, double> parts;
  for (const chips::TimelineEvent& event : timeline.events()) {
    if (event.step() < 0) continue;
    const plan::Step& step = way->plan.steps(event.step());
    if (step.has_library_call())
      parts[step.library_call().routine()] += 1e-9 * static_cast<double>(event.duration_ns());
  }
  for (const auto& [routine, seconds] : parts) way->parts[routine].push_back(seconds);
  return absl::OkStatus();
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

// The largest difference of the two ways' results, over the largest result.
double Difference(const Way& a, const Way& b) {
  double worst = 0;
  for (size_t o = 0; o < a.outputs.size(); ++o) {
    double largest = 0, difference = 0;
    for (int64_t i = 0; i < a.outputs[o].elements(); ++i) {
      const double x = a.outputs[o].data<float>()[i], y = b.outputs[o].data<float>()[i];
      largest = std::max(largest, std::abs(x));
      difference = std::max(difference, std::abs(x - y));
    }
    worst = std::max(worst, difference / std::max(largest, 1e-30));
  }
  return worst;
}

// The median over runs of `slow` over the run of `fast` beside it.
double Speedup(const Way& slow, const Way& fast) {
  std::vector<double> ratios;
  for (size_t i = 0; i < slow.seconds.size(); ++i)
    ratios.push_back(slow.seconds[i] / fast.seconds[i]);
  return Median(std::move(ratios));
}

std::string Field(bool there, const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof(text), format, value);
  return there ? text : "-";
}

absl::Status RunLength(const Flags& f, int64_t T, const chips::Chip& chip, double peak,
                       Device& device) {
  const bool all = T <= f.longest_unfused;
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, MakeGraph(f, T));
  STRATA_ASSIGN_OR_RETURN(Way fused, MakeWay(graph, chip, {}, device, true));
  STRATA_ASSIGN_OR_RETURN(Way written, MakeWay(graph, chip, {"attention_fusion"}, device, all));
  STRATA_ASSIGN_OR_RETURN(Way unfused,
                          MakeWay(graph, chip, {"attention_fusion", "fusion"}, device, all));
  const std::vector<HostTensor> inputs = Inputs(graph);
  for (int i = 0; i <= f.repeats; ++i) {  // the first is a warm-up
    STRATA_RETURN_IF_ERROR(RunOnce(f, inputs, i > 0, &fused));
    if (!all) continue;
    STRATA_RETURN_IF_ERROR(RunOnce(f, inputs, i > 0, &written));
    STRATA_RETURN_IF_ERROR(RunOnce(f, inputs, i > 0, &unfused));
  }
  if (all && !(Difference(fused, written) < 1e-3 && Difference(fused, unfused) < 1e-3))
    return absl::InternalError(absl::StrFormat("T=%d: the ways disagree", static_cast<int>(T)));

  const double forward = Median(fused.parts["attention"]),
               backward = Median(fused.parts["attention_gradient"]);
  const double forward_rate = FlopsOf(fused.plan, "attention") / forward,
               backward_rate = FlopsOf(fused.plan, "attention_gradient") / backward;
  if (f.json) {
    std::printf(
        "{\"batch\": %d, \"heads\": %d, \"seq\": %d, \"width\": %d, \"threads\": %d, "
        "\"fused_ms\": %.3f, \"forward_ms\": %.3f, \"backward_ms\": %.3f, "
        "\"forward_gflops\": %.1f, \"backward_gflops\": %.1f, \"peak_gflops\": %.1f, "
        "\"forward_of_peak\": %.3f, \"backward_of_peak\": %.3f, \"fused_arena_bytes\": %.0f, "
        "\"written_out_arena_bytes\": %.0f, \"unfused_arena_bytes\": %.0f",
        static_cast<int>(f.batch), static_cast<int>(f.heads), static_cast<int>(T),
        static_cast<int>(f.width), f.threads, 1e3 * Median(fused.seconds), 1e3 * forward,
        1e3 * backward, forward_rate / 1e9, backward_rate / 1e9, peak / 1e9, forward_rate / peak,
        backward_rate / peak, static_cast<double>(fused.plan.arena_bytes()),
        static_cast<double>(written.plan.arena_bytes()),
        static_cast<double>(unfused.plan.arena_bytes()));
    if (all) {
      std::printf(
          ", \"written_out_ms\": %.3f, \"unfused_ms\": %.3f, \"speedup_over_written_out\": %.3f, "
          "\"speedup\": %.3f",
          1e3 * Median(written.seconds), 1e3 * Median(unfused.seconds), Speedup(written, fused),
          Speedup(unfused, fused));
    }
    std::printf("}\n");
    return absl::OkStatus();
  }
  std::printf("%5d %9.2f %8.2f %4.0f%% %8.2f %4.0f%% %9s %6s %9s %6s %8.2f %8.1f %8.1f\n",
              static_cast<int>(T), 1e3 * Median(fused.seconds), 1e3 * forward,
              100 * forward_rate / peak, 1e3 * backward, 100 * backward_rate / peak,
              Field(all, "%.2f", 1e3 * Median(written.seconds)).c_str(),
              Field(all, "%.2fx", all ? Speedup(written, fused) : 0).c_str(),
              Field(all, "%.2f", 1e3 * Median(unfused.seconds)).c_str(),
              Field(all, "%.2fx", all ? Speedup(unfused, fused) : 0).c_str(),
              static_cast<double>(fused.plan.arena_bytes()) / 1e6,
              static_cast<double>(written.plan.arena_bytes()) / 1e6,
              static_cast<double>(unfused.plan.arena_bytes()) / 1e6);
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  RegisterAllCompilers();
  RegisterAllDevices();
  chips::HostOptions host_options;
  host_options.threads = flags.threads;
  STRATA_ASSIGN_OR_RETURN(const chips::Chip chip, chips::MeasureHost(host_options));
  STRATA_ASSIGN_OR_RETURN(const double peak, chips::PeakFlops(chip, chips::F32, /*matmul=*/true));
  DeviceOptions options;
  options.threads = flags.threads;
  STRATA_ASSIGN_OR_RETURN(auto device, DeviceRegistry().Create("cpu", options));
  if (!flags.json) {
    std::printf(
        "causal attention, f32, B=%d H=%d D=%d, %d threads, peak %.0f GFLOP/s; medians of %d\n",
        static_cast<int>(flags.batch), static_cast<int>(flags.heads), static_cast<int>(flags.width),
        flags.threads, peak / 1e9, flags.repeats);
    std::printf("%5s %9s %8s %5s %8s %5s %9s %6s %9s %6s %8s %8s %8s\n", "T", "fused ms", "forward",
                "peak", "backward", "peak", "written", "", "unfused", "", "arena MB", "written",
                "unfused");
  }
  for (int64_t T : flags.sequences)
    STRATA_RETURN_IF_ERROR(RunLength(flags, T, chip, peak, *device));
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) {
  strata::compiler::Flags flags;
  CLI::App app(
      "Causal attention, forward and backward, with and without the pass attention_fusion.");
  app.add_option("--batch", flags.batch, "sequences")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--heads", flags.heads, "heads")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--width", flags.width, "numbers a head")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seq", flags.sequences, "tokens a sequence, one or more")
      ->capture_default_str()
      ->delimiter(',');
  app.add_option("--longest-unfused", flags.longest_unfused,
                 "longest sequence that is also run written out and unfused")
      ->capture_default_str();
  app.add_option("--repeats", flags.repeats, "measured runs of each")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", flags.threads, "threads")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--cpu-time", flags.cpu_time,
               "whole runs in seconds of the processors, with --threads=1: for a machine that is "
               "busy otherwise");
  app.add_flag("--json", flags.json, "one object a line");
  CLI11_PARSE(app, argc, argv);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  const absl::Status status = strata::compiler::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return strata::ExitCode(status);
}
