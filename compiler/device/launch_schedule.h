// Launch schedule: which launches of a plan share one parallel region of the CPU, which thread runs
// which part of each, and where the threads wait for each other.
//
//   std::vector<LaunchRegion> regions =
//       ScheduleLaunches(plan, is_kernel, threads, LaunchSharing::kWhereItPays);
//
// A region of its own costs each kernel a fork and a join. In a shared region a kernel only waits
// for those whose results it reads, or whose operands it overwrites: one barrier instead of two, or
// none. The parts of a kernel stay those of ParallelFor (compiler/kernels/cpu/parallel.h), so
// results are the same bit for bit. Kernels of one part that do not depend on each other run on
// different threads.
//
// Dependence is that of bytes: temporaries by their slice of the arena, other buffers by their
// root. Two inputs are taken to be different memory.
#ifndef STRATA_COMPILER_DEVICE_LAUNCH_SCHEDULE_H_
#define STRATA_COMPILER_DEVICE_LAUNCH_SCHEDULE_H_

#include <cstdint>
#include <vector>

#include "compiler/plan/plan.pb.h"

namespace strata::compiler {

enum class LaunchSharing {
  kWhereItPays,  // by counted work: runs of short kernels
  kNever,        // each kernel has a region of its own
  kAlways,       // every run of two kernels and more (benchmarks, tests)
};

struct ScheduledLaunch {
  int step = 0;          // index in Plan.steps
  int64_t parts = 1;     // >= 0
  int first_thread = 0;  // part p runs on thread (first_thread + p) % LaunchRegion.threads
  bool waits = false;    // until all threads have ended what comes before
};

// Steps [begin, end) of the plan, all launches.
struct LaunchRegion {
  int begin = 0, end = 0;
  int threads = 1;
  std::vector<ScheduledLaunch> launches;
};

// Regions in order of their steps; steps in none run by themselves. `is_kernel`, by step: a launch
// whose kernel was built. `plan` is valid, `threads` >= 1; with one thread there is nothing to
// share.
std::vector<LaunchRegion> ScheduleLaunches(const plan::Plan& plan,
                                           const std::vector<bool>& is_kernel, int threads,
                                           LaunchSharing sharing);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_LAUNCH_SCHEDULE_H_
