// WriteCuda: a Nest as CUDA C++ for NVRTC, the same C family as WriteC with a thread for each lane.
//
//   __global__ void entry(void* const* buffers, long begin, long end)
//
// Launch it with blocks of THREADS threads (256, see cuda_prelude.inc) and a grid of any size; begin and end as on a CPU,
// 0 and Kernel.parallel_extent for all of it. Blocks share out the parallel iterations; the threads of a block share out
// each vector loop, and meet in shared memory where a row is reduced. Of a column kernel each thread does whole columns.
#ifndef STRATA_COMPILER_CODEGEN_CUDA_WRITER_H_
#define STRATA_COMPILER_CODEGEN_CUDA_WRITER_H_

#include <string>

#include "compiler/loop/schedule.h"

namespace strata::compiler {

// Threads of a block, as cuda_prelude.inc defines THREADS.
inline constexpr int kCudaThreads = 256;

// Text that needs the CUDA prelude before it (Prelude("sm_90")).
std::string WriteCuda(const loop::Nest& nest, const std::string& entry);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_CUDA_WRITER_H_
