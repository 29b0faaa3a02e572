// Dots of block-scaled operands as Blackwell's tensor cores compute them, bit for bit, scales included.
//
//   STRATA_ASSIGN_OR_RETURN(uint32_t d, BlockScaledDot({BlockFormat::kNvFp4, x, x_scales},
//                                                      {BlockFormat::kNvFp4, y, y_scales}, c));
//
// mxf8f6f4: 32 products with one pair of scales. The scales' exponents are added to the products', which are
// then aligned with C, cut off and added as fp8 is (tensor_core.h). mxf4 and nvf4: 64 products. Sixteen at a
// time are added without error and multiplied by their two scales' significands; these four sums and C are
// aligned by the scales' exponents and cut off 35 bits below the largest. Both cut the result off to fp32.
// Source: MMA-Sim, arXiv:2511.10909.
#ifndef STRATA_CHIPS_NUMERICS_BLOCK_DOT_H_
#define STRATA_CHIPS_NUMERICS_BLOCK_DOT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "chips/numerics/block_format.h"

namespace strata::chips {

struct BlockOperand {
  BlockFormat format;
  absl::Span<const uint8_t> elements;  // codes, whole blocks
  absl::Span<const uint8_t> scales;    // a code a block; NVFP4's sign is not looked at
};

// `c` and the result are fp32 words. Two MXFP4 or two NVFP4 operands take the 4-bit unit, other MX floats
// mixed as one likes the 8-bit one; a last instruction that is not full counts zeros. A NaN, also in a scale,
// gives 0x7fffffff. NVFP4's tensor scales are the caller's to apply. INVALID_ARGUMENT for lengths that do not
// fit, UNIMPLEMENTED for MXINT8 and for NVFP4 with another format.
absl::StatusOr<uint32_t> BlockScaledDot(const BlockOperand& a, const BlockOperand& b, uint32_t c);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_BLOCK_DOT_H_
