#include "compiler/gemm/ladder.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/isa.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/gemm/cost.h"
#include "compiler/gemm/ladder_counts.h"
#include "compiler/gemm/runner.h"

namespace strata::compiler {
namespace {

constexpr char kText[] =
#include "compiler/gemm/text/ladder.inc"
    ;

constexpr int kFewestRuns = 3;
constexpr GemmConfig kFirstVectors{.rows = 4, .vectors = 1, .depth = 256, .panels = 1};

std::vector<float> Numbers(int64_t count, uint32_t seed) {
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float& x : numbers) {
    seed = seed * 1664525u + 1013904223u;
    x = static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-31f;
  }
  return numbers;
}

// Some rows of the product in double precision, and what K + 1 roundings of their terms may add up to (Higham 2002, 3.1).
class Oracle {
 public:
  Oracle(const GemmProblem& problem, const std::vector<float>& a, const std::vector<float>& b)
      : p_(problem) {
    const double n = static_cast<double>(p_.K + 1) * 0x1p-24, gamma = n / (1 - n);
    for (int64_t i = 0; i < p_.M; i += std::max<int64_t>(1, p_.M / 16)) {
      rows_.push_back(i);
      for (int64_t j = 0; j < p_.N; ++j) {
        double sum = 0, size = 0;
        for (int64_t k = 0; k < p_.K; ++k) {
          const double term = static_cast<double>(a[static_cast<size_t>(i * p_.K + k)]) *
                              b[static_cast<size_t>(k * p_.N + j)];
          sum += term;
          size += std::abs(term);
        }
        sums_.push_back(sum);
        allowed_.push_back(gamma * size);
      }
    }
  }

  double WorstError(const std::vector<float>& c) const {
    double worst = 0;
    size_t at = 0;
    for (int64_t i : rows_) {
      for (int64_t j = 0; j < p_.N; ++j, ++at) {
        const double error =
            std::abs(c[static_cast<size_t>(i * p_.N + j)] - sums_[at]) / allowed_[at];
        if (!(error <= worst)) worst = std::isnan(error) ? HUGE_VAL : error;
      }
    }
    return worst;
  }

 private:
  GemmProblem p_;
  std::vector<int64_t> rows_;
  std::vector<double> sums_, allowed_;
};

double MedianSeconds(double budget, const std::function<void()>& run) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  const Clock::time_point start = Clock::now();
  while (seconds.size() < kFewestRuns ||
         std::chrono::duration<double>(Clock::now() - start).count() < budget) {
    const Clock::time_point begin = Clock::now();
    run();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<long>(seconds.size() / 2),
                   seconds.end());
  return seconds[seconds.size() / 2];
}

class Climb {
 public:
  Climb(const GemmProblem& problem, const LadderOptions& options)
      : p_(problem),
        options_(options),
        a_(Numbers(p_.M * p_.K, 1)),
        b_(Numbers(p_.K * p_.N, 2)),
        c_(static_cast<size_t>(p_.M * p_.N)),
        oracle_(p_, a_, b_) {}

  absl::StatusOr<std::vector<GemmRung>> Run() {
    STRATA_RETURN_IF_ERROR(ScalarRungs());
    STRATA_RETURN_IF_ERROR(EmittedRung(
        "vector",
        "Panels of both operands, 16 columns in one register: a sixteenth of the instructions.",
        {kFirstVectors}));
    std::vector<GemmConfig> candidates = GemmCandidates(p_, GemmMachineOf({}, HostIsa()));
    const int measured = options_.seconds > 0 ? options_.candidates : 1;
    candidates.resize(std::min(candidates.size(), static_cast<size_t>(std::max(measured, 1))));
    STRATA_RETURN_IF_ERROR(EmittedRung("tuned",
                                       "A tile as large as the registers, blocks as large as the "
                                       "second-level cache, the next block asked for ahead; of "
                                       "the configs that the cost model likes best, the fastest.",
                                       candidates));
    return std::move(rungs_);
  }

 private:
  absl::Status ScalarRungs() {
    struct Scalar {
      const char* name;
      const char* idea;
      GemmCounts (*count)(const GemmProblem&);
    };
    constexpr Scalar kRungs[] = {
        {"naive", "Three loops, a result at a time.", CountNaive},
        {"tiled", "Blocks that fit the first-level cache: what is fetched is used often.",
         CountTiled},
        {"packed", "Blocks of B in one piece, four by four results in registers: fewer loads.",
         CountPacked}};
    const std::vector<std::string> texts =
        absl::StrSplit(absl::StrReplaceAll(kText, {{"$N", absl::StrCat(p_.N, "L")},
                                                   {"$K", absl::StrCat(p_.K, "L")},
                                                   {"$T", absl::StrCat(kLadderBlock)}}),
                       "SPLIT\n");
    STRATA_ASSIGN_OR_RETURN(auto library, KernelLibrary::Build(Prelude(HostIsa()), texts, HostIsa(),
                                                               options_.cache_dir, 1));
    for (size_t i = 0; i < std::size(kRungs); ++i) {
      auto* entry =
          reinterpret_cast<KernelEntry*>(library->Find(absl::StrCat("ladder_", kRungs[i].name)));
      Add({kRungs[i].name, kRungs[i].idea, texts[i], kRungs[i].count(CountedProblem())}, [&] {
        void* const buffers[] = {a_.data(), b_.data(), c_.data()};
        entry(buffers, 0, p_.M);
      });
    }
    return absl::OkStatus();
  }

  absl::Status EmittedRung(const std::string& name, const std::string& idea,
                           const std::vector<GemmConfig>& configs) {
    std::vector<GemmChoice> choices;
    for (const GemmConfig& config : configs) choices.push_back({p_, config});
    STRATA_ASSIGN_OR_RETURN(std::vector<GemmRunner> runners,
                            GemmRunner::Build(choices, HostIsa(), options_.cache_dir));
    const auto run = [&](GemmRunner& runner) { runner.Run(a_.data(), b_.data(), c_.data(), 1); };
    size_t best = 0;
    double least = HUGE_VAL;
    for (size_t i = 0; i < runners.size() && runners.size() > 1; ++i) {
      const double seconds = MedianSeconds(options_.seconds / 4, [&] { run(runners[i]); });
      if (seconds < least) best = i, least = seconds;
    }
    const EmittedGemm& gemm = runners[best].emitted();
    Add({name, idea, absl::StrCat(gemm.pack_a.source(), "\n", gemm.multiply.source()),
         CountEmitted(CountedProblem(), configs[best])},
        [&] { run(runners[best]); });
    return absl::OkStatus();
  }

  void Add(GemmRung rung, const std::function<void()>& run) {
    std::fill(c_.begin(), c_.end(), std::nanf(""));
    run();
    rung.error = oracle_.WorstError(c_);
    if (options_.seconds > 0) rung.seconds = MedianSeconds(options_.seconds, run);
    rungs_.push_back(std::move(rung));
  }

  const GemmProblem p_;
  const LadderOptions options_;
  std::vector<float> a_, b_, c_;
  Oracle oracle_;
  std::vector<GemmRung> rungs_;
};

}  // namespace

double GemmRung::gflops(const GemmProblem& problem) const {
  return seconds > 0 ? problem.flops() / seconds / 1e9 : 0;
}

GemmProblem CountedProblem() { return {.M = 40, .N = 96, .K = 768}; }

absl::StatusOr<std::vector<GemmRung>> ClimbGemmLadder(const GemmProblem& problem,
                                                      const LadderOptions& options) {
  STRATA_RETURN_IF_ERROR(CheckGemm(problem));
  if (problem.dtype != chips::F32 || problem.transpose_a || problem.transpose_b ||
      problem.flops() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ladder is for f32 products that are not transposed and not empty, not ",
                     GemmName(problem)));
  }
  return Climb(problem, options).Run();
}

}  // namespace strata::compiler
