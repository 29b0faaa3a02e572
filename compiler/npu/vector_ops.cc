#include "compiler/npu/vector_ops.h"

#include <bit>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "chips/npu/isa/array_isa.h"

namespace strata::compiler {
namespace {

using chips::DType;
using chips::npu::ArrayOpcode;
using graph::OpCall;
namespace npu = chips::npu;

// 0: there is none.
struct BinaryRow {
  const char* op;
  uint8_t f32, i32;
};
constexpr BinaryRow kBinary[] = {
    {"add", npu::kVaddF32, npu::kVaddI32},
    {"sub", npu::kVsubF32, npu::kVsubI32},
    {"mul", npu::kVmulF32, npu::kVmulI32},
    {"div", npu::kVdivF32, 0},
    {"pow", npu::kVpowF32, 0},
    {"max", npu::kVmaxF32, npu::kVmaxI32},
    {"min", npu::kVminF32, npu::kVminI32},
    {"less", npu::kVlessF32, npu::kVlessI32},
    {"less_equal", npu::kVlesseqF32, npu::kVlesseqI32},
    {"equal", npu::kVequalF32, npu::kVequalI32},
};

// Of f32; `exact`: the result of a bf16 operand is one of bf16.
struct UnaryRow {
  const char* op;
  uint8_t f32;
  bool exact;
};
constexpr UnaryRow kUnary[] = {
    {"neg", npu::kVnegF32, true},    {"abs", npu::kVabsF32, true},
    {"relu", npu::kVreluF32, true},  {"square", npu::kVsquareF32, false},
    {"exp", npu::kVexpF32, false},   {"log", npu::kVlogF32, false},
    {"sqrt", npu::kVsqrtF32, false}, {"rsqrt", npu::kVrsqrtF32, false},
    {"tanh", npu::kVtanhF32, false}, {"sigmoid", npu::kVsigmoidF32, false},
    {"erf", npu::kVerfF32, false},   {"sin", npu::kVsinF32, false},
    {"cos", npu::kVcosF32, false},   {"reciprocal", npu::kVreciprocalF32, false},
};

template <typename Row, size_t N>
const Row* Find(const Row (&rows)[N], absl::string_view op) {
  for (const Row& row : rows) {
    if (op == row.op) return &row;
  }
  return nullptr;
}

bool IsHeldAsFloat(DType dtype) {
  return dtype == chips::F32 || dtype == chips::BF16 || chips::IsFloat8(dtype);
}

absl::Status HasNo(absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat("the vector unit has no ", what));
}

// Integers narrower than int32 saturate in the graph, which sums modulo 2^32 do not show.
bool IsExactOnNarrow(absl::string_view op) { return op == "max" || op == "min"; }

bool IsComparison(absl::string_view op) {
  return op == "less" || op == "less_equal" || op == "equal";
}

absl::Status CheckBinary(const OpCall& call, const BinaryRow& row) {
  const DType dtype = call.inputs[0].dtype;
  if (chips::IsFloat8(dtype)) return HasNo(absl::StrCat(row.op, " of ", DTypeName(dtype)));
  if ((IsHeldAsFloat(dtype) ? row.f32 : row.i32) == 0) {
    return HasNo(absl::StrCat(row.op, " of ", DTypeName(dtype)));
  }
  if (dtype == chips::I8 && !IsComparison(row.op) && !IsExactOnNarrow(row.op)) {
    return HasNo(absl::StrCat(row.op, " of ", DTypeName(dtype)));
  }
  return absl::OkStatus();
}

// Instructions on a tile.
class Emitter {
 public:
  Emitter(const AccTile& dst, ScalarCells* scalars, ProgramBuilder* builder)
      : dst_(dst), scalars_(scalars), b_(*builder) {}

  void Binary(uint8_t opcode, const AccOperand& x, const AccOperand& y) {
    const int64_t kind = (x.column ? npu::kColumnA : 0) | (y.column ? npu::kColumnB : 0);
    b_.Emit(opcode, {dst_.address, x.address, y.address, dst_.rows, dst_.cols, dst_.stride,
                     x.stride, y.stride, kind});
  }

  // f(x): an operand that is not a tile is spread first.
  void Unary(uint8_t opcode, const AccOperand& x) {
    if (x.column) {
      EmitSpread(x, dst_, &b_);
      return Unary(opcode, dst_.operand());
    }
    b_.Emit(opcode, {dst_.address, x.address, dst_.rows, dst_.cols, dst_.stride, x.stride});
  }

  void Select(const AccOperand& cond, const AccOperand& a, const AccOperand& b) {
    const bool there = cond.address == dst_.address && cond.stride == dst_.stride && !cond.column;
    if (!there) EmitSpread(cond, dst_, &b_);
    Binary(npu::kVselect, a, b);
  }

  void Reduce(uint8_t opcode, const AccOperand& x) {
    constexpr int64_t kPitch = 4;
    b_.Emit(opcode, {dst_.address, x.address, dst_.rows, dst_.cols, kPitch, x.stride});
  }

  // 1 where x is not zero.
  void IsNotZero(bool is_float, const AccOperand& x) {
    Binary(is_float ? npu::kVequalF32 : npu::kVequalI32, x, scalars_->Int(0));
    Binary(npu::kVequalI32, dst_.operand(), scalars_->Int(0));
  }

  // int32 into what int8 holds.
  void Saturate(const AccOperand& x) {
    Binary(npu::kVmaxI32, x, scalars_->Int(-128));
    Binary(npu::kVminI32, dst_.operand(), scalars_->Int(127));
  }

  void Cast(DType from, DType to, bool rounded, const AccOperand& x) {
    const bool is_float = IsHeldAsFloat(from);
    if (to == chips::BOOL) return IsNotZero(is_float, x);
    if (IsHeldAsFloat(to)) {
      if (!is_float) Unary(npu::kVcvtF32, x);
      const AccOperand value = is_float ? x : dst_.operand();
      if (to == chips::BF16 && rounded && from != chips::I8 && from != chips::BOOL) {
        return Unary(npu::kVroundBf16, value);
      }
      if (is_float) EmitSpread(x, dst_, &b_);
      return;
    }
    if (is_float) Unary(npu::kVcvtI32, x);
    const AccOperand value = is_float ? dst_.operand() : x;
    if (to == chips::I8 && rounded && from != chips::BOOL) return Saturate(value);
    if (!is_float) EmitSpread(x, dst_, &b_);
  }

 private:
  const AccTile dst_;
  ScalarCells* scalars_;
  ProgramBuilder& b_;
};

}  // namespace

AccOperand ScalarCells::Float(float value) { return Bits(std::bit_cast<int32_t>(value)); }
AccOperand ScalarCells::Int(int32_t value) { return Bits(value); }

AccOperand ScalarCells::Of(DType dtype, double value) {
  const graph::HostTensor element = graph::HostTensor::FromDoubles(dtype, {1}, {value});
  const double held = element.ToDoubles()[0];
  return IsHeldAsFloat(dtype) ? Float(static_cast<float>(held)) : Int(static_cast<int32_t>(held));
}

AccOperand ScalarCells::Bits(int32_t bits) {
  const int64_t next = static_cast<int64_t>(cells_.size());
  const auto [cell, fresh] = cells_.emplace(bits, next);
  // More than were asked for: beyond the end, so that the builder's check finds it.
  const int64_t address = cell->second < count_ ? address_ + 4 * cell->second : -4;
  if (fresh) builder_->Emit(npu::kVfill, {address, 1, 1, 0, bits});
  return {address, 0, true};
}

bool IsHeld(DType dtype) {
  return IsHeldAsFloat(dtype) || dtype == chips::I32 || dtype == chips::I8 || dtype == chips::BOOL;
}

bool IsVectorReductionOp(absl::string_view op) { return op == "reduce_sum" || op == "reduce_max"; }

absl::Status CheckVectorOp(const OpCall& call) {
  const std::string& op = call.node->op();
  for (const auto* types : {&call.inputs, &call.outputs}) {
    for (const graph::TensorType& type : *types) {
      if (!IsHeld(type.dtype)) return HasNo(DTypeName(type.dtype));
    }
  }
  if (const BinaryRow* row = Find(kBinary, op)) return CheckBinary(call, *row);
  if (op == "cast" || op == "select" || op == "broadcast_to") return absl::OkStatus();
  const DType dtype = call.inputs.empty() ? chips::F32 : call.inputs[0].dtype;
  if (Find(kUnary, op) != nullptr) {
    return dtype == chips::F32 || dtype == chips::BF16
               ? absl::OkStatus()
               : HasNo(absl::StrCat(op, " of ", DTypeName(dtype)));
  }
  if (IsVectorReductionOp(op)) {
    const bool sum_of_narrow = dtype == chips::I8 && op == "reduce_sum";
    return chips::IsFloat8(dtype) || sum_of_narrow
               ? HasNo(absl::StrCat(op, " of ", DTypeName(dtype)))
               : absl::OkStatus();
  }
  return HasNo(op);
}

bool IsFreeCast(const OpCall& call) {
  if (call.node->op() != "cast") return false;
  const DType from = call.inputs[0].dtype, to = call.outputs[0].dtype;
  if (from == to) return true;
  if (to == chips::F32) return IsHeldAsFloat(from);
  return to == chips::I32 && !IsHeldAsFloat(from);
}

void EmitSpread(const AccOperand& x, const AccTile& dst, ProgramBuilder* builder) {
  if (x.column) {
    builder->Emit(npu::kVmaxI32, {dst.address, x.address, x.address, dst.rows, dst.cols, dst.stride,
                                  x.stride, x.stride, npu::kColumns});
  } else if (x.address != dst.address || x.stride != dst.stride) {
    builder->Emit(npu::kVcopy, {dst.address, x.address, dst.rows, dst.cols, dst.stride, x.stride});
  }
}

void EmitVectorOp(const OpCall& call, absl::Span<const AccOperand> in, const AccTile& dst,
                  bool rounded, ScalarCells* scalars, ProgramBuilder* builder) {
  Emitter e(dst, scalars, builder);
  const std::string& op = call.node->op();
  const DType from = call.inputs[0].dtype, to = call.outputs[0].dtype;
  bool exact = false;  // no second rounding is needed
  if (const BinaryRow* row = Find(kBinary, op)) {
    e.Binary(IsHeldAsFloat(from) ? row->f32 : row->i32, in[0], in[1]);
    exact = op == "max" || op == "min";
  } else if (const UnaryRow* unary = Find(kUnary, op)) {
    e.Unary(unary->f32, in[0]);
    exact = unary->exact;
  } else if (op == "select") {
    return e.Select(in[0], in[1], in[2]);
  } else if (op == "cast") {
    return e.Cast(from, to, rounded, in[0]);
  } else if (IsVectorReductionOp(op)) {
    const bool sum = op == "reduce_sum";
    if (IsHeldAsFloat(from)) {
      e.Reduce(sum ? npu::kVsumF32 : npu::kVmaxrF32, in[0]);
    } else {
      e.Reduce(sum ? npu::kVsumI32 : npu::kVmaxrI32, in[0]);
    }
    if (to == chips::BF16 && rounded && sum) {
      builder->Emit(npu::kVroundBf16, {dst.address, dst.address, dst.rows, 1, 4, 4});
    }
    return;
  } else {
    return EmitSpread(in[0], dst, builder);
  }
  if (to == chips::BF16 && rounded && !exact) e.Unary(npu::kVroundBf16, dst.operand());
}

void EmitToAcc(DType dtype, int64_t l1, int64_t l1_stride, const AccTile& dst,
               ProgramBuilder* builder) {
  uint8_t opcode = npu::kVin;
  if (dtype == chips::BF16) opcode = npu::kVwidenBf16;
  if (dtype == chips::I8 || dtype == chips::BOOL) opcode = npu::kVwidenI8;
  if (dtype == chips::F8_E4M3) opcode = npu::kVwidenE4m3;
  if (dtype == chips::F8_E5M2) opcode = npu::kVwidenE5m2;
  builder->Emit(opcode, {dst.address, l1, dst.rows, dst.cols, dst.stride, l1_stride});
}

void EmitFromAcc(DType dtype, const AccTile& src, int64_t l1, int64_t l1_stride,
                 ProgramBuilder* builder) {
  uint8_t opcode = npu::kVout;
  if (dtype == chips::BF16) opcode = npu::kVcastBf16;
  if (dtype == chips::I8 || dtype == chips::BOOL) opcode = npu::kVcastI8;
  if (dtype == chips::F8_E4M3) opcode = npu::kVcastE4m3;
  if (dtype == chips::F8_E5M2) opcode = npu::kVcastE5m2;
  builder->Emit(opcode, {l1, src.address, src.rows, src.cols, l1_stride, src.stride});
}

}  // namespace strata::compiler
