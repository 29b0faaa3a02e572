// Whole matrix products as a chip's tensor cores compute them, bit for bit: D = A·B + C, each element by
// the chip's rule (tensor_core.h), K taken in the order of the groups.
//
//   STRATA_ASSIGN_OR_RETURN(DotRule rule, FindDotRule(Generation::kHopper, Format::kBf16));
//   STRATA_RETURN_IF_ERROR(MatmulAs(rule, {.m = 128, .n = 256, .k = 512}, a, b, {}, absl::MakeSpan(d)));
//
// With AVX-512 sixteen columns are done at once; every other case, and the elements in which an infinity
// or a NaN takes part, go through TensorCoreDot().
#ifndef STRATA_CHIPS_NUMERICS_MATMUL_AS_H_
#define STRATA_CHIPS_NUMERICS_MATMUL_AS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "chips/numerics/matmul_shape.h"
#include "chips/numerics/tensor_core.h"

namespace strata::chips {

// a: [M, K], b: [K, N], c and d: [M, N], row-major. Operands are rounded to the rule's format to nearest
// even (tf32: cut off, as the unit reads fp32 words), c to the result's format; an empty c is zeros. d gets
// the result's values as fp32 and may be c. One thread an OpenMP thread; the result does not depend on how
// many. INVALID_ARGUMENT when a span's size is not the shape's.
absl::Status MatmulAs(const DotRule& rule, const MatmulShape& shape, absl::Span<const float> a,
                      absl::Span<const float> b, absl::Span<const float> c, absl::Span<float> d);

// The same by names, result in fp32: MatmulAs("h100", "bf16", ...).
absl::Status MatmulAs(absl::string_view chip, absl::string_view operand, const MatmulShape& shape,
                      absl::Span<const float> a, absl::Span<const float> b,
                      absl::Span<const float> c, absl::Span<float> d);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_MATMUL_AS_H_
