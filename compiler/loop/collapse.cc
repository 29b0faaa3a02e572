#include "compiler/loop/collapse.h"

#include <algorithm>

namespace strata::compiler::loop {
namespace {

class Collapser {
 public:
  explicit Collapser(Computation* c) : c_(*c) {
    for (Expr& expr : c_.exprs) {
      if (expr.kind == Expr::Kind::kLoad || expr.kind == Expr::Kind::kIndex)
        accesses_.push_back(&expr.access);
    }
    for (Piece& piece : c_.pieces) {
      for (Store& store : piece.stores) accesses_.push_back(&store.access);
    }
  }

  void Run() {
    std::vector<size_t> kept, reduced;
    for (size_t d = 0; d < c_.dims.size(); ++d) (c_.reduced[d] ? reduced : kept).push_back(d);
    Merge(&kept);
    Merge(&reduced);
    std::vector<size_t> order = kept;
    if (c_.kind == Kind::kColumn && !kept.empty()) order.pop_back();
    order.insert(order.end(), reduced.begin(), reduced.end());
    if (c_.kind == Kind::kColumn && !kept.empty()) order.push_back(kept.back());
    Permute(order);
  }

 private:
  bool IsUncut(size_t d) const {
    return std::all_of(c_.pieces.begin(), c_.pieces.end(),
                       [&](const Piece& p) { return p.lo[d] == 0 && p.hi[d] == c_.dims[d]; });
  }

  // Merges dim a into its successor b where memory allows; `dims` keeps the survivors.
  void Merge(std::vector<size_t>* dims) {
    std::vector<size_t> survivors;
    for (size_t i = 0; i < dims->size(); ++i) {
      const size_t a = (*dims)[i];
      if (i + 1 == dims->size()) {
        survivors.push_back(a);
        break;
      }
      const size_t b = (*dims)[i + 1];
      const int64_t extent = c_.dims[b];
      const bool contiguous = std::all_of(
          accesses_.begin(), accesses_.end(),
          [&](const Access* access) { return access->strides[a] == access->strides[b] * extent; });
      if (!contiguous || !IsUncut(b)) {
        survivors.push_back(a);
        continue;
      }
      for (Piece& piece : c_.pieces) {
        piece.lo[b] = piece.lo[a] * extent;
        piece.hi[b] = piece.hi[a] * extent;
      }
      c_.dims[b] *= c_.dims[a];
    }
    *dims = survivors;
  }

  template <typename T>
  static void Pick(const std::vector<size_t>& order, std::vector<T>* values) {
    std::vector<T> picked;
    for (size_t d : order) picked.push_back((*values)[d]);
    *values = std::move(picked);
  }

  void Permute(const std::vector<size_t>& order) {
    for (Access* access : accesses_) Pick(order, &access->strides);
    for (Piece& piece : c_.pieces) {
      Pick(order, &piece.lo);
      Pick(order, &piece.hi);
    }
    Pick(order, &c_.dims);
    Pick(order, &c_.reduced);
  }

  Computation& c_;
  std::vector<Access*> accesses_;
};

}  // namespace

void Collapse(Computation* computation) { Collapser(computation).Run(); }

}  // namespace strata::compiler::loop
