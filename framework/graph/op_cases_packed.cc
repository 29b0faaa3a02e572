// Cases of the ops on packed weights. Their operands are f32 and bytes whatever the dtype of the sweep.
#include "absl/strings/str_cat.h"
#include "chips/numerics/packed_rows.h"
#include "framework/graph/case_maker.h"
#include "framework/graph/op_cases.h"

namespace strata::graph {
namespace {

using chips::WeightFormat;

// Bytes that are small finite numbers where a format has a float: fp16 and fp32 with the top byte at most 0x3b.
Operand Bytes(Shape shape) { return I(std::move(shape), 0, 0x3b, chips::U8); }

Attributes Of(const WeightFormat& format, const char* layout, int64_t n) {
  return {{"format", Attr(format.name)}, {"layout", Attr(layout)}, {"n", Attr(n)}};
}

Shape Dims(const WeightFormat& format, const std::string& layout, int64_t n, int64_t k) {
  if (layout == "rows") return {n, chips::RowBytes(format, k)};
  return {chips::PackedGroups(n), chips::GroupBytes(format, k)};
}

void MatmulCases(const WeightFormat& format, const char* layout, CaseMaker& make) {
  const std::string name = absl::StrCat(".", format.name, ".", layout);
  const int64_t k = format.block == 256 ? 256 : 64, terms = 8 * k;
  make.Op("matmul_packed" + name, "matmul_packed", {F({3, k}), Bytes(Dims(format, layout, 17, k))},
          Of(format, layout, 17), terms);
  make.Op("matmul_packed.symbols" + name, "matmul_packed",
          {F({"B", "T", k}), Bytes(Dims(format, layout, 5, k))}, Of(format, layout, 5), terms);
  Attributes group = Of(format, layout, 0);
  group["n"] = Attr(std::vector<int64_t>{17, 1, 32});
  make.Op("matmul_packed_group" + name, "matmul_packed_group",
          {F({"B", k}), Bytes(Dims(format, layout, 17, k)), Bytes(Dims(format, layout, 1, k)),
           Bytes(Dims(format, layout, 32, k))},
          group, terms);
  Shape experts = Dims(format, layout, 17, k);
  experts.insert(experts.begin(), Size(4));
  make.Op("matmul_experts" + name, "matmul_experts",
          {F({5, 2, k}), Bytes(experts), I({5, 2}, 0, 3)}, Of(format, layout, 17), terms);
  make.Op("matmul_experts.shared" + name, "matmul_experts",
          {F({"B", 1, k}), Bytes(experts), I({"B", 3}, 0, 3)}, Of(format, layout, 17), terms);
}

void EmbeddingCases(const WeightFormat& format, CaseMaker& make) {
  const int64_t k = format.block == 256 ? 256 : 64;
  const Attributes attributes = {{"format", Attr(format.name)}, {"k", Attr(k)}};
  const Operand table = Bytes({9, chips::RowBytes(format, k)});
  make.Op(absl::StrCat("embedding_packed.", format.name), "embedding_packed",
          {table, I({3, 4}, 0, 8)}, attributes);
  make.Op(absl::StrCat("embedding_packed.symbols.", format.name), "embedding_packed",
          {table, I({"B"}, 0, 8)}, attributes);
}

}  // namespace

std::vector<OpCase> PackedOpCases() {
  CaseMaker make(chips::F32);
  for (const WeightFormat& format : chips::AllWeightFormats()) {
    MatmulCases(format, "rows", make);
    MatmulCases(format, "rows16", make);
    EmbeddingCases(format, make);
  }
  return make.Take();
}

}  // namespace strata::graph
