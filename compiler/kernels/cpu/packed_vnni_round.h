// Rows of x to int8 panels by AVX-512 VNNI: what packed_plain.cc does, bit for bit, at about 17 cycles for 32 elements.
#ifndef STRATA_COMPILER_KERNELS_CPU_PACKED_VNNI_ROUND_H_
#define STRATA_COMPILER_KERNELS_CPU_PACKED_VNNI_ROUND_H_

#include "compiler/kernels/cpu/packed_kernel.h"

namespace strata::compiler {

// The `round` of a kernel of codes. Only for machines that have the instructions (VnniPackedKernel() is not null).
decltype(PackedKernel::round) VnniRound(chips::PackedForm form);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PACKED_VNNI_ROUND_H_
