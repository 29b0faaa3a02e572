// The table of number formats, and the exact decoding and encoding that every faster path is held
// against: one row a format, one algorithm for all rows.
//
//   double x = Decode(Format::kE4M3, 0x7e);                              // 448, the largest
//   uint32_t code = Encode(Format::kE4M3, 460.0);                        // 0x7e: nearest, ties to even
//   code = Encode(Format::kE4M3, 1e6, {.overflow = Overflow::kSaturate});  // 0x7e; without: 0x7f, NaN
//   Encode(Format::kE2M1, x, {.rounding = Rounding::kStochastic, .random = bits.At(i)});
//
// A code holds the format's bits in its low `bits` bits, the sign uppermost. Codes with higher bits set
// are read as if these were zero. Every value of every format is a double, so that double is the exact
// meeting place; fp32 values are widened to it without loss.
//
// Rows come from: IEEE 754-2019 (fp32, fp16); OCP 8-bit Floating Point Specification 1.0 (E4M3, E5M2);
// OCP Microscaling Formats Specification 1.0 (fp6, fp4, E8M0); Noune et al. 2022, arXiv:2206.02915, as
// AMD's CDNA3 has it (the FNUZ pair); bf16 and tf32 as NVIDIA's PTX ISA describes them.
#ifndef STRATA_CHIPS_NUMERICS_FORMAT_H_
#define STRATA_CHIPS_NUMERICS_FORMAT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace strata::chips {

enum class Format : uint8_t {
  kF32,
  kTf32,  // the 19 bits that matter: the upper ones of the fp32 word that carries it
  kBf16,
  kF16,
  kE4M3,  // OCP, "FN": finite but for one NaN a sign
  kE5M2,  // OCP: IEEE-like
  kE4M3Fnuz,
  kE5M2Fnuz,
  kE3M2,
  kE2M3,
  kE2M1,
  kE8M0,  // a power of two: the scale of the MX formats
  kI8,
  kI4,
};

// Which codes are not finite numbers.
enum class Specials : uint8_t {
  kIeee,     // the top exponent: infinity with a zero mantissa, else NaN
  kFn,       // all ones below the sign is NaN; no infinity
  kFnuz,     // what would be -0 is the one NaN; no infinity, no -0
  kAllOnes,  // E8M0: 0xff is NaN
  kNone,
};

enum class Kind : uint8_t { kFloat, kScale /* unsigned power of two */, kInteger };

struct FormatRow {
  Format format;
  const char* name;
  Kind kind;
  int exponent_bits;
  int mantissa_bits;  // stored ones, without the hidden bit; an integer's bits below the sign
  int bias;
  Specials specials;

  int bits() const { return (kind == Kind::kScale ? 0 : 1) + exponent_bits + mantissa_bits; }
  // Exponent of the smallest normal number, and of every subnormal one.
  int min_exponent() const { return (kind == Kind::kScale ? 0 : 1) - bias; }
  bool HasNan() const { return specials != Specials::kNone; }
  bool HasInfinity() const { return specials == Specials::kIeee; }
  uint32_t SignMask() const { return kind == Kind::kScale ? 0 : 1u << (bits() - 1); }
  // Code of the largest finite value.
  uint32_t LargestCode() const;
  // The infinity, or the NaN where there is none, or else the largest: where overflow goes.
  uint32_t OverflowCode() const;
};

const FormatRow& Row(Format format);
absl::Span<const FormatRow> AllFormats();

// "f32", "tf32", "bf16", "f16", "e4m3", ...; also "fp16", "E4M3" and the like.
absl::StatusOr<Format> ParseFormat(absl::string_view name);

bool IsNanCode(Format format, uint32_t code);
bool IsInfinityCode(Format format, uint32_t code);

// The exact value: infinity and NaN for the codes that mean them.
double Decode(Format format, uint32_t code);

enum class Rounding : uint8_t {
  // Ties go to the even code. In E8M0, where both neighbours' significands are the odd 1, to the
  // larger magnitude (IEEE 754-2019, 4.3.1).
  kNearestEven,
  kNearestAway,  // ties away from zero
  kTowardZero,
  kUp,    // toward plus infinity
  kDown,  // toward minus infinity
  // Away from zero with the probability that the discarded part says, to 2^-32: `random` is added
  // below the last kept bit (Croci et al. 2022, "Stochastic rounding", RSOS 9:211631).
  kStochastic,
};

enum class Overflow : uint8_t {
  kToSpecial,  // beyond the largest: infinity, or NaN where there is none
  kSaturate,   // the largest, for infinities too (OCP's saturating mode)
};

struct EncodeOptions {
  Rounding rounding = Rounding::kNearestEven;
  Overflow overflow = Overflow::kToSpecial;
  uint32_t random = 0;  // uniform; for kStochastic
};

// Rounds `value` into the format; exact whatever the rounding mode of the thread. Rounding is done with
// unbounded exponent first, and what then is beyond the largest value overflows; but a mode that rounds
// such a number toward zero stops at the largest (IEEE 754-2019, 7.4). Formats without infinity and NaN saturate always. NaN becomes a quiet NaN: IEEE
// formats keep the sign and the payload's upper bits, FN the sign; where there is no NaN a float becomes
// the largest (as NVIDIA's cvt.satfinite has it) and an integer 0. E8M0 has neither zero nor sign: it
// clamps below at 2^-127, and a negative number is NaN.
uint32_t Encode(Format format, double value, const EncodeOptions& options = {});

// ±significand * 2^exponent, rounded as above. For sums that no double holds.
uint32_t EncodeExact(Format format, bool negative, uint64_t significand, int exponent,
                     const EncodeOptions& options = {});

// Decode(Encode()).
double RoundTo(Format format, double value, const EncodeOptions& options = {});

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_FORMAT_H_
