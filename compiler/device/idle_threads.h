// ReleaseIdleThreads: ends the threads that OpenMP keeps for the calling thread between its parallel regions.
//
//   model = Load(path);            // packs weights with all cores: OpenMP keeps a team for this thread
//   ReleaseIdleThreads();
//   std::thread([&] { Serve(); }); // has a team of its own, and the cores
//
// OpenMP keeps a team for every thread that ever began a region. While the kept threads of a process are more than its
// cores, GCC's runtime does not spin at a barrier but sleeps at once, and each barrier of a plan costs a system call:
// measured on two cores, 7.9 us for 1.8 us. So a thread that leaves the work to another gives its team back. Its next
// region starts a new one. Must not be called within a parallel region.
#ifndef STRATA_COMPILER_DEVICE_IDLE_THREADS_H_
#define STRATA_COMPILER_DEVICE_IDLE_THREADS_H_

namespace strata::compiler {

void ReleaseIdleThreads();

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_IDLE_THREADS_H_
