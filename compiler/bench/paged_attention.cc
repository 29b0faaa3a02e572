// Benchmark: paged attention of a server's steps, on the CPU's own routine.
//
//   bazel run -c opt //compiler/bench:paged_attention                # TinyLlama's heads, f16
//   bazel run -c opt //compiler/bench:paged_attention -- --kv=i8 --heads=32 --kv-heads=4 --width=64 --json
//   bazel run -c opt //compiler/bench:paged_attention -- --cold --heads=12 --kv-heads=12 --contexts=96,160,300
//
// "prefill": rows of one text, each seeing those before it; its rate beside the machine's f32 peak. "decode": one row of
// each of several texts; the bytes of the keys and values that it reads beside the machine's read bandwidth. Both roofs
// are measured in the same process before (on a busy machine: --threads=1 --cpu-time). Slots are in no order, as after a
// while of serving. "cold": a decoding step of many layers, whose keys no cache holds, with reads of other memory between
// them as by products with weights; the median of the layers, beside the seconds that the same threads need to read as
// many cold bytes in one run each, measured in turns.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "chips/spec/host/host.h"
#include "compiler/bench/cold_ring.h"
#include "compiler/kernels/cpu/routine.h"
#include "framework/graph/attributes.h"
#include "framework/graph/host_tensor.h"
#include "framework/graph/ops/all_ops.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;

struct Flags {
  int64_t heads = 32, kv_heads = 4, width = 64, batch = 16;
  std::vector<int64_t> prompts = {128, 512, 1024}, contexts = {512, 2048};
  std::string kv = "f16";
  int page = 16;  // slots that follow each other
  int threads = 2, repeats = 9;
  bool json = false;
  bool cpu_time = false;
  bool cold = false;
};

// Seconds of this process's processors, or of the wall clock.
double Now(bool cpu_time) {
  timespec time{};
  clock_gettime(cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

chips::DType TypeOfCache(const std::string& name) {
  static const std::map<std::string, chips::DType> types = {
      {"f32", chips::F32}, {"f16", chips::F16}, {"bf16", chips::BF16}, {"i8", chips::I8}};
  return types.at(name);
}

struct Roofs {
  double flops = 0, bytes = 0;  // a second
};

absl::StatusOr<Roofs> Measure(int threads) {
  chips::HostOptions options;
  options.threads = threads;
  options.quick = true;
  STRATA_ASSIGN_OR_RETURN(const chips::Chip chip, chips::MeasureHost(options));
  Roofs roofs;
  for (const chips::ComputeRate& rate : chip.rates()) {
    if (rate.dtype() == chips::F32)
      roofs.flops = std::max(roofs.flops, rate.flops_per_second().value());
  }
  for (const chips::MemoryLevel& memory : chip.memories()) {
    if (memory.kind() == chips::MAIN_MEMORY)
      roofs.bytes = memory.bandwidth_bytes_per_second().value();
  }
  return roofs;
}

// A pool filled with small numbers, and texts of `length` slots in pages of no order.
class Step {
 public:
  Step(const Flags& flags, int64_t texts, int64_t length, int64_t rows) : flags_(flags) {
    const int64_t pages = (length + flags.page - 1) / flags.page,
                  slots = (texts * pages + 1) * flags.page;
    dtype_ = TypeOfCache(flags.kv);
    Add(chips::F32, {rows, flags.heads, flags.width});
    for (int i = 0; i < 2; ++i) Add(dtype_, {slots, flags.kv_heads, flags.width});
    for (int i = 0; i < 2 && dtype_ == chips::I8; ++i) Add(chips::F32, {slots, flags.kv_heads});
    std::vector<int32_t> order(static_cast<size_t>(texts * pages));
    std::iota(order.begin(), order.end(), 1);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
    HostTensor views = HostTensor::Allocate(chips::I32, {texts, length});
    for (int64_t t = 0; t < texts; ++t) {
      for (int64_t j = 0; j < length; ++j) {
        const int64_t page = order[static_cast<size_t>(t * pages + j / flags.page)];
        views.data<int32_t>()[t * length + j] =
            static_cast<int32_t>(page * flags.page + j % flags.page);
      }
    }
    inputs_.push_back(views);
    HostTensor row_view = HostTensor::Zeros(chips::I32, {rows});
    HostTensor row_length = HostTensor::Zeros(chips::I32, {rows});
    for (int64_t r = 0; r < rows; ++r) {
      row_view.data<int32_t>()[r] = static_cast<int32_t>(texts == 1 ? 0 : r);
      const int64_t seen = texts == 1 ? length - rows + r + 1 : length;
      row_length.data<int32_t>()[r] = static_cast<int32_t>(seen);
      keys_ += static_cast<double>(seen);
    }
    inputs_.push_back(row_view);
    inputs_.push_back(row_length);
  }

  // Of a run whose keys caches hold as far as they can: the best.
  absl::StatusOr<double> Seconds() {
    STRATA_ASSIGN_OR_RETURN(const RoutineFunction run, Prepare());
    double best = 1e9;
    for (int i = 0; i < flags_.repeats; ++i) {
      const double start = Now(flags_.cpu_time);
      STRATA_RETURN_IF_ERROR(run(buffers_.data()));
      best = std::min(best, Now(flags_.cpu_time) - start);
    }
    return best;
  }

  struct Cold {
    double seconds = 0, read_seconds = 0;
  };
  // Of a run whose keys no cache holds, and of reads of as many bytes: medians.
  absl::StatusOr<Cold> ColdSeconds() {
    STRATA_ASSIGN_OR_RETURN(const RoutineFunction run, Prepare());
    const size_t caches = dtype_ == chips::I8 ? 4 : 2;
    size_t piece = 0;
    for (size_t i = 1; i <= caches; ++i) piece += inputs_[i].size_bytes();
    ColdRing ring(piece, flags_.threads);
    std::vector<double> seconds, reads;
    for (int i = 0; i < std::max(64, ring.pieces()); ++i) {
      char* at = ring.piece(i);
      for (size_t k = 1; k <= caches; at += inputs_[k++].size_bytes()) buffers_[k] = at;
      ring.Between();
      const double start = Now(flags_.cpu_time);
      STRATA_RETURN_IF_ERROR(run(buffers_.data()));
      seconds.push_back(Now(flags_.cpu_time) - start);
      if (i % 8 == 7) reads.push_back(ring.ReadSeconds());
    }
    return Cold{Median(seconds), Median(reads)};
  }

  // Two products of a pair of query and key.
  double flops() const { return keys_ * static_cast<double>(4 * flags_.heads * flags_.width); }
  // Keys and values of all texts, once.
  double cache_bytes() const {
    const double row =
        static_cast<double>(flags_.width) * static_cast<double>(chips::SizeOf(dtype_)) +
        (dtype_ == chips::I8 ? 4 : 0);
    return keys_ * 2 * static_cast<double>(flags_.kv_heads) * row;
  }

 private:
  // The routine; buffers_ are its inputs and output.
  absl::StatusOr<RoutineFunction> Prepare() {
    graph::RegisterAllOps();
    graph::Node node;
    node.set_op("paged_attention");
    graph::SetAttributes({{"scale", graph::Attr(0.125)}}, &node);
    graph::OpCall call{&node, {}, {}};
    for (const HostTensor& input : inputs_) {
      call.inputs.push_back(
          {input.dtype(), graph::Shape(input.dims().begin(), input.dims().end())});
      buffers_.push_back(input.raw());
    }
    STRATA_ASSIGN_OR_RETURN(call.outputs,
                            graph::InferTypes(*graph::OpRegistry::Get().Find(node.op()), call));
    y_ = HostTensor::Allocate(chips::F32, call.outputs[0].dims());
    buffers_.push_back(y_.raw());
    return FindRoutine(node.op())->prepare(call, flags_.threads);
  }
  void Add(chips::DType dtype, std::vector<int64_t> dims) {
    HostTensor tensor = HostTensor::Allocate(dtype, std::move(dims));
    // Bytes 0x2c are small numbers in every dtype.
    std::fill_n(tensor.data<char>(), tensor.size_bytes(), '\x2c');
    inputs_.push_back(tensor);
  }

  const Flags& flags_;
  chips::DType dtype_;
  std::vector<HostTensor> inputs_;
  HostTensor y_;
  std::vector<void*> buffers_;
  double keys_ = 0;  // pairs of row and key
};

void Print(const Flags& flags, const char* phase, int64_t rows, int64_t keys, double seconds,
           double rate, double roof, const char* unit) {
  if (flags.json) {
    std::printf(
        "{\"phase\": \"%s\", \"kv\": \"%s\", \"rows\": %lld, \"keys\": %lld, \"threads\": %d, "
        "\"microseconds\": %.1f, \"rate\": %.4g, \"fraction_of_roof\": %.3f, \"unit\": \"%s\"}\n",
        phase, flags.kv.c_str(), static_cast<long long>(rows), static_cast<long long>(keys),
        flags.threads, 1e6 * seconds, rate, rate / roof, unit);
    return;
  }
  std::printf("%-8s %6lld %6lld %10.1f us %8.2f G%s %6.1f %% of %.1f\n", phase,
              static_cast<long long>(rows), static_cast<long long>(keys), 1e6 * seconds,
              1e-9 * rate, unit, 100 * rate / roof, 1e-9 * roof);
}

absl::Status RunCold(const Flags& flags) {
  for (int64_t batch : {int64_t{1}, flags.batch}) {
    for (int64_t context : flags.contexts) {
      Step step(flags, batch, context, batch);
      STRATA_ASSIGN_OR_RETURN(const Step::Cold cold, step.ColdSeconds());
      Print(flags, "cold", batch, context, cold.seconds, step.cache_bytes() / cold.seconds,
            step.cache_bytes() / cold.read_seconds, "B/s");
    }
  }
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  if (flags.cold) return RunCold(flags);
  STRATA_ASSIGN_OR_RETURN(const Roofs roofs, Measure(flags.threads));
  if (!flags.json) {
    std::printf("%lld heads of %lld on %lld key heads, kv in %s, %d threads; best of %d\n",
                static_cast<long long>(flags.heads), static_cast<long long>(flags.width),
                static_cast<long long>(flags.kv_heads), flags.kv.c_str(), flags.threads,
                flags.repeats);
    std::printf("%-8s %6s %6s\n", "phase", "rows", "keys");
  }
  for (int64_t prompt : flags.prompts) {
    Step step(flags, 1, prompt, prompt);
    STRATA_ASSIGN_OR_RETURN(const double seconds, step.Seconds());
    Print(flags, "prefill", prompt, prompt, seconds, step.flops() / seconds, roofs.flops, "FLOP/s");
  }
  for (int64_t batch : {int64_t{1}, flags.batch}) {
    for (int64_t context : flags.contexts) {
      Step step(flags, batch, context, batch);
      STRATA_ASSIGN_OR_RETURN(const double seconds, step.Seconds());
      Print(flags, "decode", batch, context, seconds, step.cache_bytes() / seconds, roofs.bytes,
            "B/s");
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) {
  strata::compiler::Flags flags;
  CLI::App app("Paged attention: prefill beside the f32 peak, decode beside the read bandwidth.");
  app.add_option("--heads", flags.heads, "query heads")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--kv-heads", flags.kv_heads, "key heads; must divide the query heads")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--width", flags.width, "elements of a head")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--kv", flags.kv, "how keys and values are kept")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "f16", "bf16", "i8"}));
  app.add_option("--prompts", flags.prompts, "lengths of prompts")
      ->capture_default_str()
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--contexts", flags.contexts, "keys that a decoding row sees")
      ->capture_default_str()
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  app.add_option("--batch", flags.batch, "texts that decode together")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--page", flags.page, "slots that follow each other")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--threads", flags.threads, "threads")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--repeats", flags.repeats, "runs, of which the best counts")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_flag("--cpu-time", flags.cpu_time,
               "count this process's processors instead of the wall clock: on a busy machine, "
               "with --threads=1");
  app.add_flag("--cold", flags.cold,
               "decode with keys that no cache holds, beside reads of as many bytes");
  app.add_flag("--json", flags.json, "one object a line");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::compiler::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
