// Benchmark: grouped products of a mixture of experts beside one product of as many rows (what the flops cost at best)
// and beside experts in buffers for the busiest of them (what no dropping costs with padding), measured in turn in one
// process; the fastest of each.
//
//   bazel run -c opt //compiler/bench:grouped -- --rows=4096 --experts=8 --skew=1 --json
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/status.h"
#include "compiler/kernels/cpu/routine.h"
#include "framework/graph/host_tensor.h"
#include "framework/graph/ops/all_ops.h"

namespace strata::compiler {
namespace {

using graph::HostTensor;
using graph::Shape;

struct Flags {
  int64_t rows = 2048, experts = 8, in = 512, out = 1024;
  double skew = 1;
  int threads = 2, rounds = 9;
  bool json = false;
};

// Rows by expert: expert e has a share of (e + 1)^-skew.
std::vector<int32_t> OffsetsOf(const Flags& flags) {
  std::vector<double> shares;
  for (int64_t e = 0; e < flags.experts; ++e)
    shares.push_back(std::pow(static_cast<double>(e + 1), -flags.skew));
  const double all = std::accumulate(shares.begin(), shares.end(), 0.0);
  std::vector<int32_t> offsets = {0};
  double sum = 0;
  for (double share : shares) {
    sum += share;
    offsets.push_back(
        static_cast<int32_t>(std::lround(sum / all * static_cast<double>(flags.rows))));
  }
  return offsets;
}

HostTensor Numbers(std::vector<int64_t> dims) {
  HostTensor tensor = HostTensor::Allocate(chips::F32, std::move(dims));
  for (int64_t i = 0; i < tensor.elements(); ++i)
    tensor.data<float>()[i] = static_cast<float>(i * 37 % 101) / 50.0f - 1.0f;
  return tensor;
}

// One routine on its operands, ready to run.
class Product {
 public:
  static absl::StatusOr<Product> Create(const std::string& op, std::vector<HostTensor> inputs,
                                        int threads) {
    Product product;
    product.inputs_ = std::move(inputs);
    graph::Node node;
    node.set_op(op);
    graph::OpCall call{&node, {}, {}};
    for (const HostTensor& input : product.inputs_)
      call.inputs.push_back({input.dtype(), Shape(input.dims().begin(), input.dims().end())});
    STRATA_ASSIGN_OR_RETURN(call.outputs,
                            graph::InferTypes(*graph::OpRegistry::Get().Find(op), call));
    STRATA_ASSIGN_OR_RETURN(product.run_, FindRoutine(op)->prepare(call, threads));
    product.output_ = HostTensor::Zeros(chips::F32, call.outputs[0].dims());
    for (const HostTensor& input : product.inputs_) product.buffers_.push_back(input.raw());
    product.buffers_.push_back(product.output_.raw());
    return product;
  }

  // Runs it once and keeps the fastest time.
  absl::Status Time() {
    const auto start = std::chrono::steady_clock::now();
    STRATA_RETURN_IF_ERROR(run_(buffers_.data()));
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    seconds = std::min(seconds, spent.count());
    return absl::OkStatus();
  }

  double seconds = 1e9;

 private:
  std::vector<HostTensor> inputs_;
  HostTensor output_;
  std::vector<void*> buffers_;
  RoutineFunction run_;
};

absl::Status Run(const Flags& flags) {
  graph::RegisterAllOps();
  omp_set_num_threads(flags.threads);
  const std::vector<int32_t> offsets = OffsetsOf(flags);
  int64_t busiest = 0;
  for (size_t e = 0; e + 1 < offsets.size(); ++e)
    busiest = std::max<int64_t>(busiest, offsets[e + 1] - offsets[e]);
  const int64_t R = flags.rows, E = flags.experts, K = flags.in, N = flags.out;
  STRATA_ASSIGN_OR_RETURN(
      Product grouped,
      Product::Create("grouped_matmul",
                      {Numbers({1, R, K}), HostTensor::FromVector<int32_t>({1, E + 1}, offsets),
                       Numbers({E, K, N})},
                      flags.threads));
  STRATA_ASSIGN_OR_RETURN(
      Product plain, Product::Create("matmul", {Numbers({R, K}), Numbers({K, N})}, flags.threads));
  STRATA_ASSIGN_OR_RETURN(
      Product padded,
      Product::Create("matmul", {Numbers({E, busiest, K}), Numbers({E, K, N})}, flags.threads));
  for (int round = 0; round < flags.rounds; ++round) {
    for (Product* product : {&grouped, &plain, &padded}) STRATA_RETURN_IF_ERROR(product->Time());
  }
  const double flops = 2.0 * static_cast<double>(R) * static_cast<double>(K * N);
  std::printf(flags.json
                  ? "{\"rows\": %ld, \"experts\": %ld, \"busiest\": %ld, \"grouped_gflops\": %.1f, "
                    "\"of_one_product\": %.3f, \"faster_than_padded\": %.2f}\n"
                  : "%ld rows, %ld experts, busiest %ld: grouped %.1f GFLOP/s, %.3f of one product "
                    "of all rows, %.2f times as fast as padded buffers\n",
              static_cast<long>(R), static_cast<long>(E), static_cast<long>(busiest),
              flops / grouped.seconds / 1e9, plain.seconds / grouped.seconds,
              padded.seconds / grouped.seconds);
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) {
  strata::compiler::Flags flags;
  CLI::App app(
      "Grouped products of a mixture of experts beside one product of all rows and beside padded "
      "buffers, in turn in one process; the fastest of each.");
  app.add_option("--rows", flags.rows, "token rows of all experts")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--experts", flags.experts, "experts")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  app.add_option("--in", flags.in, "features of a row")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 16));
  app.add_option("--out", flags.out, "features of a result")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 16));
  app.add_option("--skew", flags.skew, "expert e has a share of (e + 1)^-skew; 0: all the same")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 10.0));
  app.add_option("--threads", flags.threads, "threads")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_option("--rounds", flags.rounds, "runs of each; the fastest counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_flag("--json", flags.json, "one JSON object");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::compiler::Run(flags);
  if (!status.ok()) std::fprintf(stderr, "grouped: %s\n", std::string(status.message()).c_str());
  return strata::ExitCode(status);
}
