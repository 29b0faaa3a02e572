#include "compiler/device/launch_region.h"

#include <omp.h>

#include "compiler/device/team_barrier.h"
#include "compiler/kernels/cpu/parallel.h"

namespace strata::compiler {
namespace {

// The parts of a launch that were planned for `thread` of `threads`.
void RunShare(const ScheduledLaunch& launch, const LaunchCall& call, int thread, int threads) {
  for (int64_t part = (thread + threads - launch.first_thread) % threads; part < launch.parts;
       part += threads) {
    const PartRange range = PartOf(call.extent, launch.parts, part);
    call.entry(call.buffers, range.begin, range.end);
  }
}

}  // namespace

void RunLaunchRegion(const LaunchRegion& region, absl::Span<const LaunchCall> calls,
                     std::vector<std::chrono::steady_clock::time_point>* ends) {
  using Clock = std::chrono::steady_clock;
  const size_t count = region.launches.size();
  if (ends != nullptr) ends->resize(count);
  TeamBarrier barrier;
#pragma omp parallel num_threads(region.threads) if (!omp_in_parallel())
  {
    const int me = omp_get_thread_num(), team = omp_get_num_threads();
    for (size_t i = 0; i < count; ++i) {
      if (i > 0 && (region.launches[i].waits || ends != nullptr)) {
        barrier.Wait(team);
        if (ends != nullptr && me == 0) (*ends)[i - 1] = Clock::now();
      }
      for (int thread = me; thread < region.threads; thread += team)
        RunShare(region.launches[i], calls[i], thread, region.threads);
    }
    barrier.Wait(team);  // so that nobody has to wait at the end of the region, where OpenMP would
  }
  if (ends != nullptr && count > 0) ends->back() = Clock::now();
}

}  // namespace strata::compiler
