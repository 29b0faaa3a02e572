// Doorbell: how a rank waits for the others. First awake, as a peer that is about to come is met
// within 100 ns; then asleep in the kernel, as ranks may outnumber cores. Who changes what a rank
// may wait for rings its bell, which costs one load while nobody sleeps.
//
//   slot.state.exchange(kPosted);       // a full barrier, then
//   Ring(receiver_bell);
//   ...
//   const bool ready = WaitFor(my_bell, spins, [&] { return slot.state == kPosted; }, deadline);
//
// A bell may lie in memory that processes share; all bits zero is a bell. One thread waits at a
// bell, any number ring it. Drepper, Futexes Are Tricky (2011).
#ifndef STRATA_DISTRIBUTED_TRANSPORT_DOORBELL_H_
#define STRATA_DISTRIBUTED_TRANSPORT_DOORBELL_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "absl/functional/function_ref.h"

namespace strata::distributed {

struct alignas(64) Doorbell {
  std::atomic<uint32_t> rings = 0;
  std::atomic<uint32_t> asleep = 0;
};

// Out of line, for the rare case.
void WakeSleeper(Doorbell& bell);

// What was changed before must be visible before: by a sequentially consistent exchange or fence.
inline void Ring(Doorbell& bell) {
  if (bell.asleep.load(std::memory_order_seq_cst) != 0) WakeSleeper(bell);
}

// True when `ready`, false when the deadline has passed and it is not. Looks up `spins` times
// before it sleeps.
bool WaitFor(Doorbell& bell, int spins, absl::FunctionRef<bool()> ready,
             std::chrono::steady_clock::time_point deadline);

// The times to look up for `ranks` that may run on this machine's cores: some 30 us where each has
// one of its own, some 1 us where they share.
int SpinsFor(int ranks);

// While a core waits for memory to change.
inline void RelaxCore() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_DOORBELL_H_
