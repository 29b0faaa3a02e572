// Every format of up to 16 bits is held, code by code, against its definition in integers of 512 bits:
// the test has its own table of the formats, computes each magnitude as an integer, and rounds by looking
// for the two neighbours and comparing distances. Formats of more bits are sampled.
#include "chips/numerics/format.h"

#include <algorithm>
#include <bit>
#include <cfenv>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/numerics/exact_integer.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kNoCode = 0xffffffffu;

// The definition: facts of the specifications, written out a second time.
struct Definition {
  Format format;
  const char* name;
  int bits;
  int mantissa_bits;
  int lowest;        // exponent of the step between subnormals (or of an integer's 1)
  uint32_t largest;  // code of the largest finite value
  double largest_value;
  uint32_t infinity;  // positive code, or kNoCode
  uint32_t nan;       // a NaN's code, or kNoCode
};

constexpr Definition kDefinitions[] = {
    {Format::kF32, "f32", 32, 23, -149, 0x7f7fffff, 0x1.fffffep127, 0x7f800000, 0x7fc00000},
    {Format::kTf32, "tf32", 19, 10, -136, 0x3fbff, 0x1.ffcp127, 0x3fc00, 0x3fe00},
    {Format::kBf16, "bf16", 16, 7, -133, 0x7f7f, 0x1.fep127, 0x7f80, 0x7fc0},
    {Format::kF16, "f16", 16, 10, -24, 0x7bff, 65504, 0x7c00, 0x7e00},
    {Format::kE4M3, "e4m3", 8, 3, -9, 0x7e, 448, kNoCode, 0x7f},
    {Format::kE5M2, "e5m2", 8, 2, -16, 0x7b, 57344, 0x7c, 0x7e},
    {Format::kE4M3Fnuz, "e4m3fnuz", 8, 3, -10, 0x7f, 240, kNoCode, 0x80},
    {Format::kE5M2Fnuz, "e5m2fnuz", 8, 2, -17, 0x7f, 57344, kNoCode, 0x80},
    {Format::kE3M2, "e3m2", 6, 2, -4, 0x1f, 28, kNoCode, kNoCode},
    {Format::kE2M3, "e2m3", 6, 3, -3, 0x1f, 7.5, kNoCode, kNoCode},
    {Format::kE2M1, "e2m1", 4, 1, -1, 0x7, 6, kNoCode, kNoCode},
    {Format::kE8M0, "e8m0", 8, 0, -127, 0xfe, 0x1p127, kNoCode, 0xff},
    {Format::kI8, "i8", 8, 7, 0, 0x7f, 127, kNoCode, kNoCode},
    {Format::kI4, "i4", 4, 3, 0, 0x7, 7, kNoCode, kNoCode},
};

constexpr int kBelow =
    60;  // bits of the unit below the lowest step: room for a double's neighbours

class FormatTest : public testing::TestWithParam<Definition> {
 protected:
  const Definition& d() const { return GetParam(); }
  bool is_integer() const { return d().format == Format::kI8 || d().format == Format::kI4; }
  bool is_scale() const { return d().format == Format::kE8M0; }
  bool is_fnuz() const { return d().nan == 0x80; }
  int unit() const { return d().lowest - kBelow; }

  // The magnitude that a code without sign stands for; past the largest, what the next code would be.
  ExactInteger Magnitude(uint32_t code) const {
    uint64_t significand = code;
    int binade = 0;
    if (is_scale()) {
      significand = 1;
      binade = static_cast<int>(code);
    } else if (!is_integer()) {
      const uint32_t field = code >> d().mantissa_bits;
      significand = code & ((1u << d().mantissa_bits) - 1);
      if (field != 0) {
        significand += uint64_t{1} << d().mantissa_bits;
        binade = static_cast<int>(field) - 1;
      }
    }
    return ExactInteger(significand).Shifted(binade + kBelow);
  }

  uint32_t Signed(uint32_t code, bool negative) const {
    if (!negative || (is_fnuz() && code == 0)) return code;
    if (is_integer()) return ((1u << d().bits) - code) & ((1u << d().bits) - 1);
    return code | 1u << (d().bits - 1);
  }

  uint32_t OverflowCode(bool negative, const EncodeOptions& options) const {
    if (is_integer()) return negative ? d().largest + 1 : d().largest;
    if (options.overflow == Overflow::kSaturate) return Signed(d().largest, negative);
    if (d().infinity != kNoCode) return Signed(d().infinity, negative);
    if (is_fnuz()) return d().nan;
    return Signed(d().nan != kNoCode ? d().nan : d().largest, negative);
  }

  uint32_t LargestMagnitude(bool negative) const {
    return d().largest + (is_integer() && negative ? 1 : 0);
  }

  // Where a finite value lies among the magnitudes of the codes.
  struct Place {
    bool negative = false, zero = false, underflows = false, beyond = false;
    uint32_t below = 0;         // the largest code not above it
    ExactInteger down{}, up{};  // distances to `below` and to the next
  };

  Place Find(double value) const {
    Place p{.negative = std::signbit(value), .zero = value == 0};
    const uint32_t largest = LargestMagnitude(p.negative);
    p.below = largest;
    p.beyond = std::fabs(value) >= 2 * d().largest_value + 2;  // perhaps too wide for the oracle
    if (p.beyond) return p;
    const ExactInteger x = ExactInteger::FromDouble(value, unit());
    p.beyond = Magnitude(largest + 1) < x;
    p.underflows = x < Magnitude(0);  // only E8M0
    if (p.underflows || p.beyond) return p;
    p.below = 0;
    // Invariant: Magnitude(below) <= x <= Magnitude(above).
    for (uint32_t above = largest + 1; above - p.below > 1;) {
      const uint32_t middle = p.below + (above - p.below) / 2;
      (Magnitude(middle) <= x ? p.below : above) = middle;
    }
    p.down = x - Magnitude(p.below);
    p.up = Magnitude(p.below + 1) - x;
    return p;
  }

  // What Encode() has to return.
  uint32_t Expected(const Place& p, const EncodeOptions& options) const {
    if (is_scale() && p.negative && !p.zero) return d().nan;
    if (p.underflows) return 0;
    if (!p.beyond && p.down == ExactInteger()) return Signed(p.below, p.negative);
    const bool away = p.beyond ? LeavesRange(p.negative, options) : Away(p, options);
    if (!away) return Signed(p.below, p.negative);
    return p.below == LargestMagnitude(p.negative) ? OverflowCode(p.negative, options)
                                                   : Signed(p.below + 1, p.negative);
  }

  bool LeavesRange(bool negative, const EncodeOptions& options) const {
    switch (options.rounding) {
      case Rounding::kTowardZero:
        return false;
      case Rounding::kUp:
        return !negative;
      case Rounding::kDown:
        return negative;
      default:
        return true;
    }
  }

  // Whether a magnitude between two neighbouring codes goes to the upper one.
  bool Away(const Place& p, const EncodeOptions& options) const {
    switch (options.rounding) {
      case Rounding::kNearestEven:
        return p.up < p.down || (p.up == p.down && (p.below % 2 == 1 || is_scale()));
      case Rounding::kNearestAway:
        return p.up <= p.down;
      case Rounding::kTowardZero:
        return false;
      case Rounding::kUp:
        return !p.negative;
      case Rounding::kDown:
        return p.negative;
      case Rounding::kStochastic: {
        const ExactInteger step = p.down + p.up;  // a power of two
        const uint64_t fraction = p.down.Shifted(32 - step.Top()).low();
        return fraction + options.random >= uint64_t{1} << 32;
      }
    }
    return false;
  }

  // In every mode, both signs.
  void ExpectEncodes(double value) const {
    for (const double x : {value, -value}) {
      const Place place = Find(x);
      for (const Overflow overflow : {Overflow::kToSpecial, Overflow::kSaturate}) {
        for (const Rounding rounding : {Rounding::kNearestEven, Rounding::kNearestAway,
                                        Rounding::kTowardZero, Rounding::kUp, Rounding::kDown}) {
          ExpectEncodesWith(x, place, {.rounding = rounding, .overflow = overflow});
        }
        for (const uint32_t random : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
          ExpectEncodesWith(
              x, place,
              {.rounding = Rounding::kStochastic, .overflow = overflow, .random = random});
        }
      }
    }
  }

  void ExpectEncodesWith(double x, const Place& place, const EncodeOptions& options) const {
    const uint32_t actual = Encode(d().format, x, options), expected = Expected(place, options);
    if (actual == expected) return;  // EXPECT_EQ() alone is slow in millions of calls
    EXPECT_EQ(actual, expected) << std::hexfloat << x << " rounding "
                                << static_cast<int>(options.rounding) << " overflow "
                                << static_cast<int>(options.overflow) << " random "
                                << options.random;
  }

  double Value(uint32_t code) const { return Decode(d().format, code); }

  // A code, the tie above it, and the doubles on both sides of both.
  void ExpectEncodesAround(uint32_t code) const {
    const double value = Value(code);
    const double step = code == d().largest ? value - Value(code - 1) : Value(code + 1) - value;
    const double tie = value + step / 2;
    for (const double x : {value, tie}) {
      const double nudge =
          std::ldexp(1.0, unit());  // where a double has finer steps than the oracle
      ExpectEncodes(x);
      ExpectEncodes(x == 0 ? x : std::nextafter(x, 0.0));
      ExpectEncodes(x == 0 ? nudge : std::nextafter(x, HUGE_VAL));
    }
  }

  // All codes below the overflow of a small format, else samples and the borders of all binades.
  std::vector<uint32_t> Codes() const {
    std::vector<uint32_t> codes;
    if (d().bits <= 16) {
      for (uint32_t code = 0; code <= d().largest; ++code) codes.push_back(code);
      return codes;
    }
    for (uint32_t field = 0; field <= 254; ++field) {
      for (const int offset : {0, 1, -1, -2}) {
        const int64_t code = (int64_t{field} << d().mantissa_bits) + offset;
        if (code >= 0) codes.push_back(static_cast<uint32_t>(code));
      }
    }
    std::mt19937_64 random(1);
    for (int i = 0; i < 4000; ++i) {
      codes.push_back(static_cast<uint32_t>(random() % (d().largest + 1)));
    }
    return codes;
  }
};

TEST_P(FormatTest, EveryCodeDecodesToItsDefinition) {
  for (const uint32_t code : Codes()) {
    for (const bool negative : {false, true}) {
      if (negative && (is_scale() || (is_fnuz() && code == 0))) continue;
      if (negative && is_integer() && code == 0) continue;
      const double value = Value(Signed(code, negative));
      EXPECT_EQ(std::signbit(value), negative) << code;
      EXPECT_EQ(ExactInteger::FromDouble(value, unit()), Magnitude(code)) << code;
    }
  }
  EXPECT_EQ(Value(d().largest), d().largest_value);
}

TEST_P(FormatTest, EveryOtherCodeIsASpecialOne) {
  if (d().bits > 19) return;  // f32: as bf16, with more bits of payload
  for (uint32_t code = 0; code < 1u << d().bits; ++code) {
    const uint32_t sign = is_scale() ? 0 : 1u << (d().bits - 1);
    const uint32_t magnitude = code & ~sign;
    const bool infinity = d().infinity != kNoCode && magnitude == d().infinity;
    bool nan = d().infinity != kNoCode && magnitude > d().infinity;
    if (d().infinity == kNoCode && d().nan != kNoCode) {
      nan = code == d().nan || (!is_fnuz() && magnitude == d().nan);
    }
    EXPECT_EQ(IsInfinityCode(d().format, code), infinity) << code;
    EXPECT_EQ(IsNanCode(d().format, code), nan) << code;
    EXPECT_EQ(std::isinf(Value(code)), infinity) << code;
    EXPECT_EQ(std::isnan(Value(code)), nan) << code;
  }
}

TEST_P(FormatTest, EveryCodeComesBack) {
  for (const uint32_t magnitude : Codes()) {
    for (const bool negative : {false, true}) {
      if (negative && is_scale()) continue;
      const uint32_t code = Signed(magnitude, negative);
      EXPECT_EQ(Encode(d().format, Value(code)), code);
    }
  }
  if (d().nan == kNoCode) return;
  EXPECT_EQ(Encode(d().format, Value(d().nan)), d().nan);
}

TEST_P(FormatTest, CodesTiesAndNeighboursRoundInEveryMode) {
  for (const uint32_t code : Codes()) {
    ExpectEncodesAround(code);
    if (HasFailure()) return;  // the next thousand say the same
  }
}

TEST_P(FormatTest, RandomDoublesRoundInEveryMode) {
  std::mt19937_64 random(2);
  const int lowest = d().lowest - 4, highest = std::ilogb(d().largest_value) + 2;
  for (int i = 0; i < 2000; ++i) {
    const int exponent =
        lowest + static_cast<int>(random() % static_cast<uint64_t>(highest - lowest));
    // Multiples of the oracle's unit: 53 bits, or fewer near the bottom.
    const int bits = std::min(53, exponent - unit());
    const double significand = static_cast<double>(random() >> 11) * 0x1p-53 + 1;
    ExpectEncodes(std::ldexp(std::floor(std::ldexp(significand, bits)), exponent - bits));
  }
}

TEST_P(FormatTest, BeyondTheLargestOverflows) {
  const double largest = d().largest_value;
  for (const double x : {1.5 * largest, 2 * largest, 3 * largest, 1e300, 1.7976931348623157e308}) {
    ExpectEncodes(x);
  }
  const double infinity = std::numeric_limits<double>::infinity();
  for (const Overflow overflow : {Overflow::kToSpecial, Overflow::kSaturate}) {
    const EncodeOptions options{.rounding = Rounding::kTowardZero, .overflow = overflow};
    EXPECT_EQ(Encode(d().format, infinity, options), OverflowCode(false, options));
    const uint32_t negative = is_scale() ? d().nan : OverflowCode(true, options);
    EXPECT_EQ(Encode(d().format, -infinity, options), negative);
  }
}

TEST_P(FormatTest, NanStaysNanOrBecomesWhatTheHeaderSays) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double x : {nan, -nan}) {
    const uint32_t code = Encode(d().format, x);
    if (d().nan != kNoCode) {
      EXPECT_TRUE(IsNanCode(d().format, code));
    } else {
      EXPECT_EQ(code, is_integer() ? 0 : d().largest);
    }
  }
}

TEST_P(FormatTest, DoesNotDependOnTheRoundingModeOfTheThread) {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(i / 7.0);
  const int before = std::fegetround();
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::vector<uint32_t> codes;
    std::fesetround(mode);
    for (const double value : values) codes.push_back(Encode(d().format, value));
    std::fesetround(before);
    for (size_t i = 0; i < codes.size(); ++i) EXPECT_EQ(codes[i], Expected(Find(values[i]), {}));
  }
}

TEST_P(FormatTest, RowSaysWhatTheDefinitionSays) {
  const FormatRow& row = Row(d().format);
  EXPECT_STREQ(row.name, d().name);
  EXPECT_EQ(row.bits(), d().bits);
  EXPECT_EQ(row.LargestCode(), d().largest);
  EXPECT_EQ(row.HasInfinity(), d().infinity != kNoCode);
  EXPECT_EQ(row.HasNan(), d().nan != kNoCode);
  STRATA_ASSERT_OK_AND_ASSIGN(const Format parsed, ParseFormat(d().name));
  EXPECT_EQ(parsed, d().format);
}

INSTANTIATE_TEST_SUITE_P(Formats, FormatTest, testing::ValuesIn(kDefinitions),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Format, TheTableHoldsEveryFormatInOrder) {
  EXPECT_EQ(AllFormats().size(), std::size(kDefinitions));
  for (size_t i = 0; i < AllFormats().size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(AllFormats()[i].format), i);
  }
}

TEST(Format, IeeeNansKeepSignAndPayload) {
  EXPECT_EQ(Encode(Format::kF16, -std::nan("")), 0xfe00u);
  const double payload = std::bit_cast<double>(0x7ff8400000000000u);
  EXPECT_EQ(Encode(Format::kF16, payload), 0x7e10u >> 4 << 4);
  EXPECT_EQ(Encode(Format::kE4M3, -std::nan("")), 0xffu);
}

TEST(Format, ExactSumsWiderThanADoubleRoundOnce) {
  // 2^63 + 1 is just above a tie of fp32's grid at 2^40 only when no bit is lost on the way.
  const uint64_t tie = (uint64_t{1} << 63) + (uint64_t{1} << 39);
  EXPECT_EQ(EncodeExact(Format::kF32, false, tie, -63), 0x3f800000u);
  EXPECT_EQ(EncodeExact(Format::kF32, false, tie + 1, -63), 0x3f800001u);
  EXPECT_EQ(EncodeExact(Format::kF32, true, tie + 1, -63), 0xbf800001u);
}

TEST(Format, ParsesOtherNamesAndListsTheKnownOnes) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Format fp16, ParseFormat("FP16"));
  EXPECT_EQ(fp16, Format::kF16);
  STRATA_ASSERT_OK_AND_ASSIGN(const Format e4m3, ParseFormat("E4M3"));
  EXPECT_EQ(e4m3, Format::kE4M3);
  EXPECT_THAT(ParseFormat("e9m9"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("f32, tf32, bf16")));
}

}  // namespace
}  // namespace strata::chips
