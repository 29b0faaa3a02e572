// An evaluator whose products have operands of few bits, and sums as exact as wanted: training at low precision, on the
// same graph that is trained at full precision.
//
//   STRATA_ASSIGN_OR_RETURN(ProductFormat fp8, MakeProductFormat("e4m3 scaled", "e5m2 scaled"));
//   FormatEvaluator evaluator(fp8, /*seed=*/1);
//   evaluator.Evaluate(step, inputs);   // stochastic rounding differs from call to call, and repeats from run to run
//
// matmul and contract_leading of f32 are taken over: an operand that the backward pass made (its origin starts with
// "grad ") is rounded as `gradient` says, any other as `forward`; sums are in double, or by a chip's rule. All other ops
// are the reference's, in f32. This is what mixed-precision training is: narrow operands, wide sums, f32 elsewhere.
#ifndef STRATA_COURSES_CHIPS_LOW_PRECISION_FORMAT_EVALUATOR_H_
#define STRATA_COURSES_CHIPS_LOW_PRECISION_FORMAT_EVALUATOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chips/numerics/tensor_core.h"
#include "courses/chips/low_precision/operand_rounding.h"
#include "framework/graph/evaluator.h"

namespace strata::courses {

struct ProductFormat {
  OperandRounding forward, gradient;
  std::optional<chips::DotRule> sums;  // by this chip; unset: in double
};

// `chip`: whose unit for forward's element format adds; empty: sums in double. Of a chip's unit both operands have one
// format: INVALID_ARGUMENT when `gradient` has another.
absl::StatusOr<ProductFormat> MakeProductFormat(const std::string& forward,
                                                const std::string& gradient,
                                                const std::string& chip = "");

class FormatEvaluator : public graph::Evaluator {
 public:
  FormatEvaluator(ProductFormat format, uint64_t seed) : format_(std::move(format)), seed_(seed) {}

  absl::StatusOr<std::vector<graph::HostTensor>> Evaluate(
      const graph::Graph& graph, absl::Span<const graph::HostTensor> inputs) override;

 private:
  ProductFormat format_;
  uint64_t seed_;
  uint64_t calls_ = 0;
};

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_LOW_PRECISION_FORMAT_EVALUATOR_H_
