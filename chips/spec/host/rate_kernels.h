// Loops of independent multiply-adds, one for each instruction worth knowing the peak of.
#ifndef STRATA_CHIPS_SPEC_HOST_RATE_KERNELS_H_
#define STRATA_CHIPS_SPEC_HOST_RATE_KERNELS_H_

#include <cstdint>
#include <vector>

#include "chips/numerics/dtype.pb.h"

namespace strata::chips {

struct RateKernel {
  DType dtype;
  bool matrix_unit;     // the instruction only forms dot products
  const char* how;      // "512-bit FMA (avx512f)"
  int multiply_adds;    // in one iteration
  bool (*available)();  // does this CPU have it
  // Counts up in every lane by multiplying ones, so that the result is the number of multiply-adds
  // done, as long as a lane holds it exactly (2^24 iterations for f32).
  double (*run)(int64_t iterations);
};

// For one dtype the fastest comes first; the last of F32 and of F64 runs on every machine.
const std::vector<RateKernel>& RateKernels();

}  // namespace strata::chips

#endif  // STRATA_CHIPS_SPEC_HOST_RATE_KERNELS_H_
