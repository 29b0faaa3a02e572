#include "compiler/device/idle_threads.h"

#include <omp.h>

namespace strata::compiler {

void ReleaseIdleThreads() { omp_pause_resource_all(omp_pause_soft); }

}  // namespace strata::compiler
