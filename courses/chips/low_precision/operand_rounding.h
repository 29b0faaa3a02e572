// What the operands of a product are rounded to before it: an element format, with or without a scale for the whole
// tensor, or a block format with a scale for a few elements along the summed dim.
//
//   STRATA_ASSIGN_OR_RETURN(OperandRounding fp8, ParseOperandRounding("e4m3 scaled"));
//   STRATA_ASSIGN_OR_RETURN(double scale, RoundOperand(fp8, {.rows = 64, .k = 32}, random, absl::MakeSpan(x)));
//
// What comes back is x's values over `scale`, a power of two (1 but for "scaled"), so that they are the format's own.
#ifndef STRATA_COURSES_CHIPS_LOW_PRECISION_OPERAND_ROUNDING_H_
#define STRATA_COURSES_CHIPS_LOW_PRECISION_OPERAND_ROUNDING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "base/status.h"
#include "chips/numerics/block_format.h"
#include "chips/numerics/format.h"

namespace strata::courses {

struct OperandRounding {
  std::string name = "f32";
  std::optional<chips::Format> element;     // neither: as it is
  std::optional<chips::BlockFormat> block;  // along k
  bool scaled = false;  // element: brings the tensor's largest magnitude just under the format's
  bool stochastic = false;  // else to nearest even
};

// "f32", "bf16", "e5m2 scaled", "mxfp4 stochastic", ... INVALID_ARGUMENT names the formats.
absl::StatusOr<OperandRounding> ParseOperandRounding(const std::string& text);

struct OperandShape {
  int64_t rows = 0, k = 0;  // row-major, k last
};

// `seed` decides stochastic rounding, and nothing else.
absl::StatusOr<double> RoundOperand(const OperandRounding& rounding, const OperandShape& shape,
                                    uint64_t seed, absl::Span<float> x);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_LOW_PRECISION_OPERAND_ROUNDING_H_
