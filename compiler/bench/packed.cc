// Benchmark: products with packed weights beside this machine's roofs, measured in turn in one process.
//
//   bazel run -c opt //compiler/bench:packed -- --format=q8_0 --rows=1 --rows=512
//   bazel run -c opt //compiler/bench:packed -- --shape=2048x5632 --threads=2 --json
//
// Weights rotate through more memory than caches hold, as the layers of a model do.
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "chips/numerics/packed_rows.h"
#include "chips/numerics/weight_format.h"
#include "chips/spec/host/rate_kernels.h"
#include "chips/spec/host/read_kernel.h"
#include "compiler/kernels/cpu/packed_product.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {
namespace {

using chips::WeightFormat;

struct Flags {
  std::vector<std::string> formats = {"q8_0", "q4_0", "q4_k", "q6_k", "bf16", "f32"};
  std::vector<std::string> shapes = {"2048x2048", "2048x256", "2048x5632", "5632x2048",
                                     "2048x32000"};
  std::vector<int64_t> rows = {1, 8, 16, 512};
  std::string layout = "rows16";
  int threads = 2;
  int rounds = 7;
  int megabytes = 256;
  bool json = false;
};

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
template <typename F>
double Seconds(const F& f) {
  const double start = Now();
  f();
  return Now() - start;
}

// Copies of one matrix of random weights, more than caches hold.
struct Ring {
  Ring(const WeightFormat& format, bool rows16, int64_t N, int64_t K, int64_t megabytes,
       int threads)
      : row_bytes(chips::RowBytes(format, K)) {
    std::vector<float> values(static_cast<size_t>(16 * K));
    uint32_t state = 5;
    for (float& v : values) {
      state = state * 1664525u + 1013904223u;
      v = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
    }
    std::vector<uint8_t> rows(static_cast<size_t>(N * row_bytes));
    for (int64_t n = 0; n < N; ++n) {
      uint8_t* row = rows.data() + n * row_bytes;
      if (n < 16) chips::EncodeRow(format, values.data() + n * K, K, row);
      if (n >= 16) std::memcpy(row, row - 16 * row_bytes, static_cast<size_t>(row_bytes));
    }
    const int64_t groups = chips::PackedGroups(N), group = chips::GroupBytes(format, K);
    bytes = rows16 ? groups * group : N * row_bytes;
    copies = std::max<int64_t>(1, ((megabytes << 20) + bytes - 1) / bytes);
    memory = graph::HostTensor::Allocate(chips::U8, {copies * bytes});
    for (int64_t c = 0; c < copies; ++c) {
      uint8_t* copy = memory.data<uint8_t>() + c * bytes;
      if (!rows16) {
        std::memcpy(copy, rows.data(), static_cast<size_t>(bytes));
        continue;
      }
      pack_seconds += Seconds([&] {
#pragma omp parallel for num_threads(threads)
        for (int64_t g = 0; g < groups; ++g)
          chips::PackRows(format, rows.data(), N, K, g, 1, copy + g * group);
      });
    }
  }
  const uint8_t* Next() { return memory.data<uint8_t>() + (at++ % copies) * bytes; }

  int64_t row_bytes, bytes = 0, copies = 0, at = 0;
  double pack_seconds = 0;
  graph::HostTensor memory;
};

// Operations a second of the kernel's instruction on all threads.
double PeakOnce(chips::DType dtype, int threads) {
  for (const chips::RateKernel& kernel : chips::RateKernels()) {
    if (kernel.dtype != dtype || !kernel.available()) continue;
    constexpr int64_t kIterations = 100000;
    const double seconds = Seconds([&] {
#pragma omp parallel num_threads(threads)
      kernel.run(kIterations);
    });
    return 2.0 * kernel.multiply_adds * kIterations * threads / seconds;
  }
  return 0;
}

double ReadOnce(const Ring& ring, int threads) {
  const int64_t bytes = ring.copies * ring.bytes / threads / 4096 * 4096;
  const double seconds = Seconds([&] {
#pragma omp parallel for num_threads(threads)
    for (int t = 0; t < threads; ++t)
      chips::ReadAll(ring.memory.data<uint8_t>() + t * bytes, static_cast<size_t>(bytes));
  });
  return static_cast<double>(bytes) * threads / seconds;
}

struct Row {
  const WeightFormat* format = nullptr;
  int64_t M = 0, N = 0, K = 0;
  double bytes = 0;           // of weights a product
  double seconds = 1e9;       // the fastest of all
  double peak = 0, read = 0;  // operations and bytes a second
  double pack_rate = 0;       // packed bytes a second
  std::string kernel;

  double Operations() const {
    return 2.0 * static_cast<double>(M) * static_cast<double>(N) * static_cast<double>(K);
  }
  double PeakFraction() const { return Operations() / seconds / peak; }
  double ReadFraction() const { return bytes / seconds / read; }
};

chips::DType PeakType(const WeightFormat& format) {
  switch (format.activations) {
    case chips::Activations::kQ8:
      return chips::I8;
    case chips::Activations::kBf16:
      return chips::BF16;
    default:
      return chips::F32;
  }
}

Row Measure(const Flags& flags, const WeightFormat& format, int64_t M, int64_t N, int64_t K) {
  Row row;
  row.format = &format;
  row.M = M;
  row.N = N;
  row.K = K;
  const bool rows16 = flags.layout == "rows16";
  Ring ring(format, rows16, N, K, flags.megabytes, flags.threads);
  row.bytes = static_cast<double>(ring.bytes);
  if (rows16) row.pack_rate = row.bytes * static_cast<double>(ring.copies) / ring.pack_seconds;
  std::vector<float> x(static_cast<size_t>(M * K)), y(static_cast<size_t>(M * N));
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 37 % 101) / 50.0f - 1.0f;
  std::vector<const float*> from;
  std::vector<float*> to;
  for (int64_t m = 0; m < M; ++m) {
    from.push_back(x.data() + m * K);
    to.push_back(y.data() + m * N);
  }
  const PackedProduct product(format, rows16, K, flags.threads);
  row.kernel = product.kernel().name;
  // A round is 30 ms of products, timed by the millisecond: others on the machine disturb some of them only.
  const double guess = row.Operations() / 4e11 + row.bytes / 4e10;
  const int64_t together = std::max<int64_t>(1, static_cast<int64_t>(0.001 / guess));
  const int64_t slices =
      std::max<int64_t>(1, static_cast<int64_t>(0.03 / guess / static_cast<double>(together)));
  product.Run({{ring.Next(), N, 0, M, to.data()}}, from);
  for (int round = 0; round < flags.rounds; ++round) {
    row.peak = std::max(row.peak, PeakOnce(PeakType(format), flags.threads));
    row.read = std::max(row.read, ReadOnce(ring, flags.threads));
    for (int64_t slice = 0; slice < slices; ++slice) {
      const double seconds = Seconds([&] {
        for (int64_t i = 0; i < together; ++i)
          product.Run({{ring.Next(), N, 0, M, to.data()}}, from);
      });
      row.seconds = std::min(row.seconds, seconds / static_cast<double>(together));
    }
  }
  return row;
}

void Print(const Flags& flags, const Row& row) {
  const double gops = row.Operations() / row.seconds / 1e9, gbs = row.bytes / row.seconds / 1e9;
  if (flags.json) {
    std::printf(
        "{\"format\": \"%s\", \"layout\": \"%s\", \"kernel\": \"%s\", \"threads\": %d, \"m\": %ld, "
        "\"n\": %ld, \"k\": %ld, \"microseconds\": %.2f, \"gops\": %.2f, \"peak_gops\": %.1f, "
        "\"fraction_of_peak\": %.4f, \"gbytes_per_second\": %.2f, \"read_gbytes_per_second\": "
        "%.2f, \"fraction_of_read\": %.4f, \"fraction_of_roof\": %.4f, "
        "\"pack_gbytes_per_second\": %.2f}\n",
        row.format->name, flags.layout.c_str(), row.kernel.c_str(), flags.threads,
        static_cast<long>(row.M), static_cast<long>(row.N), static_cast<long>(row.K),
        row.seconds * 1e6, gops, row.peak / 1e9, row.PeakFraction(), gbs, row.read / 1e9,
        row.ReadFraction(), std::max(row.PeakFraction(), row.ReadFraction()), row.pack_rate / 1e9);
  } else {
    std::printf(
        "%-6s %4ld x %5ld x %5ld %10.1f us %8.1f GOP/s %5.1f %% of %6.1f %7.2f GB/s %5.1f %% of "
        "%5.1f  pack %5.1f GB/s\n",
        row.format->name, static_cast<long>(row.M), static_cast<long>(row.K),
        static_cast<long>(row.N), row.seconds * 1e6, gops, 100 * row.PeakFraction(), row.peak / 1e9,
        gbs, 100 * row.ReadFraction(), row.read / 1e9, row.pack_rate / 1e9);
  }
  std::fflush(stdout);
}

absl::Status Run(const Flags& flags) {
  if (!flags.json)
    std::printf("format    M x     K x     N; %d threads, the fastest millisecond of %d rounds\n",
                flags.threads, flags.rounds);
  for (const std::string& name : flags.formats) {
    STRATA_ASSIGN_OR_RETURN(const WeightFormat* format, chips::FindWeightFormat(name));
    for (const std::string& shape : flags.shapes) {
      const std::vector<std::string> sizes = absl::StrSplit(shape, 'x');
      int64_t K = 0, N = 0;
      if (sizes.size() != 2 || !absl::SimpleAtoi(sizes[0], &K) || !absl::SimpleAtoi(sizes[1], &N) ||
          K <= 0 || N <= 0 || K % format->block != 0) {
        return absl::InvalidArgumentError(absl::StrCat("--shape: '", shape,
                                                       "' is not KxN with K a multiple of ",
                                                       format->block, ", as in 2048x5632"));
      }
      for (int64_t M : flags.rows) Print(flags, Measure(flags, *format, M, N, K));
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) {
  strata::compiler::Flags flags;
  CLI::App app(
      "Products with packed weights beside the machine's peak and read bandwidth, in turn in one "
      "process; the fastest of each.");
  app.add_option("--format", flags.formats, "weight formats: q8_0, q4_k, bf16, ...")
      ->capture_default_str();
  app.add_option("--shape", flags.shapes, "KxN: N rows of K weights")->capture_default_str();
  app.add_option("--rows", flags.rows, "rows of x")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 16));
  app.add_option("--layout", flags.layout, "of the weights")
      ->capture_default_str()
      ->check(CLI::IsMember({"rows", "rows16"}));
  app.add_option("--threads", flags.threads, "threads")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_option("--rounds", flags.rounds, "rounds of 30 ms; the fastest millisecond counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--megabytes", flags.megabytes, "of weights to rotate through")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 16));
  app.add_flag("--json", flags.json, "one JSON object a row");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::compiler::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "packed: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
