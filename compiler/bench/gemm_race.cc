#include "compiler/bench/gemm_race.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>

#include "compiler/codegen/isa.h"
#include "compiler/gemm/runner.h"
#include "compiler/kernels/cpu/gemm.h"
#include "compiler/kernels/cpu/gemm_onednn.h"

namespace strata::compiler {
namespace {

constexpr size_t kFewestRounds = 5;
constexpr size_t kMostRounds = 400;

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Numbers in [-1, 1), in the operands' format.
std::vector<char> MakeOperand(int64_t count, chips::DType dtype, uint32_t seed) {
  const size_t size = dtype == chips::BF16 ? 2 : 4;
  std::vector<char> bytes(static_cast<size_t>(count) * size);
  for (int64_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    const float x = static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-31f;
    char* at = bytes.data() + static_cast<size_t>(i) * size;
    std::memcpy(at, reinterpret_cast<const char*>(&x) + (4 - size), size);  // bf16: the upper half
  }
  return bytes;
}

// One of the race: what it does once, and how long that took each time.
struct Contestant {
  std::function<void()> run;
  std::vector<double> seconds;

  void Run() {
    const auto start = std::chrono::steady_clock::now();
    run();
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
};

void RunRounds(double seconds, std::vector<Contestant>* contestants) {
  for (Contestant& contestant : *contestants) contestant.run();  // warm-up
  const auto start = std::chrono::steady_clock::now();
  for (size_t round = 0; round < kMostRounds; ++round) {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    if (round >= kFewestRounds && spent.count() > seconds) return;
    for (Contestant& contestant : *contestants) contestant.Run();
  }
}

}  // namespace

double GemmTimes::onednn() const { return std::min(onednn_whole, onednn_packed); }

absl::StatusOr<GemmTimes> RaceGemm(const GemmProblem& p, const std::vector<GemmConfig>& configs,
                                   const RaceOptions& options) {
  if (configs.empty()) return absl::InvalidArgumentError("a race needs a config");
  std::vector<GemmChoice> choices;
  for (GemmConfig config : configs) {
    for (bool first : {false, true}) {
      config.pack_b_first = first;
      choices.push_back({p, config});
    }
  }
  STRATA_ASSIGN_OR_RETURN(std::vector<GemmRunner> runners,
                          GemmRunner::Build(choices, HostIsa(), options.cache_dir));
  const bool bf16 = p.dtype == chips::BF16;
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<OneDnnMatmul> matmul,
                          OneDnnMatmul::Create({.M = p.M,
                                                .N = p.N,
                                                .K = p.K,
                                                .transpose_a = p.transpose_a,
                                                .transpose_b = p.transpose_b,
                                                .bf16 = bf16}));
  omp_set_num_threads(options.threads);
  const std::vector<char> a = MakeOperand(p.M * p.K, p.dtype, 1),
                          b = MakeOperand(p.K * p.N, p.dtype, 2);
  std::vector<float> c(static_cast<size_t>(p.M * p.N));
  matmul->PackB(b.data());

  std::vector<Contestant> contestants;
  contestants.push_back({[&] { matmul->Run(a.data(), c.data()); }, {}});
  contestants.push_back({[&] {
                           if (bf16) {
                             matmul->PackB(b.data());
                             return matmul->Run(a.data(), c.data());
                           }
                           Gemm({p.transpose_a, p.transpose_b, p.M, p.N, p.K,
                                 reinterpret_cast<const float*>(a.data()),
                                 p.transpose_a ? p.M : p.K,
                                 reinterpret_cast<const float*>(b.data()),
                                 p.transpose_b ? p.K : p.N, c.data(), p.N, 0.0f});
                         },
                         {}});
  for (size_t i = 0; i < runners.size(); i += 2) {
    runners[i + 1].PackB(b.data(), options.threads);
    contestants.push_back(
        {[&, i] { runners[i].Run(a.data(), b.data(), c.data(), options.threads); }, {}});
    contestants.push_back(
        {[&, i] { runners[i + 1].RunPacked(a.data(), c.data(), options.threads); }, {}});
  }
  RunRounds(options.seconds, &contestants);

  GemmTimes times;
  times.onednn_packed = Median(contestants[0].seconds);
  times.onednn_whole = Median(contestants[1].seconds);
  for (size_t i = 0; i < configs.size(); ++i) {
    const double whole = Median(contestants[2 + 2 * i].seconds);
    const double packed = Median(contestants[3 + 2 * i].seconds);
    if (i == 0) times.first_config = whole;
    if (i == 0 || whole < times.ours) {
      times.ours = whole;
      times.config = configs[i];
    }
    if (i == 0 || packed < times.ours_packed) times.ours_packed = packed;
  }
  return times;
}

}  // namespace strata::compiler
