// ColdRing: pieces of memory in turns, more than caches hold, so that each is cold when it comes; and how fast this
// machine reads such a piece at once.
//
//   ColdRing ring(/*piece=*/491520, /*threads=*/2);
//   for (int i = 0; i < ring.pieces(); ++i) {
//     ring.Between();                      // what other kernels of a step read: caches hold nothing of the past
//     kernel(ring.piece(i));
//   }
//   double seconds = ring.ReadSeconds();   // of a piece, by all threads, after Between() too
//
// Pieces lie in huge pages, as a model's weights and caches do.
#ifndef STRATA_COMPILER_BENCH_COLD_RING_H_
#define STRATA_COMPILER_BENCH_COLD_RING_H_

#include <cstddef>
#include <cstdint>

namespace strata::compiler {

class ColdRing {
 public:
  ColdRing(size_t piece, int threads);
  ~ColdRing();
  ColdRing(const ColdRing&) = delete;
  ColdRing& operator=(const ColdRing&) = delete;

  int pieces() const { return pieces_; }
  char* piece(int i) const { return ring_ + static_cast<size_t>(i % pieces_) * step_; }

  // All threads read other memory: what a kernel left in the nearer caches, its code too, goes.
  void Between();

  // Of the next piece's bytes, shared out to all threads in one run each: the median of `times`.
  double ReadSeconds(int times = 15);

 private:
  size_t piece_, step_;
  int threads_, pieces_, next_ = 0;
  char *ring_, *other_;
  size_t at_ = 0;      // where Between() goes on
  uint64_t seen_ = 0;  // of all that was read, so that it is
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_BENCH_COLD_RING_H_
