// Sums, and products of matrices.
#include <string>
#include <vector>

#include "compiler/tools/fuzz_inputs.h"
#include "compiler/tools/grow_ops.h"

namespace strata::compiler {

using graph::Attr;
using graph::TensorType;
using graph::ValueId;
using Dims = ProgramMaker::Dims;

void GrowReduction(ProgramMaker& m) {
  static const std::vector<std::string> kOps = {"reduce_sum", "reduce_mean", "reduce_max"};
  const ValueId x = m.Find([](const TensorType& t) { return HasRank(t) && IsNumber(t); });
  if (x == graph::kNoValue) return;
  const int64_t rank = m.type(x).rank();
  std::vector<int64_t> axes;
  if (m.OneIn(2)) {
    axes = {rank - 1};
  } else {
    for (int64_t d = 0; d < rank; ++d) {
      if (m.OneIn(2)) axes.push_back(d);
    }
  }
  m.Try(m.Pick(kOps), {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(!m.OneIn(3))}});
}

void GrowMatmul(ProgramMaker& m) {
  const ValueId a = m.Find(IsFloatMatrix);
  if (a == graph::kNoValue) return;
  const Dims dims = m.dims(a);
  const bool turn_a = m.OneIn(4), turn_b = m.OneIn(2);
  const int64_t k = turn_a ? dims[dims.size() - 2] : dims.back(), n = m.Size();
  Dims b(dims.begin(), m.OneIn(2) ? dims.end() - 2 : dims.begin());
  b.push_back(turn_b ? n : k);
  b.push_back(turn_b ? k : n);
  m.Try("matmul", {a, m.OfType({m.type(a).dtype, ShapeOf(b)})},
        {{"transpose_a", Attr(turn_a)}, {"transpose_b", Attr(turn_b)}});
}

void GrowContractLeading(ProgramMaker& m) {
  const ValueId a = m.Find(IsFloatMatrix);
  if (a == graph::kNoValue) return;
  Dims dims = m.dims(a);
  dims.back() = m.Size();
  m.Try("contract_leading", {a, m.OfType({m.type(a).dtype, ShapeOf(dims)})});
}

// Operands of 8 bits: exact sums of integers, or floats that give f32.
void GrowByteProduct(ProgramMaker& m) {
  const chips::DType dtype = m.OneIn(2) ? chips::I8 : m.OneIn(2) ? chips::F8_E4M3 : chips::F8_E5M2;
  const bool turn_a = m.OneIn(4), turn_b = m.OneIn(2);
  const int64_t rows = m.Size(), k = m.Size(), n = m.Size();
  Dims a = {turn_a ? k : rows, turn_a ? rows : k}, b = {turn_b ? n : k, turn_b ? k : n};
  if (m.OneIn(3)) a.insert(a.begin(), 1 + m.Below(3));
  if (m.OneIn(3)) b.insert(b.begin(), a.size() == 3 ? a[0] : 1);
  const std::string whole = dtype == chips::I8 ? IntegerName(-127, 127) : "x";
  m.Try("matmul", {m.NewInput({dtype, ShapeOf(a)}, whole), m.NewInput({dtype, ShapeOf(b)}, whole)},
        {{"transpose_a", Attr(turn_a)}, {"transpose_b", Attr(turn_b)}});
}

void GrowRequantize(ProgramMaker& m) {
  const ValueId x = m.Find([](const TensorType& t) { return t.dtype == chips::I32 && HasRank(t); });
  if (x == graph::kNoValue) return;
  const TensorType row = {chips::I32, {m.dims(x).back()}};
  const bool large = m.OneIn(2);  // 31 bits and a shift that leaves few, or a plain factor
  const ValueId multiplier =
      m.NewInput(row, large ? IntegerName(1 << 30, 2147483647) : IntegerName(-3, 3));
  const ValueId shift = m.NewInput(row, large ? IntegerName(30, 45) : IntegerName(0, 8));
  const bool relu = m.OneIn(3);
  m.Try("requantize", {x, multiplier, shift},
        {{"zero_point", Attr(m.Below(9) - 4)},
         {"low", Attr(relu ? int64_t{0} : int64_t{-100})},
         {"high", Attr(int64_t{100})}});
}

}  // namespace strata::compiler
