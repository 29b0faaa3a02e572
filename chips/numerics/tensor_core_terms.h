// The terms that tensor cores add, taken apart: what the rules of every maker are written in. Internal to
// tensor_core.h.
#ifndef STRATA_CHIPS_NUMERICS_TENSOR_CORE_TERMS_H_
#define STRATA_CHIPS_NUMERICS_TENSOR_CORE_TERMS_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "absl/types/span.h"
#include "chips/numerics/tensor_core.h"

namespace strata::chips {

inline constexpr int kZeroExponent =
    -126;  // zeros do not raise the largest exponent above fp32's least
inline constexpr int kLargestGroup = 32;

// A finite number is significand * 2^(exponent - mantissa bits of its format).
struct Operand {
  int64_t significand = 0;
  int exponent = kZeroExponent;
};

// What is needed of a format's row to take its codes apart.
struct Layout {
  explicit Layout(const FormatRow& row)
      : mantissa_bits(row.mantissa_bits),
        bias(row.bias),
        sign(row.SignMask()),
        first_special(row.HasNan() ? row.OverflowCode() : row.SignMask()),
        minus_zero_is_nan(row.specials == Specials::kFnuz) {}

  bool IsFinite(uint32_t code) const {
    return (code & (sign - 1)) < first_special && !(minus_zero_is_nan && code == sign);
  }

  Operand Unpack(uint32_t code) const {
    const uint32_t magnitude = code & (sign - 1);
    if (magnitude == 0) return {};
    const int field = static_cast<int>(magnitude >> mantissa_bits);
    const int64_t hidden = field == 0 ? 0 : int64_t{1} << mantissa_bits;
    const int64_t significand = hidden + (magnitude & ((1u << mantissa_bits) - 1));
    return {(code & sign) != 0 ? -significand : significand, std::max(field, 1) - bias};
  }

  int mantissa_bits;
  int bias;
  uint32_t sign;
  uint32_t first_special;  // magnitudes from here on are infinity or NaN
  bool minus_zero_is_nan;
};

// value / 2^shift, cut off toward zero.
inline int64_t TruncateShift(int64_t value, int shift) {
  if (shift <= 0) return value * (int64_t{1} << -shift);
  const int64_t cut = std::abs(value) >> std::min(shift, 63);
  return value < 0 ? -cut : cut;
}

// value / 2^shift, cut off downward.
inline int64_t FloorShift(int64_t value, int shift) {
  if (shift <= 0) return value * (int64_t{1} << -shift);
  return value >> std::min(shift, 63);
}

// The products of one group that are not zero: significand * 2^(exponent - unit).
struct Products {
  std::array<Operand, kLargestGroup> terms;
  size_t count = 0;
  int unit = 0;
};

// False when an operand is not finite.
bool Multiply(const Layout& layout, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
              Products& products);

// The largest exponent of the products, or `at_least`.
int LargestExponent(const Products& products, int at_least);

// sum * 2^exponent in the format of the result.
uint32_t RoundSum(const DotRule& rule, int64_t sum, int exponent, Rounding rounding);

// One group of AMD's rules (tensor_core_amd.cc); operands and c are finite.
uint32_t AmdGroup(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
                  const Products& products, uint32_t c);

// The sum of the products, each cut off at 2^(largest - bits): a multiple of that.
int64_t AlignedSum(const Products& products, int largest, int bits);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_TENSOR_CORE_TERMS_H_
