// The AVX-512 loops behind block_format.h, and those of the integer formats behind convert.h.
#ifndef STRATA_CHIPS_NUMERICS_BLOCK_KERNELS_H_
#define STRATA_CHIPS_NUMERICS_BLOCK_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "chips/numerics/convert_kernels.h"

namespace strata::chips {

// Integers of `bits` bits, two's complement, in a byte's low ones: to nearest even, saturating at [low, high]; NaN is 0.
void EncodeIntegerKernel(int bits, float low, float high, const float* values, uint8_t* codes,
                         size_t count);
// The same stochastically: up by the words, as EncodeOptions::random has it.
void StochasticIntegerKernel(int bits, float low, float high, const float* values,
                             const uint32_t* random, uint8_t* codes, size_t count);
void DecodeIntegerKernel(int bits, const uint8_t* codes, float* values, size_t count);

// For each block (16 or 32 values, the last may be short) the largest of the values' fp32 words without their signs:
// above 0x7f7fffff when one is not finite.
void LargestKernel(const float* values, size_t count, size_t block, uint32_t* largest);

// The largest of all finite values' words without their signs.
uint32_t LargestFiniteKernel(const float* values, size_t count);

// NVFP4's scales: largest / (6 tensor_scale), in double, to E4M3 to nearest even, saturating;
// NaN for a block with what is not finite. `divisor` is 6 tensor_scale.
void Fp4ScaleKernel(const uint32_t* largest, size_t blocks, double divisor, uint8_t* scales);

// Elements to nearest even. MX floats: block b's values are divided by 2^(scales[b] - 127); a scale of 255 makes zeros.
void MxElementKernel(const EncodeConstants& k, const float* values, size_t count,
                     const uint8_t* scales, uint8_t* codes);
void MxIntegerKernel(const float* values, size_t count, const uint8_t* scales, uint8_t* codes);
// NVFP4: by block b's factor, its E4M3 scale times the tensor's, exact in double; 0 or NaN makes zeros.
void Fp4ElementKernel(const float* values, size_t count, const double* factors, uint8_t* codes);

// NVFP4's elements stochastically: quotients are rounded to double first.
void StochasticFp4Kernel(const float* values, size_t count, const double* factors,
                         const uint32_t* random, uint8_t* codes);

// values[i] *= factors[i / block], then times `common`: each product is rounded to fp32.
void ScaleKernel(float* values, size_t count, size_t block, const float* factors, float common);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_BLOCK_KERNELS_H_
