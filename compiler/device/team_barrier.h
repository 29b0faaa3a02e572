// TeamBarrier: where the threads of a team wait for each other between the kernels of a region.
//
//   TeamBarrier barrier;
//   // in each of the team's threads:
//   Compute(first);
//   barrier.Wait(team);   // all have computed the first
//   Compute(second);
//
// A wait spins for a while, as kernels are short and evenly cut, and then sleeps. OpenMP's own barrier spins for milliseconds:
// when the system has put two threads of a team on one core (a client or a server's thread had the other), the one that
// spins keeps the core from the one it waits for, at every barrier anew until the system moves it. A step of 0.2 ms then
// took 70.
#ifndef STRATA_COMPILER_DEVICE_TEAM_BARRIER_H_
#define STRATA_COMPILER_DEVICE_TEAM_BARRIER_H_

#include <atomic>
#include <cstdint>

namespace strata::compiler {

class TeamBarrier {
 public:
  TeamBarrier() = default;
  TeamBarrier(const TeamBarrier&) = delete;
  TeamBarrier& operator=(const TeamBarrier&) = delete;

  // Returns when all `team` threads have called it as often as this one; all give the same number. What each wrote before
  // its call is seen by all after it.
  void Wait(int team) {
    if (team == 1) return;
    const uint32_t phase = phase_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == team) {
      arrived_.store(0, std::memory_order_relaxed);  // before anybody can come again
      phase_.store(phase + 1);
      if (asleep_.load() > 0) phase_.notify_all();
      return;
    }
    for (int i = 0; i < kSpins; ++i) {
      if (phase_.load(std::memory_order_acquire) != phase) return;
      Pause();
    }
    asleep_.fetch_add(1);
    while (phase_.load() == phase) phase_.wait(phase);
    asleep_.fetch_sub(1);
  }

 private:
  static constexpr int kSpins = 4000;  // 0.05 to 0.2 ms

  static void Pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  alignas(64) std::atomic<int> arrived_{0};  // in this phase
  alignas(64) std::atomic<uint32_t> phase_{0};
  std::atomic<int> asleep_{0};
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_TEAM_BARRIER_H_
