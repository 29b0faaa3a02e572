// How an array core adds floats, bit for bit: products of bf16 and fp8 operands in f32, and the row sums of its vector
// unit. The order of sums is the machine's alone: it never depends on how a compiler tiles.
//
//   const ArrayArithmetic edge{.dataflow = ArrayDataflow::kWeightStationary, .rows = 16, .lanes = 16};
//   STRATA_RETURN_IF_ERROR(ArrayMatmul(edge, {.m = 64, .n = 32, .k = 100}, a, b, {}, absl::MakeSpan(d)));
//   float sum = ArrayRowSum(row, edge.lanes);
//
// Each product is rounded to f32 (exact for fp8, and for bf16 unless it leaves f32's range), each sum is rounded to
// f32, to nearest, ties to even; subnormals are kept; which NaN a NaN is, is not defined (chips/npu/ISA.md).
#ifndef STRATA_CHIPS_NUMERICS_ARRAY_ARITHMETIC_H_
#define STRATA_CHIPS_NUMERICS_ARRAY_ARITHMETIC_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "chips/numerics/matmul_shape.h"

namespace strata::chips {

enum class ArrayDataflow : uint8_t {
  // K is cut into chunks of `rows`, the last may be short. A chunk's sum starts from +0 and takes its products in
  // order of k, as it falls through a column; chunk sums are added to C in order.
  kWeightStationary,
  // One chain over all of K in order, from C: C does not leave its processing element.
  kOutputStationary,
};

struct ArrayArithmetic {
  ArrayDataflow dataflow;
  int rows;   // of processing elements, >= 1
  int lanes;  // of the vector unit, >= 1
};

// D = C + A B. a: [M, K], b: [K, N], c and d: [M, N], row-major; operands are given as floats that hold values of
// bf16 or fp8; an empty c is zeros; d may be c. A product over more than one block of K (a row of a convolution's
// kernel) is a call a block, with the D of one as the C of the next. On all OpenMP threads; the result does not depend
// on how many. INVALID_ARGUMENT when a span's size is not the shape's, or rows is less than 1.
absl::Status ArrayMatmul(const ArrayArithmetic& array, const MatmulShape& shape,
                         absl::Span<const float> a, absl::Span<const float> b,
                         absl::Span<const float> c, absl::Span<float> d);

// The sum of a row. Lane l adds the elements l, l + lanes, l + 2 lanes, ... in order, from +0. Of the lanes, the first
// min(lanes, the least power of two not below the row's length) are then added in pairs: l and l + half of them, until
// one is left. (An odd number of lanes keeps its middle one for the next round.) 0 for an empty row.
float ArrayRowSum(absl::Span<const float> row, int lanes);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_ARRAY_ARITHMETIC_H_
