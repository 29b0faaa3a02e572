// Integers of 512 bits for the oracles of tests: plain loops over limbs, no cleverness, so that a rounding
// rule can be written in the words that define it. Overflow is the test's fault and is not looked for.
#ifndef STRATA_CHIPS_NUMERICS_EXACT_INTEGER_H_
#define STRATA_CHIPS_NUMERICS_EXACT_INTEGER_H_

#include <array>
#include <bit>
#include <cmath>
#include <compare>
#include <cstdint>

namespace strata::chips {

// Unsigned. `unit` says what 1 stands for: values of doubles are held as multiples of 2^unit.
class ExactInteger {
 public:
  ExactInteger() = default;
  explicit ExactInteger(uint64_t value) { limbs_[0] = value; }

  // |value| / 2^unit; exact when `value` is a multiple of 2^unit.
  static ExactInteger FromDouble(double value, int unit) {
    int exponent;
    const double fraction = std::frexp(std::fabs(value), &exponent);
    const ExactInteger significand(static_cast<uint64_t>(std::ldexp(fraction, 53)));
    return significand.Shifted(exponent - 53 - unit);
  }

  ExactInteger Shifted(int left) const {
    ExactInteger result;
    for (int i = 0; i < static_cast<int>(kLimbs); ++i) {
      for (const int bits : {0, 1}) {  // each limb gets bits of two
        const int from = 64 * i - left + 64 * bits;
        const int limb = from >= 0 ? from / 64 : -((63 - from) / 64);
        const int shift = from - 64 * limb;
        if (limb < 0 || limb >= static_cast<int>(kLimbs)) continue;
        const uint64_t word = limbs_[static_cast<size_t>(limb)];
        if (bits == 0) result.limbs_[static_cast<size_t>(i)] |= word >> shift;
        if (bits == 1 && shift != 0) result.limbs_[static_cast<size_t>(i)] |= word << (64 - shift);
      }
    }
    return result;
  }

  bool Bit(int i) const { return (limbs_[static_cast<size_t>(i / 64)] >> (i % 64) & 1) != 0; }

  ExactInteger operator+(const ExactInteger& other) const {
    ExactInteger result;
    unsigned __int128 carry = 0;
    for (size_t i = 0; i < kLimbs; ++i) {
      carry += static_cast<unsigned __int128>(limbs_[i]) + other.limbs_[i];
      result.limbs_[i] = static_cast<uint64_t>(carry);
      carry >>= 64;
    }
    return result;
  }

  // Of the larger one the smaller.
  ExactInteger operator-(const ExactInteger& other) const {
    ExactInteger result;
    uint64_t borrow = 0;
    for (size_t i = 0; i < kLimbs; ++i) {
      const unsigned __int128 take = static_cast<unsigned __int128>(other.limbs_[i]) + borrow;
      borrow = limbs_[i] < take ? 1 : 0;
      result.limbs_[i] = limbs_[i] - static_cast<uint64_t>(take);
    }
    return result;
  }

  std::strong_ordering operator<=>(const ExactInteger& other) const {
    for (size_t i = kLimbs; i-- > 0;) {
      if (limbs_[i] != other.limbs_[i]) return limbs_[i] <=> other.limbs_[i];
    }
    return std::strong_ordering::equal;
  }
  bool operator==(const ExactInteger& other) const { return limbs_ == other.limbs_; }

  // Index of the highest bit that is set; -1 for zero.
  int Top() const {
    for (int bit = kBits - 1; bit >= 0; --bit) {
      if (Bit(bit)) return bit;
    }
    return -1;
  }
  uint64_t low() const { return limbs_[0]; }

 private:
  static constexpr size_t kLimbs = 8;
  static constexpr int kBits = 512;
  std::array<uint64_t, kLimbs> limbs_{};
};

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_EXACT_INTEGER_H_
