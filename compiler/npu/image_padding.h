// Zeros around an image: where a convolution's windows hang over its edges.
#ifndef STRATA_COMPILER_NPU_IMAGE_PADDING_H_
#define STRATA_COMPILER_NPU_IMAGE_PADDING_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "compiler/npu/product_panels.h"
#include "compiler/npu/product_tiling.h"
#include "compiler/npu/program_builder.h"

namespace strata::compiler {

// Writes zeros to the borders of all places of A in L1, and to the panel of zeros. Loads write only
// what lies between the borders, so that this is done once.
void FillBorders(const std::vector<Border>& borders, const ProductProblem& problem,
                 const ProductLayout& layout, ProgramBuilder* builder);

// Makes a padded copy of all images in a scratch region and gives its address. UNIMPLEMENTED when L1
// cannot hold two rows. Uses all of L1, so it comes first.
absl::StatusOr<int64_t> EmitPaddedImage(const ProductProblem& problem, int64_t image,
                                        ProgramBuilder* builder);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_IMAGE_PADDING_H_
