#include "distributed/transport/doorbell.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;

static_assert(std::atomic<uint32_t>::is_always_lock_free && sizeof(std::atomic<uint32_t>) == 4,
              "the kernel sleeps on a plain 32-bit word");

// Not the private kind: the word may be in memory that processes share.
void SleepWhile(std::atomic<uint32_t>& word, uint32_t value, Clock::duration at_most) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(at_most - seconds);
  timespec limit = {};
  limit.tv_sec = static_cast<time_t>(seconds.count());
  limit.tv_nsec = static_cast<long>(rest.count());
  syscall(SYS_futex, &word, FUTEX_WAIT, value, &limit, nullptr, 0);  // spurious ends are looked at
}

}  // namespace

void WakeSleeper(Doorbell& bell) {
  bell.rings.fetch_add(1);
  syscall(SYS_futex, &bell.rings, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

bool WaitFor(Doorbell& bell, int spins, absl::FunctionRef<bool()> ready,
             Clock::time_point deadline) {
  for (int i = 0; i < spins; ++i) {
    if (ready()) return true;
    RelaxCore();
  }
  bell.asleep.store(1);
  bool is_ready = false;
  while (true) {
    // The order decides: who makes it ready after this look sees `asleep`, and changes `rings`.
    const uint32_t rings = bell.rings.load();
    is_ready = ready();
    if (is_ready) break;
    const auto now = Clock::now();
    if (now >= deadline) break;
    SleepWhile(bell.rings, rings, deadline - now);
  }
  bell.asleep.store(0);
  return is_ready;
}

int SpinsFor(int ranks) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  const bool known = sched_getaffinity(0, sizeof(cores), &cores) == 0;
  return known && CPU_COUNT(&cores) >= ranks ? 2000 : 50;
}

}  // namespace strata::distributed
