// What a machine computes in its own way: matrix products and row sums. Chips with tensor cores go by
// chips/numerics/tensor_core.h, array cores by chips/numerics/array_arithmetic.h.
//
//   STRATA_ASSIGN_OR_RETURN(auto edge, FindChipArithmetic("edge_16", chips::Format::kF32));
//   STRATA_ASSIGN_OR_RETURN(absl::optional<chips::Format> type, edge->OperandFormat(chips::BF16));  // bf16
//   STRATA_RETURN_IF_ERROR(edge->Multiply(*type, {m, n, k}, a, b, {}, absl::MakeSpan(d)));
#ifndef STRATA_FRAMEWORK_GRAPH_CHIP_ARITHMETIC_H_
#define STRATA_FRAMEWORK_GRAPH_CHIP_ARITHMETIC_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "chips/numerics/array_arithmetic.h"
#include "chips/numerics/dtype.h"
#include "chips/numerics/format.h"
#include "chips/numerics/matmul_shape.h"

namespace strata::graph {

class ChipArithmetic {
 public:
  virtual ~ChipArithmetic() = default;

  // The format that operands of the dtype are multiplied in; unset when their products are the reference kernels'
  // (integers, f64, what an array core leaves to the host). NOT_FOUND when the chip has no unit for them.
  virtual absl::StatusOr<absl::optional<chips::Format>> OperandFormat(chips::DType dtype) const = 0;

  // D = C + A B in f32, for operands of that format. a: [M, K], b: [K, N], c (or empty) and d: [M, N].
  virtual absl::Status Multiply(chips::Format operand, const chips::MatmulShape& shape,
                                absl::Span<const float> a, absl::Span<const float> b,
                                absl::Span<const float> c, absl::Span<float> d) const = 0;

  // Convolutions are products of each row of the kernel, one after the other; or one product of all of it.
  virtual bool MultipliesKernelRows() const = 0;

  // The lanes of the unit that sums rows; 0 when sums are the reference kernels'.
  virtual int lanes() const = 0;
};

// An array core of chips/npu, by what its sums depend on. (A test holds the table against chips/npu's catalogue.)
struct ArrayMachine {
  const char* name;
  chips::ArrayArithmetic array;
  bool bf16, fp8;  // types that the array multiplies, beside int8
};
absl::Span<const ArrayMachine> ArrayMachines();

// By the name of an array core or of a chip with tensor cores. `f32_operands`: what f32 operands are multiplied in;
// kF32: by the reference. INVALID_ARGUMENT and NOT_FOUND name the machines, and the types that one multiplies.
absl::StatusOr<std::unique_ptr<ChipArithmetic>> FindChipArithmetic(absl::string_view machine,
                                                                   chips::Format f32_operands);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_CHIP_ARITHMETIC_H_
