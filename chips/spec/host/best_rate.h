// How fast can a team of threads do this? The best of many short trials, made to hold on a machine
// that has other things to do.
#ifndef STRATA_CHIPS_SPEC_HOST_BEST_RATE_H_
#define STRATA_CHIPS_SPEC_HOST_BEST_RATE_H_

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <vector>

namespace strata::chips {

inline constexpr double kTick = 1e-9;  // seconds: the clock may stand still

// How long to measure, and how much to read.
struct Effort {
  int trials;
  double trial_seconds;   // of one trial of a rate or a cache
  double budget_seconds;  // no further trial after that
  int launches;
  int64_t caches_to_buffer;  // the buffer is that many times the last cache ...
  int64_t max_buffer;        // ... but no larger than this
};

inline double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Runs `body(thread)` on `threads` threads that start together. Seconds from the first start to the
// last end; `own`, when given, gets what each thread took itself.
template <typename Body>
double TimeTeam(int threads, const Body& body, std::vector<double>* own = nullptr) {
  double first = std::numeric_limits<double>::infinity();
#pragma omp parallel num_threads(threads) reduction(min : first)
  {
    const int thread = omp_get_thread_num();
#pragma omp barrier
    first = Now();
    body(thread);
    if (own != nullptr) (*own)[thread] = std::max(Now() - first, kTick);
  }
  return std::max(Now() - first, kTick);
}

// Iterations of `body` that keep one thread busy for a trial. What seems long enough must be so three
// times: the thread may only have waited for its core.
template <typename Body>
int64_t Calibrate(const Effort& effort, const Body& body) {
  const auto time = [&body](int64_t iterations) {
    return TimeTeam(1, [&](int thread) { body(thread, iterations); });
  };
  int64_t iterations = 1;
  while (iterations < (int64_t{1} << 40)) {
    double seconds = time(iterations);
    for (int i = 0; i < 2 && seconds >= effort.trial_seconds / 2; ++i) {
      seconds = std::min(seconds, time(iterations));
    }
    if (seconds >= effort.trial_seconds / 2) break;
    iterations =
        static_cast<int64_t>(iterations * std::clamp(effort.trial_seconds / seconds, 2.0, 8.0));
  }
  return iterations;
}

enum class Sharing { kNone, kAll };  // of the resource under test, among threads

// Iterations of `body(thread, iterations)` a second, of all threads. Best of many trials, each shorter
// than a scheduler's time slice, so that on a busy machine some run undisturbed. Threads that share
// nothing and have a core each need not be undisturbed at once: then the sum of each one's best counts.
template <typename Body>
double BestRate(const Effort& effort, int threads, Sharing sharing, const Body& body) {
  const int64_t iterations = Calibrate(effort, body);
  std::vector<double> own(threads), best_own(threads, std::numeric_limits<double>::infinity());
  double best = best_own[0];
  double spent = 0;
  for (int i = 0; i < effort.trials && (i < 3 || spent < effort.budget_seconds); ++i) {
    const double wall = TimeTeam(
        threads, [&](int thread) { body(thread, iterations); }, &own);
    best = std::min(best, wall);
    spent += wall;
    for (int t = 0; t < threads; ++t) best_own[t] = std::min(best_own[t], own[t]);
  }
  if (sharing == Sharing::kAll || threads > omp_get_num_procs())
    return threads * (iterations / best);
  double rate = 0;
  for (const double seconds : best_own) rate += iterations / seconds;
  return rate;
}

}  // namespace strata::chips

#endif  // STRATA_CHIPS_SPEC_HOST_BEST_RATE_H_
