// Packed products of codes by AVX-512 VNNI: vpdpbusd multiplies 64 unsigned codes of weights with int8 of x and adds them
// up by fours, exactly. A block of 32 takes 8 of them a row of x, then a conversion, a multiplication and a fused
// multiply-add (one more with a minimum): 80 % of the integer peak at best (73 %).
#ifndef STRATA_COMPILER_KERNELS_CPU_PACKED_VNNI_H_
#define STRATA_COMPILER_KERNELS_CPU_PACKED_VNNI_H_

#include "compiler/kernels/cpu/packed_kernel.h"

namespace strata::compiler {

// nullptr where this machine has no such instructions, or the layout holds floats.
const PackedKernel* VnniPackedKernel(const chips::PackedLayout& layout);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PACKED_VNNI_H_
