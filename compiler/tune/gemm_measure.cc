#include "compiler/tune/gemm_measure.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "chips/numerics/float16.h"
#include "compiler/codegen/emit.h"
#include "compiler/codegen/isa.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/gemm/emit.h"
#include "compiler/kernels/cpu/gemm.h"
#include "compiler/kernels/cpu/parallel.h"

namespace strata::compiler::tune {
namespace {

using graph::HostTensor;

constexpr double kPartFlops = 4e8;  // a thread, timed at once while searching: some milliseconds
constexpr double kSearchSeconds = 0.03;  // of runs a config while searching
constexpr double kLastSeconds = 0.08;    // of runs a turn in the last round
constexpr int kRuns = 12;                // at most
constexpr double kClearlySlower = 1.3;
constexpr int kChecked = 48;  // elements of C

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// In [-1, 1), exact in bf16.
void FillRandom(HostTensor* tensor, uint64_t seed) {
  Random random(seed);
  const int64_t n = tensor->elements();
  for (int64_t i = 0; i < n; ++i) {
    const float value = static_cast<float>(static_cast<int64_t>(random.Next() >> 57) - 64) / 64.0f;
    if (tensor->dtype() == chips::BF16) {
      tensor->data<uint16_t>()[i] = chips::FloatToBf16(value);
    } else {
      tensor->data<float>()[i] = value;
    }
  }
}

double At(const HostTensor& tensor, int64_t i) {
  return tensor.dtype() == chips::BF16 ? chips::Bf16ToFloat(tensor.data<uint16_t>()[i])
                                       : tensor.data<float>()[i];
}

}  // namespace

// Kernels of one config with memory for what they pack.
class GemmMeasure::Candidate {
 public:
  Candidate(const GemmProblem& problem, const GemmConfig& config, EmittedGemm emitted)
      : problem_(problem), config_(config), emitted_(std::move(emitted)) {}

  absl::Status Prepare(std::shared_ptr<KernelLibrary> library) {
    library_ = std::move(library);
    STRATA_RETURN_IF_ERROR(Find(emitted_.pack_a, &pack_a_));
    STRATA_RETURN_IF_ERROR(Find(emitted_.multiply, &multiply_));
    packed_a_ = HostTensor::Allocate(chips::F32, {PackedA(problem_, config_).elements()});
    if (!emitted_.pack_b.has_value()) return absl::OkStatus();
    packed_b_ = HostTensor::Allocate(chips::F32, {PackedB(problem_, config_).elements()});
    return Find(*emitted_.pack_b, &pack_b_);
  }

  const EmittedGemm& emitted() const { return emitted_; }

  // All of it: seconds.
  double RunWhole(const HostTensor& a, const HostTensor& b, const HostTensor& c, int threads) {
    const Clock::time_point start = Clock::now();
    RunStep(pack_a_, emitted_.pack_a, {a.raw(), packed_a_.raw()}, threads);
    if (pack_b_ != nullptr) RunStep(pack_b_, *emitted_.pack_b, {b.raw(), packed_b_.raw()}, threads);
    RunStep(multiply_, emitted_.multiply, {packed_a_.raw(), RightOperand(b), c.raw()}, threads);
    return SecondsSince(start);
  }

  // Packing, and `share` of each thread's panels, from another place each time: seconds that the whole would take.
  double RunPart(const HostTensor& a, const HostTensor& b, const HostTensor& c, int threads,
                 double share) {
    const Part part = PartOf(threads, share);
    if (2 * part.length > part.each) return RunWhole(a, b, c, threads);
    const Clock::time_point start = Clock::now();
    RunStep(pack_a_, emitted_.pack_a, {a.raw(), packed_a_.raw()}, threads);
    const double packing_a = SecondsSince(start);
    double packing_b = 0;
    if (pack_b_ != nullptr) packing_b = RunRange(pack_b_, {b.raw(), packed_b_.raw()}, part);
    const double multiplying =
        RunRange(multiply_, {packed_a_.raw(), RightOperand(b), c.raw()}, part);
    ++place_;
    const double scale = static_cast<double>(part.each) / static_cast<double>(part.length);
    return packing_a + (packing_b + multiplying) * scale;
  }

  // Columns from the first on that the first RunPart has made.
  int64_t FirstColumns(int threads, double share) const {
    const Part part = PartOf(threads, share);
    const int64_t columns = part.length * config_.columns();
    return 2 * part.length > part.each ? problem_.N : std::min(problem_.N, columns);
  }

 private:
  using Buffers = std::vector<void*>;

  struct Part {
    int64_t panels;  // of all of C
    int64_t parts;   // threads that share them
    int64_t each;    // panels of the busiest
    int64_t length;  // of those timed: whole blocks
  };
  Part PartOf(int threads, double share) const {
    const int64_t panels = emitted_.multiply.parallel_extent();
    const int64_t parts = std::max<int64_t>(std::min<int64_t>(threads, panels), 1);
    const int64_t each = (panels + parts - 1) / parts, blocks = config_.panels;
    const int64_t wanted = static_cast<int64_t>(share * static_cast<double>(each));
    return {panels, parts, each, std::max<int64_t>((wanted + blocks - 1) / blocks, 1) * blocks};
  }

  absl::Status Find(const plan::Kernel& kernel, KernelEntry** entry) const {
    *entry = reinterpret_cast<KernelEntry*>(library_->Find(kernel.entry()));
    if (*entry != nullptr) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("no kernel '", kernel.entry(), "' in what was built"));
  }

  void* RightOperand(const HostTensor& b) const {
    return pack_b_ == nullptr ? b.raw() : packed_b_.raw();
  }

  static void RunStep(KernelEntry* entry, const plan::Kernel& kernel, const Buffers& buffers,
                      int threads) {
    ParallelFor(kernel.parallel_extent(), kernel.grain(), threads,
                [&](int64_t begin, int64_t end) { entry(buffers.data(), begin, end); });
  }

  double RunRange(KernelEntry* entry, const Buffers& buffers, const Part& p) const {
    const Clock::time_point start = Clock::now();
    ParallelFor(p.parts, 1, static_cast<int>(p.parts), [&](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; ++part) {
        const int64_t begin = p.panels * part / p.parts, end = p.panels * (part + 1) / p.parts;
        const int64_t places = std::max<int64_t>((end - begin) / p.length, 1);
        const int64_t from = begin + place_ % places * p.length;
        entry(buffers.data(), from, std::min(from + p.length, end));
      }
    });
    return SecondsSince(start);
  }

  const GemmProblem problem_;
  const GemmConfig config_;
  const EmittedGemm emitted_;
  std::shared_ptr<KernelLibrary> library_;
  KernelEntry *pack_a_ = nullptr, *pack_b_ = nullptr, *multiply_ = nullptr;
  HostTensor packed_a_, packed_b_;
  int64_t place_ = 0;  // of the next part
};

GemmMeasure::GemmMeasure(const GemmProblem& problem, const std::string& isa, int threads,
                         const std::string& cache_dir)
    : problem_(problem),
      isa_(isa),
      threads_(threads),
      cache_dir_(cache_dir),
      space_(GemmSpace(problem, isa)) {}

GemmMeasure::~GemmMeasure() = default;

absl::StatusOr<std::unique_ptr<GemmMeasure>> GemmMeasure::Create(const GemmProblem& problem,
                                                                 const std::string& isa,
                                                                 int threads,
                                                                 const std::string& cache_dir) {
  STRATA_RETURN_IF_ERROR(CheckGemm(problem));
  STRATA_RETURN_IF_ERROR(IsaFlags(isa).status());
  if (!HostRuns(isa)) {
    return absl::FailedPreconditionError(
        absl::StrCat("this machine does not run code for ", isa, "; it runs ", HostIsa()));
  }
  if (problem.M == 0 || problem.N == 0 || problem.K == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(GemmName(problem), ": is empty; there is nothing to time"));
  }
  if (threads < 1)
    return absl::InvalidArgumentError(absl::StrCat("threads: is ", threads, "; must be 1 or more"));
  std::unique_ptr<GemmMeasure> measure(new GemmMeasure(problem, isa, threads, cache_dir));
  measure->a_ = HostTensor::Allocate(problem.dtype, {problem.M * problem.K});
  measure->b_ = HostTensor::Allocate(problem.dtype, {problem.K * problem.N});
  measure->c_ = HostTensor::Allocate(problem.result, {problem.M * problem.N});
  for (const HostTensor* tensor : {&measure->a_, &measure->b_, &measure->c_}) {
    if (tensor->raw() == nullptr)
      return absl::ResourceExhaustedError(
          absl::StrCat(GemmName(problem), ": no memory for its operands"));
  }
  FillRandom(&measure->a_, 1);
  FillRandom(&measure->b_, 2);
  return measure;
}

std::vector<absl::StatusOr<double>> GemmMeasure::Run(absl::Span<const Config> configs,
                                                     const MeasureContext& context) {
  Build(configs);
  std::vector<absl::StatusOr<double>> costs;
  MeasureContext now = context;
  for (const Config& config : configs) {
    const absl::StatusOr<std::unique_ptr<Candidate>>& candidate = built_.at(config);
    if (!candidate.ok()) {
      costs.push_back(candidate.status());
      continue;
    }
    const double seconds = Time(candidate->get(), now);
    const absl::Status correct = now.last_round ? CheckColumns(problem_.N) : absl::OkStatus();
    costs.push_back(correct.ok() ? absl::StatusOr<double>(seconds) : correct);
    if (correct.ok()) now.best = std::min(now.best, seconds);
  }
  return costs;
}

// Together when all build; else one by one, so that each failure finds its config.
void GemmMeasure::Build(absl::Span<const Config> configs) {
  std::vector<Config> missing;
  for (const Config& config : configs) {
    if (built_.count(config) == 0) missing.push_back(config);
  }
  if (missing.empty() || BuildTogether(missing).ok()) return;
  for (const Config& config : missing) {
    const absl::Status status = BuildTogether({config});
    if (!status.ok()) built_.insert_or_assign(config, status);
  }
}

absl::Status GemmMeasure::BuildTogether(absl::Span<const Config> configs) {
  std::vector<std::unique_ptr<Candidate>> candidates;
  std::vector<std::string> sources;
  for (const Config& config : configs) {
    const GemmConfig choice = GemmConfigOf(space_.SettingOf(config));
    STRATA_ASSIGN_OR_RETURN(EmittedGemm emitted, EmitGemm(problem_, choice, isa_));
    sources.push_back(emitted.pack_a.source());
    sources.push_back(emitted.multiply.source());
    if (emitted.pack_b.has_value()) sources.push_back(emitted.pack_b->source());
    candidates.push_back(std::make_unique<Candidate>(problem_, choice, std::move(emitted)));
  }
  STRATA_ASSIGN_OR_RETURN(
      const std::shared_ptr<KernelLibrary> library,
      KernelLibrary::Build(Prelude(isa_), sources, isa_, cache_dir_, /*jobs=*/2));
  for (size_t i = 0; i < configs.size(); ++i) {
    STRATA_RETURN_IF_ERROR(candidates[i]->Prepare(library));
    const absl::Status correct = Check(candidates[i].get());
    if (correct.ok()) {
      built_.insert_or_assign(configs[i], std::move(candidates[i]));
    } else {
      built_.insert_or_assign(configs[i], correct);
    }
  }
  return absl::OkStatus();
}

// What a run of the kind that the search times has made.
absl::Status GemmMeasure::Check(Candidate* candidate) {
  std::fill_n(c_.data<char>(), c_.size_bytes(), static_cast<char>(0xff));  // NaN
  candidate->RunPart(a_, b_, c_, threads_, Share());
  return CheckColumns(candidate->FirstColumns(threads_, Share()));
}

// Elements of the first `columns` columns of C: corners, and others at fixed places.
absl::Status GemmMeasure::CheckColumns(int64_t columns) const {
  Random random(3);
  for (int i = 0; i < kChecked; ++i) {
    const int64_t m = i < 4 ? (i & 1) * (problem_.M - 1) : random.Below(problem_.M);
    const int64_t n = i < 4 ? (i >> 1) * (columns - 1) : random.Below(columns);
    double sum = 0, size = 0;
    for (int64_t k = 0; k < problem_.K; ++k) {
      const double term = At(a_, problem_.transpose_a ? k * problem_.M + m : m * problem_.K + k) *
                          At(b_, problem_.transpose_b ? n * problem_.K + k : k * problem_.N + n);
      sum += term;
      size += std::abs(term);
    }
    const double got = At(c_, m * problem_.N + n);
    // Rounding errors of a sum grow with its length at most, usually with the root of it.
    const double unit = problem_.result == chips::BF16 ? 0x1p-8 : 0x1p-23;
    const double tolerance =
        size * 0x1p-23 * std::sqrt(static_cast<double>(problem_.K)) + std::abs(sum) * unit;
    if (std::abs(got - sum) <= tolerance) continue;
    return absl::InternalError(
        absl::StrCat("wrong result: C[", m, ", ", n, "] is ", got, ", not ", sum));
  }
  return absl::OkStatus();
}

double GemmMeasure::Share() const {
  return std::min(1.0, kPartFlops * threads_ / problem_.flops());
}

double GemmMeasure::Time(Candidate* candidate, const MeasureContext& context) {
  const double budget = context.last_round ? kLastSeconds : kSearchSeconds;
  double least = std::numeric_limits<double>::infinity(), spent = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Clock::time_point start = Clock::now();
    const double seconds = context.last_round ? candidate->RunWhole(a_, b_, c_, threads_)
                                              : candidate->RunPart(a_, b_, c_, threads_, Share());
    spent += SecondsSince(start);
    least = std::min(least, seconds);
    if (spent > budget) break;
    if (run >= 2 && !context.last_round && least > kClearlySlower * context.best) break;
  }
  return least;
}

absl::Status GemmMeasure::BuildFollowed(absl::Span<const Config> configs) {
  std::vector<Config> missing;
  std::vector<GemmConfig> choices;
  for (const Config& config : configs) {
    if (followed_.count(config) != 0) continue;
    missing.push_back(config);
    choices.push_back(GemmConfigOf(space_.SettingOf(config)));
  }
  if (missing.empty()) return absl::OkStatus();
  STRATA_ASSIGN_OR_RETURN(auto products, FollowedGemm::Build(problem_, choices, isa_, cache_dir_));
  for (size_t i = 0; i < missing.size(); ++i) {
    products[i]->Run(a_, b_, threads_);  // brings its memory in
    followed_[missing[i]] = std::move(products[i]);
  }
  return absl::OkStatus();
}

std::vector<absl::StatusOr<double>> GemmMeasure::RunWithEpilogue(absl::Span<const Config> configs) {
  const absl::Status built = BuildFollowed(configs);
  std::vector<absl::StatusOr<double>> costs;
  for (const Config& config : configs) {
    double least = std::numeric_limits<double>::infinity(), spent = 0;
    for (int run = 0; built.ok() && run < kRuns && spent <= kLastSeconds; ++run) {
      const double seconds = followed_.at(config)->Run(a_, b_, threads_);
      least = std::min(least, seconds);
      spent += seconds;
    }
    costs.push_back(built.ok() ? absl::StatusOr<double>(least) : built);
  }
  return costs;
}

double GemmMeasure::RunRival() {
  if (problem_.dtype != chips::F32) return 0;
  const bool ta = problem_.transpose_a, tb = problem_.transpose_b;
  GemmArguments g{.transpose_a = ta, .transpose_b = tb};
  g.M = problem_.M;
  g.N = problem_.N;
  g.K = problem_.K;
  g.A = a_.data<float>();
  g.lda = ta ? g.M : g.K;
  g.B = b_.data<float>();
  g.ldb = tb ? g.K : g.N;
  g.C = c_.data<float>();
  g.ldc = g.N;
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads_);
  if (!rival_is_warm_) Gemm(g);  // it makes its kernel at the first call
  rival_is_warm_ = true;
  double least = std::numeric_limits<double>::infinity(), spent = 0;
  for (int run = 0; run < kRuns && spent <= kLastSeconds; ++run) {
    const Clock::time_point start = Clock::now();
    Gemm(g);
    least = std::min(least, SecondsSince(start));
    spent += SecondsSince(start);
  }
  omp_set_num_threads(before);
  return least;
}

}  // namespace strata::compiler::tune
