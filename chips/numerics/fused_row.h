// The fused rule for sixteen columns at once, in AVX-512: the fast path inside MatmulAs().
#ifndef STRATA_CHIPS_NUMERICS_FUSED_ROW_H_
#define STRATA_CHIPS_NUMERICS_FUSED_ROW_H_

#include <cstdint>

namespace strata::chips {

// Operands taken apart: value = significand * 2^exponent with 1 <= |significand| < 2, or less for
// subnormals, which have the format's least exponent. Zero is 0 * 2^kZeroOperandExponent, so that it never
// has the largest exponent.
inline constexpr float kZeroOperandExponent = -1000;

struct FusedRow {
  const float* a_significand;  // [k]
  const float* a_exponent;
  const float* b_significand;  // [k, 16]
  const float* b_exponent;
  int64_t k;  // a multiple of `group`
  int group;  // 4, 8, 16 or 32
  int alignment_bits;
  int kept_bits;
};

bool HasFusedRow();

// d[16] = fused groups over k, from c[16]. Finite numbers only. Returns a bit a column that came near the
// end of fp32's range: these are not to be used.
uint32_t RunFusedRow(const FusedRow& row, const float* c, float* d);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_FUSED_ROW_H_
