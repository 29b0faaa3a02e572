// RunLaunchRegion: the kernels of one LaunchRegion, in one parallel region of OpenMP.
//
//   RunLaunchRegion(region, calls, /*ends=*/nullptr);
//
// Where fewer threads are to be had than were planned for (within a parallel region of the caller's
// there is one), the threads that there are do the others' shares too: no nesting, the same parts,
// the same results.
#ifndef STRATA_COMPILER_DEVICE_LAUNCH_REGION_H_
#define STRATA_COMPILER_DEVICE_LAUNCH_REGION_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "compiler/codegen/object_cache.h"
#include "compiler/device/launch_schedule.h"

namespace strata::compiler {

// A kernel on its operands.
struct LaunchCall {
  KernelEntry* entry = nullptr;
  int64_t extent = 0;  // of its parallel loop
  void* const* buffers = nullptr;
};

// `calls`: one a launch of the region. When `ends` is set, all threads wait after every launch, and
// it is filled with when each launch ended.
void RunLaunchRegion(const LaunchRegion& region, absl::Span<const LaunchCall> calls,
                     std::vector<std::chrono::steady_clock::time_point>* ends);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_LAUNCH_REGION_H_
