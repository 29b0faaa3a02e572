// Conversions of whole arrays between fp32 and the narrow float formats, at the memory's speed. The same
// numbers, bit for bit, as Encode() to nearest even and Decode() of format.h give.
//
//   std::vector<uint8_t> codes(x.size());
//   STRATA_RETURN_IF_ERROR(FromF32(Format::kE4M3, x, absl::MakeSpan(codes), Overflow::kSaturate));
//   STRATA_RETURN_IF_ERROR(ToF32(Format::kE4M3, codes, absl::MakeSpan(y)));
//
// A code of up to 8 bits lies in a byte of its own, one of 16 in a uint16_t. With AVX-512 sixteen values are
// done at once; other machines take the exact scalar code. Neither depends on the thread's rounding mode.
#ifndef STRATA_CHIPS_NUMERICS_CONVERT_H_
#define STRATA_CHIPS_NUMERICS_CONVERT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "chips/numerics/format.h"
#include "chips/numerics/philox.h"

namespace strata::chips {

// INVALID_ARGUMENT when the sizes differ, or codes of the format do not lie in such elements (tf32 and
// fp32 in none).
absl::Status FromF32(Format format, absl::Span<const float> values, absl::Span<uint8_t> codes,
                     Overflow overflow = Overflow::kToSpecial);
absl::Status FromF32(Format format, absl::Span<const float> values, absl::Span<uint16_t> codes,
                     Overflow overflow = Overflow::kToSpecial);

// Stochastic rounding: value i takes the word first + i of `bits`, so that the parts of an array can be done
// by themselves, in any order.
absl::Status FromF32Stochastic(Format format, absl::Span<const float> values,
                               const RandomBits& bits, uint64_t first, absl::Span<uint8_t> codes,
                               Overflow overflow = Overflow::kToSpecial);
absl::Status FromF32Stochastic(Format format, absl::Span<const float> values,
                               const RandomBits& bits, uint64_t first, absl::Span<uint16_t> codes,
                               Overflow overflow = Overflow::kToSpecial);

// NaNs keep their sign, and in bf16 and fp16 their payload.
absl::Status ToF32(Format format, absl::Span<const uint8_t> codes, absl::Span<float> values);
absl::Status ToF32(Format format, absl::Span<const uint16_t> codes, absl::Span<float> values);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_CONVERT_H_
