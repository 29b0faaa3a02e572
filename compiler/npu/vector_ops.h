// One graph op on tiles in the accumulators, as instructions of the array core's vector unit. The
// epilogues of products and the vector kernels are made of these.
//
//   STRATA_RETURN_IF_ERROR(CheckVectorOp(call));                   // why not, else
//   ScalarCells scalars(&builder, kAcc address, 64);
//   EmitVectorOp(call, {x, bias}, {.address = y, .rows = 16, .cols = 64, .stride = 256},
//                /*rounded=*/true, &scalars, &builder);
//
// In the accumulators an element has 4 bytes: f32, bf16 and fp8 values are f32, int32, int8 and bool are
// int32 (bool 0 or 1). All results are those of the reference interpreter, bit for bit: f32 rounded once,
// bf16 rounded a second time, integers truncated and saturated; but int32 arithmetic that overflows
// goes modulo 2^32 where the interpreter saturates.
#ifndef STRATA_COMPILER_NPU_VECTOR_OPS_H_
#define STRATA_COMPILER_NPU_VECTOR_OPS_H_

#include <cstdint>
#include <map>

#include "absl/types/span.h"
#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "compiler/npu/program_builder.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

// An operand, as an instruction on a tile of rows x cols sees it.
struct AccOperand {
  int64_t address = 0;
  int64_t stride = 0;   // bytes from row to row; 0: all rows see the same
  bool column = false;  // one element a row (with a stride of 0: one for all)
};

// Where a result goes.
struct AccTile {
  int64_t address = 0;
  int64_t rows = 0, cols = 0;
  int64_t stride = 0;  // bytes from row to row

  AccOperand operand() const { return {address, stride, false}; }
};

// Cells of the accumulators with one number each, filled when first asked for.
class ScalarCells {
 public:
  ScalarCells(int64_t address, int64_t count, ProgramBuilder* builder)
      : address_(address), count_(count), builder_(builder) {}

  AccOperand Float(float value);
  AccOperand Int(int32_t value);
  // As a value of the dtype is held.
  AccOperand Of(chips::DType dtype, double value);

 private:
  AccOperand Bits(int32_t bits);

  int64_t address_, count_;
  ProgramBuilder* builder_;
  std::map<int32_t, int64_t> cells_;
};

// Cells that an op may ask for, beside the graph's own constants.
inline constexpr int64_t kScalarsOfAnOp = 2;

// Whether the accumulators hold values of the dtype; those of fp8 can only be moved and cast.
bool IsHeld(chips::DType dtype);

// UNIMPLEMENTED, with a phrase fit for a Step's reason, for ops and dtypes that the vector unit has not.
// Fine are elementwise ops, casts, and reduce_sum and reduce_max (over the columns of the tile).
absl::Status CheckVectorOp(const graph::OpCall& call);

bool IsVectorReductionOp(absl::string_view op);

// That the result has the operand's bits, so that no instruction is needed: casts that widen.
bool IsFreeCast(const graph::OpCall& call);

// dst = op(in). A reduction's `dst` is the tile it reads, its results go to dst.address, 4 bytes apart.
// `dst` may be the place of an operand of the same stride, but for select only of the condition.
// `rounded`: a bf16 result is rounded and an int8 result saturated here; else by the instruction that
// stores it (vcast), which must follow.
void EmitVectorOp(const graph::OpCall& call, absl::Span<const AccOperand> in, const AccTile& dst,
                  bool rounded, ScalarCells* scalars, ProgramBuilder* builder);

// dst = x, spread over rows and columns.
void EmitSpread(const AccOperand& x, const AccTile& dst, ProgramBuilder* builder);

// Between rows of L1 (of the dtype) and the accumulators.
void EmitToAcc(chips::DType dtype, int64_t l1, int64_t l1_stride, const AccTile& dst,
               ProgramBuilder* builder);
void EmitFromAcc(chips::DType dtype, const AccTile& src, int64_t l1, int64_t l1_stride,
                 ProgramBuilder* builder);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_VECTOR_OPS_H_
