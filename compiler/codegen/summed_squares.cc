#include "compiler/codegen/summed_squares.h"

#include <vector>

namespace strata::compiler {
namespace {

using loop::Expr;

size_t At(int i) { return static_cast<size_t>(i); }

std::vector<int> CountUses(const loop::Computation& c) {
  std::vector<int> uses(c.exprs.size(), 0);
  for (const Expr& expr : c.exprs) {
    for (int arg : expr.args) ++uses[At(arg)];
  }
  for (const loop::Reduction& reduction : c.reductions) ++uses[At(reduction.expr)];
  for (const loop::Piece& piece : c.pieces) {
    for (const loop::Store& store : piece.stores) ++uses[At(store.expr)];
  }
  return uses;
}

// Exprs that a reduction is part of.
std::vector<bool> AfterReductions(const loop::Computation& c) {
  std::vector<bool> after(c.exprs.size(), false);
  for (size_t e = 0; e < c.exprs.size(); ++e) {
    after[e] = c.exprs[e].kind == Expr::Kind::kReduction;
    for (int arg : c.exprs[e].args) after[e] = after[e] || after[At(arg)];
  }
  return after;
}

}  // namespace

std::set<int> SummedSquares(const loop::Nest& nest) {
  const loop::Computation& c = nest.computation;
  std::set<int> squares;
  if (c.kind != loop::Kind::kRow) return squares;
  const std::vector<int> uses = CountUses(c);
  const std::vector<bool> after = AfterReductions(c);
  for (const loop::Reduction& reduction : c.reductions) {
    const Expr& expr = c.exprs[At(reduction.expr)];
    if (reduction.op != "reduce_max" && expr.kind == Expr::Kind::kApply && expr.op == "square" &&
        expr.dtype == chips::F32 && nest.is_vector[At(reduction.expr)] &&
        uses[At(reduction.expr)] == 1 && after[At(expr.args[0])]) {
      squares.insert(reduction.expr);
    }
  }
  return squares;
}

}  // namespace strata::compiler
