// Benchmark: fused kernels as the compiler emits them (graph, passes, fusion, C, the system's compiler, dlopen), one
// thread, operands in the cache, each beside its roof.
//
//   bazel run -c opt //compiler/bench:fused              # a table
//   bazel run -c opt //compiler/bench:fused -- --json    # one object a line
//
// The roof is the slower of two bounds, both of this machine as measured at start-up: the counted bytes at the read
// bandwidth of the cache that holds the operands, and the counted vector instructions at twice the rate of fused
// multiply-adds (cores of the last years have as many other vector pipes as multiply-add pipes).
//
// Where LayerNorm's cycles go on a Zen 4 core at 3.66 GHz, 64 rows of 768, its loops written by hand as they are emitted: a
// loop that only copies the rows takes 12.6 thousand cycles, as lines go between the first and the second cache at 2.0
// cycles a line read and 2.0 a line written. Two more passes over rows that are in the first cache load a vector a cycle,
// 3.1 thousand cycles each, and gamma and beta once for four rows 1.5 thousand: 20.3 of 22 thousand. Neither asking ahead
// for the next rows or the lines of the results, nor a pass of the next rows beside one of these, nor 1, 2 or 8 rows side
// by side gained more than 5 %. Sums of squares in the first pass save a pass and 14 %, and lose digits where the mean is
// large.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "chips/cost/roofline.h"
#include "chips/spec/host/host.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/driver/compiler.h"
#include "compiler/loop/lower.h"
#include "compiler/loop/schedule.h"
#include "compiler/loop/vector_work.h"
#include "framework/graph/builder.h"
#include "framework/graph/host_tensor.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::HostTensor;
using graph::ValueId;

struct Flags {
  int64_t rows = 64;
  int repeats = 200;
  bool json = false;
};

// `target`: microseconds asked of 64 rows on a Zen 5 core with full 512-bit units; `earlier`: what emitted vectors took
// there before.
struct Case {
  std::string name;
  int64_t columns;
  double earlier, target;
  ValueId (*make)(Builder& b, ValueId x, int64_t columns);
};

ValueId LayerNorm(Builder& b, ValueId x, int64_t columns) {
  const ValueId gamma = b.Input("gamma", {chips::F32, {columns}}, graph::DATA),
                beta = b.Input("beta", {chips::F32, {columns}}, graph::DATA);
  return b.Apply("layer_norm", {x, gamma, beta}, {{"epsilon", Attr(1e-5)}});
}

ValueId BiasGelu(Builder& b, ValueId x, int64_t columns) {
  const ValueId bias = b.Input("bias", {chips::F32, {columns}}, graph::DATA);
  return b.Apply("gelu", {b.Apply("add", {x, bias})}, {{"approximate", Attr(true)}});
}

ValueId Softmax(Builder& b, ValueId x, int64_t) { return b.Apply("softmax", {x}); }

const std::vector<Case>& Cases() {
  static const auto* cases = new std::vector<Case>{{"layer_norm", 768, 4.6, 3.5, LayerNorm},
                                                   {"bias_gelu", 768, 14.1, 12.5, BiasGelu},
                                                   {"softmax", 1024, 18.8, 16.0, Softmax}};
  return *cases;
}

struct Result {
  double microseconds = 0, bytes = 0, flops = 0;
  loop::VectorWork work;
  double memory_roof = 0, arithmetic_roof = 0;  // microseconds
  std::string cache;                            // that holds the operands
  double roof() const { return std::max(memory_roof, arithmetic_roof); }
};

// The one kernel of a plan, loaded, with its operands.
struct Loaded {
  std::shared_ptr<KernelLibrary> library;
  KernelEntry* entry = nullptr;
  int64_t extent = 0;
  std::vector<HostTensor> tensors;
  std::vector<void*> buffers;
};

HostTensor Random(const graph::TensorType& type, uint32_t seed) {
  HostTensor tensor = HostTensor::Allocate(type.dtype, type.dims());
  uint32_t state = seed * 2654435761u + 1;
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    state = state * 1664525u + 1013904223u;
    tensor.data<float>()[i] = static_cast<float>(state >> 8) / 4194304.0f - 2.0f;  // [-2, 2)
  }
  return tensor;
}

absl::StatusOr<Loaded> Load(const graph::Graph& graph, const plan::Plan& plan) {
  if (plan.steps_size() != 1 || !plan.steps(0).has_launch()) {
    return absl::InternalError(
        absl::StrCat("the plan has ", plan.steps_size(), " steps; one fused kernel was expected"));
  }
  Loaded loaded;
  const plan::Kernel& kernel = plan.kernels(static_cast<int>(plan.steps(0).launch().kernel()));
  STRATA_ASSIGN_OR_RETURN(
      loaded.library, KernelLibrary::Build(plan.prelude(), {kernel.source()}, plan.target().isa(),
                                           DefaultCacheDir(), 1));
  loaded.entry = reinterpret_cast<KernelEntry*>(loaded.library->Find(kernel.entry()));
  if (loaded.entry == nullptr) return absl::InternalError("no symbol " + kernel.entry());
  loaded.extent = kernel.parallel_extent();
  const auto add = [&](uint32_t value) {
    loaded.tensors.push_back(
        Random(graph::TypeOf(graph.values(static_cast<int>(value))), value + 1));
    loaded.buffers.push_back(loaded.tensors.back().raw());
  };
  for (const graph::Input& input : graph.inputs()) add(input.value());
  for (const graph::Output& output : graph.outputs()) add(output.value());
  return loaded;
}

// Of the thread's own processor time, so that other programs on the machine disturb little.
double ThreadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Microseconds of one call: the least over `repeats` trials of enough calls to be timed.
double Measure(const Loaded& loaded, int repeats) {
  constexpr int kCalls = 20;
  double best = std::numeric_limits<double>::infinity();
  for (int trial = 0; trial < repeats; ++trial) {
    const double start = ThreadSeconds();
    for (int call = 0; call < kCalls; ++call) loaded.entry(loaded.buffers.data(), 0, loaded.extent);
    best = std::min(best, 1e6 * (ThreadSeconds() - start) / kCalls);
  }
  return best;
}

// The nearest level with a measured bandwidth that holds `bytes`.
const chips::MemoryLevel& Holder(const chips::Chip& chip, double bytes) {
  for (const chips::MemoryLevel& level : chip.memories()) {
    if (level.capacity_bytes().value() >= bytes && level.has_bandwidth_bytes_per_second())
      return level;
  }
  return *chip.memories().rbegin();
}

absl::Status AddRoof(const chips::Chip& chip, Result* result) {
  STRATA_ASSIGN_OR_RETURN(const double peak, chips::PeakFlops(chip, chips::F32, /*matmul=*/false));
  const chips::MemoryLevel& level = Holder(chip, result->bytes);
  result->cache = level.name();
  result->memory_roof = 1e6 * result->bytes / level.bandwidth_bytes_per_second().value();
  const double vectors_per_second = 2 * peak / (2 * loop::kLanes);
  result->arithmetic_roof = 1e6 * result->work.arithmetic / vectors_per_second;
  return absl::OkStatus();
}

absl::StatusOr<Result> RunCase(const Case& c, const Flags& flags, const chips::Chip& chip) {
  Builder b(c.name);
  const ValueId x = b.Input("x", {chips::F32, {flags.rows, c.columns}}, graph::DATA);
  b.Output(c.make(b, x, c.columns), "y");
  STRATA_ASSIGN_OR_RETURN(const graph::Graph graph, std::move(b).Build());

  STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));
  graph::Graph fused;
  CompileOptions options;
  options.observer = [&](absl::string_view, bool, const graph::Graph& g) { fused = g; };
  STRATA_ASSIGN_OR_RETURN(const plan::Plan plan, compiler->Compile(graph, chip, options));
  STRATA_ASSIGN_OR_RETURN(const Loaded loaded, Load(graph, plan));
  STRATA_ASSIGN_OR_RETURN(loop::Computation computation, loop::Lower(fused.nodes(0).regions(0)));
  STRATA_ASSIGN_OR_RETURN(const loop::Nest nest, loop::Schedule(std::move(computation)));

  Result result;
  result.work = loop::CountVectorWork(nest);
  result.flops = plan.steps(0).flops();
  result.bytes = plan.steps(0).bytes_read() + plan.steps(0).bytes_written();
  STRATA_RETURN_IF_ERROR(AddRoof(chip, &result));
  result.microseconds = Measure(loaded, flags.repeats);
  return result;
}

void PrintJson(const Case& c, const Flags& flags, const Result& r) {
  std::string json = absl::StrFormat(
      "{\"kernel\": \"%s\", \"rows\": %d, \"columns\": %d, \"threads\": 1, \"microseconds\": %.3f, "
      "\"flops\": %.0f, \"bytes\": %.0f, \"vector_loads\": %.0f, \"vector_stores\": %.0f, "
      "\"vector_arithmetic\": %.0f, \"memory_roof_microseconds\": %.3f, \"cache\": \"%s\", "
      "\"arithmetic_roof_microseconds\": %.3f, \"fraction_of_roof\": %.3f",
      c.name, flags.rows, c.columns, r.microseconds, r.flops, r.bytes, r.work.loads, r.work.stores,
      r.work.arithmetic, r.memory_roof, r.cache, r.arithmetic_roof, r.roof() / r.microseconds);
  if (flags.rows == 64) {
    absl::StrAppendFormat(
        &json, ", \"zen5_earlier_microseconds\": %.1f, \"zen5_target_microseconds\": %.1f",
        c.earlier, c.target);
  }
  std::printf("%s}\n", json.c_str());
}

void PrintRow(const Case& c, const Result& r) {
  std::printf(
      "%-12s %6d %9.2f %8.2f %8.1f %8.2f %8.2f %6.0f%%  %s\n", c.name.c_str(),
      static_cast<int>(c.columns), r.microseconds, r.flops / r.microseconds / 1e3,
      r.bytes / r.microseconds / 1e3, r.memory_roof, r.arithmetic_roof,
      100 * r.roof() / r.microseconds,
      r.memory_roof > r.arithmetic_roof ? (r.cache + " reads").c_str() : "vector arithmetic");
}

absl::Status Run(const Flags& flags) {
  RegisterAllCompilers();
  chips::HostOptions host_options;
  host_options.threads = 1;
  STRATA_ASSIGN_OR_RETURN(const chips::Chip chip, chips::MeasureHost(host_options));
  if (!flags.json) {
    std::printf("%d rows, 1 thread\n%-12s %6s %9s %8s %8s %8s %8s %7s\n",
                static_cast<int>(flags.rows), "kernel", "width", "us", "GFLOP/s", "GB/s", "memory",
                "vectors", "roof");
  }
  for (const Case& c : Cases()) {
    absl::StatusOr<Result> result = RunCase(c, flags, chip);
    if (!result.ok()) return Annotate(result.status(), c.name);
    flags.json ? PrintJson(c, flags, *result) : PrintRow(c, *result);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) {
  strata::compiler::Flags flags;
  CLI::App app(
      "Fused kernels (LayerNorm, bias + GELU, softmax) as emitted, on one thread, beside their "
      "roofs.");
  app.add_option("--rows", flags.rows, "rows of each operand")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--repeats", flags.repeats, "trials; the best counts")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--json", flags.json, "one object a line");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::compiler::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return strata::ExitCode(status);
}
