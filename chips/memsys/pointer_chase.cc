#include "chips/memsys/pointer_chase.h"

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::chips::memsys {
namespace {

constexpr size_t kLargePage = size_t{2} << 20;

// Not the wall's: other work on the machine must not count.
double ThreadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The loads of a chase, linked in memory of their own.
class Chain {
 public:
  static absl::StatusOr<Chain> Make(const std::vector<int32_t>& next, int64_t line_bytes) {
    const size_t bytes = next.size() * static_cast<size_t>(line_bytes) + 2 * kLargePage;
    void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
      return absl::ResourceExhaustedError(absl::StrCat("cannot map ", bytes, " bytes to chase in"));
    }
    madvise(data, bytes, MADV_HUGEPAGE);
    Chain chain(data, bytes);
    for (size_t i = 0; i < next.size(); ++i) {
      *chain.Line(i, line_bytes) = chain.Line(static_cast<size_t>(next[i]), line_bytes);
    }
    chain.at_ = chain.Line(0, line_bytes);
    return chain;
  }
  Chain(Chain&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_), at_(other.at_) {}
  Chain& operator=(Chain&&) = delete;
  ~Chain() {
    if (data_ != nullptr) munmap(data_, bytes_);
  }

  // Seconds of this thread that `loads` of them take.
  double Run(int64_t loads) {
    const double start = ThreadSeconds();
    void** at = at_;
    for (int64_t i = 0; i < loads; ++i) at = static_cast<void**>(*at);
    asm volatile("" : "+r"(at));  // the loads are wanted
    at_ = at;
    return ThreadSeconds() - start;
  }

 private:
  Chain(void* data, size_t bytes) : data_(data), bytes_(bytes) {}

  // Lines begin on a large page, so that caches indexed by physical address see whole runs of sets.
  void** Line(size_t i, int64_t line_bytes) const {
    const uintptr_t first =
        (reinterpret_cast<uintptr_t>(data_) + kLargePage - 1) & ~(kLargePage - 1);
    return reinterpret_cast<void**>(first + i * static_cast<size_t>(line_bytes));
  }

  void* data_;
  size_t bytes_;
  void** at_ = nullptr;
};

}  // namespace

std::vector<int32_t> RandomCycle(int64_t lines, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> next(static_cast<size_t>(lines));
  std::iota(next.begin(), next.end(), 0);
  for (size_t i = next.size(); i-- > 1;) std::swap(next[i], next[random() % i]);
  return next;
}

ChaseResult SimulateChase(const std::vector<int32_t>& next, int64_t line_bytes,
                          CacheHierarchy* hierarchy) {
  ChaseResult result;
  const double weight = 1.0 / static_cast<double>(next.size());
  for (const bool counted : {false, true}) {
    int32_t line = 0;
    for (size_t i = 0; i < next.size(); ++i) {
      line = next[static_cast<size_t>(line)];
      const AccessResult access = hierarchy->Access(line * line_bytes);
      if (!counted) continue;
      result.mean_latency += weight * access.latency;
      result.share.resize(hierarchy->stats().size() + 1);
      result.share[access.level] += weight;
    }
  }
  return result;
}

absl::StatusOr<double> MeasureChase(const std::vector<int32_t>& next, int64_t line_bytes,
                                    int64_t loads, int trials) {
  STRATA_ASSIGN_OR_RETURN(Chain chain, Chain::Make(next, line_bytes));
  const int64_t lines = static_cast<int64_t>(next.size());
  chain.Run(lines);
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < trials; ++i) {
    if (lines <= loads) chain.Run(lines);  // what other threads have thrown out meanwhile
    best = std::min(best, chain.Run(loads));
  }
  return 1e9 * best / static_cast<double>(loads);
}

}  // namespace strata::chips::memsys
