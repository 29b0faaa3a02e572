#include "compiler/bench/cold_ring.h"

#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "chips/spec/host/read_kernel.h"

namespace strata::compiler {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kRing = size_t{160} << 20;   // at least: several times the last cache
constexpr size_t kOther = size_t{128} << 20;  // what Between() goes through
constexpr size_t kBetween = size_t{4} << 20;  // at a time: more than the second caches

size_t RoundUp(size_t n, size_t step) { return (n + step - 1) / step * step; }

}  // namespace

ColdRing::ColdRing(size_t piece, int threads)
    : piece_(piece), step_(RoundUp(piece, 4096)), threads_(threads) {
  pieces_ = static_cast<int>(std::max<size_t>(2, (kRing + step_ - 1) / step_));
  const size_t ring = RoundUp(static_cast<size_t>(pieces_) * step_, kHugePage);
  ring_ = static_cast<char*>(::operator new (ring + kOther, std::align_val_t{kHugePage}));
  other_ = ring_ + ring;
  madvise(ring_, ring + kOther, MADV_HUGEPAGE);
  std::memset(ring_, 0x2c, ring + kOther);  // a small number in every dtype
}

ColdRing::~ColdRing() { ::operator delete (ring_, std::align_val_t{kHugePage}); }

void ColdRing::Between() {
  const size_t share = kBetween / static_cast<size_t>(threads_) / 4096 * 4096;
  if (at_ + kBetween > kOther) at_ = 0;
  uint64_t seen = 0;
#pragma omp parallel num_threads(threads_) reduction(^ : seen)
  seen ^= chips::ReadAll(other_ + at_ + static_cast<size_t>(omp_get_thread_num()) * share, share);
  seen_ ^= seen;
  at_ += kBetween;
}

double ColdRing::ReadSeconds(int times) {
  const size_t share =
      piece_ / static_cast<size_t>(threads_) / chips::kReadBlock * chips::kReadBlock;
  std::vector<double> seconds;
  for (int i = 0; i < times; ++i) {
    Between();
    const char* const from = piece(next_++);
    uint64_t seen = 0;
    const double start = omp_get_wtime();
#pragma omp parallel num_threads(threads_) reduction(^ : seen)
    seen ^= chips::ReadAll(from + static_cast<size_t>(omp_get_thread_num()) * share, share);
    seconds.push_back(omp_get_wtime() - start);
    seen_ ^= seen;
  }
  std::nth_element(seconds.begin(), seconds.begin() + times / 2, seconds.end());
  return seconds[static_cast<size_t>(times / 2)];
}

}  // namespace strata::compiler
