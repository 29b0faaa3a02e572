// Packed products of floats by AVX-512: f32 and f16 weights by fused multiply-adds, one weight of 16 rows at a time; bf16
// by vdpbf16ps, two of them.
#ifndef STRATA_COMPILER_KERNELS_CPU_PACKED_FLOAT_H_
#define STRATA_COMPILER_KERNELS_CPU_PACKED_FLOAT_H_

#include "compiler/kernels/cpu/packed_kernel.h"

namespace strata::compiler {

// nullptr where this machine has no such instructions, or the layout holds codes.
const PackedKernel* FloatPackedKernel(const chips::PackedLayout& layout);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PACKED_FLOAT_H_
