// The AVX-512 loops behind convert.h: one loop for all narrow float formats, told apart by constants.
#ifndef STRATA_CHIPS_NUMERICS_CONVERT_KERNELS_H_
#define STRATA_CHIPS_NUMERICS_CONVERT_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "chips/numerics/format.h"

namespace strata::chips {

// Words named after what they are compared with or added to; see EncodeKernel().
struct EncodeConstants {
  EncodeConstants(const FormatRow& row, Overflow overflow);

  int drop;         // mantissa bits of fp32 that go
  int sign_shift;   // from fp32's sign to the code's
  uint32_t rebias;  // of the exponent field, in place
  uint32_t
      least_normal;  // fp32 word of the smallest normal number; 0 where subnormals need no other way
  uint32_t least_field;      // fp32's exponent field of the smallest normal number
  float step_of_subnormals;  // adding it lets fp32 round to the subnormals' step
  uint32_t largest;
  uint32_t beyond;  // code of what is beyond the largest
  uint32_t nan;
  uint32_t nan_payload;  // bits of the shifted mantissa that a NaN keeps
  bool nan_has_sign;
  bool zero_has_sign;
};

struct DecodeConstants {
  explicit DecodeConstants(const FormatRow& row);

  int widen;
  uint32_t sign;  // bit of the code
  int sign_shift;
  float scale;             // between the exponents' biases
  uint32_t first_special;  // magnitudes from here on are infinity or NaN; 2^32 - 1: none is
  uint32_t special_bits;   // fp32 bits that these get
  uint32_t nan_code;       // FNUZ's one NaN; 2^32 - 1: none
};

bool HasConvertKernels();

void EncodeKernel(const EncodeConstants& k, const float* values, uint8_t* codes, size_t count);
void EncodeKernel(const EncodeConstants& k, const float* values, uint16_t* codes, size_t count);
void EncodeStochasticKernel(const EncodeConstants& k, const float* values, const uint32_t* random,
                            uint8_t* codes, size_t count);
void EncodeStochasticKernel(const EncodeConstants& k, const float* values, const uint32_t* random,
                            uint16_t* codes, size_t count);
void DecodeKernel(const DecodeConstants& k, const uint8_t* codes, float* values, size_t count);
void DecodeKernel(const DecodeConstants& k, const uint16_t* codes, float* values, size_t count);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_CONVERT_KERNELS_H_
