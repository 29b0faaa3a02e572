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

// Fills the borders of all places of A in L1 and the panel that stands for rows outside, with zeros or
// with the least number that the type holds. Loads write only what lies between the borders, so that
// this is done once. `pixel_pitch`: bytes from pixel to pixel in L1.
enum class BorderFill { kZero, kLowest };
void FillBorders(const std::vector<Border>& borders, const ProductProblem& problem,
                 const ProductLayout& layout, int64_t pixel_pitch, BorderFill fill,
                 ProgramBuilder* builder);

// Makes a padded copy of all images in a scratch region and gives its address. UNIMPLEMENTED when L1
// cannot hold two rows. Uses all of L1, so it comes first.
absl::StatusOr<int64_t> EmitPaddedImage(const ProductProblem& problem, int64_t image,
                                        ProgramBuilder* builder);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_IMAGE_PADDING_H_
