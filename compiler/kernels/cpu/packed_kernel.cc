#include "compiler/kernels/cpu/packed_kernel.h"

#include "compiler/kernels/cpu/packed_float.h"
#include "compiler/kernels/cpu/packed_vnni.h"

namespace strata::compiler {

const PackedKernel& BestPackedKernel(const chips::PackedLayout& layout) {
  if (const PackedKernel* kernel = VnniPackedKernel(layout)) return *kernel;
  if (const PackedKernel* kernel = FloatPackedKernel(layout)) return *kernel;
  return PlainPackedKernel();
}

}  // namespace strata::compiler
