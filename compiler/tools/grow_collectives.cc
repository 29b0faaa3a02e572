// Collectives of one rank, all that the reference kernels know; of more ranks the collectives' own suites tell.
#include <string>

#include "compiler/tools/grow_ops.h"

namespace strata::compiler {

using graph::Attr;
using graph::Attributes;
using graph::ValueId;

void GrowCollective(ProgramMaker& m) {
  const ValueId x = m.Find([](const graph::TensorType& t) { return IsNumber(t) && HasRank(t); });
  if (x == graph::kNoValue) return;
  const auto axis = [&] { return Attr(m.Below(m.type(x).rank())); };
  const std::string reduction = m.OneIn(2) ? "sum" : "mean";
  const Attributes one = {{"ranks", Attr(int64_t{1})}};
  Attributes cut = one;
  switch (m.Below(8)) {
    case 0:
      m.Try("all_reduce", {x}, {{"reduction", Attr(m.OneIn(3) ? "max" : reduction)}});
      return;
    case 1:
      cut["axis"] = axis();
      m.Try("all_gather", {x}, cut);
      return;
    case 2:
      cut["axis"] = axis();
      cut["reduction"] = Attr(reduction);
      m.Try("reduce_scatter", {x}, cut);
      return;
    case 3:
      m.Try("broadcast", {x}, {{"root", Attr(int64_t{0})}});
      return;
    case 4:
      cut["split"] = axis();
      cut["concat"] = axis();
      m.Try("all_to_all", {x}, cut);
      return;
    case 5:
      cut["offset"] = Attr(m.Below(3) - 1);
      m.Try("collective_permute", {x}, cut);
      return;
    case 6:
      cut["axis"] = axis();
      m.Try("shard", {x}, cut);
      return;
    default:
      m.Try("rank_index", {}, one);
  }
}

}  // namespace strata::compiler
