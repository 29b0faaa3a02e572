// Products with weights in a file's format, and rows of such weights.
#include <string>
#include <vector>

#include "chips/numerics/packed_rows.h"
#include "compiler/tools/fuzz_inputs.h"
#include "compiler/tools/grow_ops.h"

namespace strata::compiler {

using graph::Attr;
using graph::Attributes;
using graph::Shape;
using graph::ValueId;

namespace {

struct Weights {
  const chips::WeightFormat& format;
  bool rows16;
  int64_t K;

  Attributes Of(const graph::Attribute& n) const {
    return {{"format", Attr(std::string(format.name))},
            {"layout", Attr(std::string(rows16 ? "rows16" : "rows"))},
            {"n", n}};
  }

  // N rows, for each of `experts` where there are any.
  ValueId Input(ProgramMaker& m, int64_t N, int64_t experts = 0) const {
    Shape dims = rows16 ? Shape{chips::PackedGroups(N), chips::GroupBytes(format, K)}
                        : Shape{N, chips::RowBytes(format, K)};
    if (experts > 0) dims.insert(dims.begin(), graph::Size(experts));
    return m.NewInput({chips::U8, dims}, RowsName(format.name, K, rows16), graph::PARAMETER);
  }
};

Weights DrawWeights(ProgramMaker& m) {
  const auto formats = chips::AllWeightFormats();
  const chips::WeightFormat& format =
      formats[static_cast<size_t>(m.Below(static_cast<int64_t>(formats.size())))];
  const int64_t blocks = format.block == 1    ? 1 + m.Below(70)
                         : format.block == 32 ? 1 + m.Below(4)
                                              : 1;
  return {format, m.OneIn(2), blocks * format.block};
}

// x [..., K] f32.
ValueId Rows(ProgramMaker& m, int64_t K) {
  ProgramMaker::Dims dims = {1 + m.Below(m.OneIn(4) ? 20 : 4), K};
  if (m.OneIn(4)) dims.insert(dims.begin(), 1 + m.Below(2));
  if (m.OneIn(8)) dims.erase(dims.begin(), dims.end() - 1);
  return m.OfType({chips::F32, ShapeOf(dims)});
}

void Product(ProgramMaker& m, const Weights& weights) {
  const int64_t N = 1 + m.Below(50);
  m.Try("matmul_packed", {Rows(m, weights.K), weights.Input(m, N)}, weights.Of(Attr(N)));
}

void GroupOfProducts(ProgramMaker& m, const Weights& weights) {
  std::vector<int64_t> N;
  std::vector<ValueId> operands = {Rows(m, weights.K)};
  for (int64_t i = 1 + m.Below(3); i > 0; --i) {
    N.push_back(1 + m.Below(33));
    operands.push_back(weights.Input(m, N.back()));
  }
  m.Try("matmul_packed_group", operands, weights.Of(Attr(N)));
}

void ChosenProducts(ProgramMaker& m, const Weights& weights) {
  const int64_t N = 1 + m.Below(33), experts = 1 + m.Below(4), rows = 1 + m.Below(4),
                chosen = 1 + m.Below(3);
  const ValueId x = m.OfType({chips::F32, {rows, m.OneIn(2) ? 1 : chosen, weights.K}});
  const ValueId ids = m.NewInput({chips::I32, {rows, chosen}}, IntegerName(0, experts - 1));
  m.Try("matmul_experts", {x, weights.Input(m, N, experts), ids}, weights.Of(Attr(N)));
}

// Tables of tokens stay as files have them.
void RowsOfTable(ProgramMaker& m, Weights weights) {
  weights.rows16 = false;
  const int64_t N = 1 + m.Below(12);
  const auto dims = m.RandomDims(m.Below(3));
  const ValueId ids = m.NewInput({chips::I32, ShapeOf(dims)}, IntegerName(0, N - 1));
  m.Try("embedding_packed", {weights.Input(m, N), ids},
        {{"format", Attr(std::string(weights.format.name))}, {"k", Attr(weights.K)}});
}

}  // namespace

void GrowPacked(ProgramMaker& m) {
  const Weights weights = DrawWeights(m);
  switch (m.Below(5)) {
    case 0:
      return GroupOfProducts(m, weights);
    case 1:
      return ChosenProducts(m, weights);
    case 2:
      return RowsOfTable(m, weights);
    default:
      return Product(m, weights);
  }
}

}  // namespace strata::compiler
