// Ops that move elements or repeat them.
#include <utility>
#include <vector>

#include "compiler/tools/grow_ops.h"

namespace strata::compiler {

using graph::Attr;
using graph::TensorType;
using graph::ValueId;
using Dims = ProgramMaker::Dims;

void GrowReshape(ProgramMaker& m) {
  const ValueId x = m.Find(IsAny);
  if (x == graph::kNoValue) return;
  Dims dims = m.dims(x);
  for (int64_t i = 1 + m.Below(3); i > 0; --i) {
    const int64_t rank = static_cast<int64_t>(dims.size());
    const int64_t at = m.Below(rank + 1);
    const int64_t way = m.Below(3);
    if (way == 0) {
      dims.insert(dims.begin() + at, 1);
    } else if (way == 1 && at + 1 < rank) {  // two dims become one
      dims[static_cast<size_t>(at)] *= dims[static_cast<size_t>(at + 1)];
      dims.erase(dims.begin() + at + 1);
    } else if (at < rank) {  // one dim becomes two
      const int64_t dim = dims[static_cast<size_t>(at)];
      for (int64_t factor : {4, 3, 2, 5, 7}) {
        if (dim == 0 || dim % factor != 0) continue;
        dims[static_cast<size_t>(at)] = factor;
        dims.insert(dims.begin() + at + (m.OneIn(2) ? 0 : 1), dim / factor);
        break;
      }
    }
  }
  m.Try("reshape", {x}, {{"dims", Attr(ShapeOf(dims))}});
}

void GrowTranspose(ProgramMaker& m) {
  const ValueId x = m.Find([](const TensorType& t) { return t.rank() >= 2; });
  if (x == graph::kNoValue) return;
  std::vector<int64_t> permutation(m.dims(x).size());
  for (size_t d = 0; d < permutation.size(); ++d) permutation[d] = static_cast<int64_t>(d);
  for (size_t d = permutation.size(); d > 1; --d)
    std::swap(permutation[d - 1],
              permutation[static_cast<size_t>(m.Below(static_cast<int64_t>(d)))]);
  m.Try("transpose", {x}, {{"permutation", Attr(permutation)}});
}

void GrowCut(ProgramMaker& m) {
  const ValueId x = m.Find(HasRank);
  if (x == graph::kNoValue) return;
  const Dims dims = m.dims(x);
  const int64_t axis = m.Below(static_cast<int64_t>(dims.size()));
  const int64_t extent = dims[static_cast<size_t>(axis)];
  const int64_t start = m.Below(extent + 1), limit = start + m.Below(extent - start + 1);
  switch (m.Below(4)) {
    case 0:
    case 1:
      m.Try("slice", {x}, {{"axis", Attr(axis)}, {"start", Attr(start)}, {"limit", Attr(limit)}});
      return;
    case 2:
      m.Try("pad", {x},
            {{"axis", Attr(axis)}, {"before", Attr(m.Below(4))}, {"after", Attr(m.Below(4))}});
      return;
    default:
      std::vector<ValueId> pieces = {x};
      const TensorType type = m.type(x);
      for (int64_t i = 1 + m.Below(2); i > 0; --i) {
        pieces.push_back(m.Find([&](const TensorType& t) {
          if (t.dtype != type.dtype || t.rank() != type.rank()) return false;
          for (int64_t d = 0; d < t.rank(); ++d) {
            if (d != axis &&
                !(t.shape[static_cast<size_t>(d)] == type.shape[static_cast<size_t>(d)]))
              return false;
          }
          return true;
        }));
      }
      m.Try("concat", pieces, {{"axis", Attr(axis)}});
  }
}

void GrowBroadcast(ProgramMaker& m) {
  const ValueId x = m.Find(IsAny);
  if (x == graph::kNoValue) return;
  Dims dims = m.dims(x);
  if (m.OneIn(3)) {
    if (!IsNumber(m.type(x))) return;
    m.Try("sum_to", {x}, {{"dims", Attr(Narrowed(m, dims))}});
    return;
  }
  for (int64_t& dim : dims) {
    if (dim == 1) dim = m.Size();
  }
  if (m.OneIn(2)) dims.insert(dims.begin(), m.Size());
  m.Try("broadcast_to", {x}, {{"dims", Attr(ShapeOf(dims))}});
}

void GrowAfter(ProgramMaker& m) { m.Try("after", {m.Find(IsAny), m.Find(IsAny)}); }

}  // namespace strata::compiler
