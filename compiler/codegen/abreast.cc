#include "compiler/codegen/abreast.h"

#include <algorithm>

namespace strata::compiler {
namespace {

using loop::kLanes;
using loop::Stmt;

constexpr int64_t kShortRow = 1024;  // numbers

}  // namespace

int RowsAtOnce(const loop::Nest& nest) {
  const loop::Computation& c = nest.computation;
  if (c.kind != loop::Kind::kRow || nest.body.empty() || nest.parallel_extent < 4) return 1;
  const Stmt& parallel = nest.body.back();
  if (parallel.kind != Stmt::Kind::kParallel || parallel.dims.empty()) return 1;
  for (const Stmt& stmt : parallel.body) {
    if (stmt.kind == Stmt::Kind::kSerial || stmt.kind == Stmt::Kind::kIf) return 1;
  }
  if (Accumulators(c) != 1) return 1;
  const int64_t numbers = c.dims.back() * (1 + nest.slots);
  return numbers <= 1024 ? 4 : numbers <= 2048 ? 2 : 1;
}

int Accumulators(const loop::Computation& c) {
  const int64_t vectors = c.dims.back() / kLanes;
  if (c.dims.back() <= kShortRow) return 1;
  for (int count : {4, 3, 2}) {
    if (vectors >= count && (vectors % count == 0 || vectors > 16 * count)) return count;
  }
  return 1;
}

bool HasEachForm(const loop::Nest& nest, int expr) {
  const loop::Expr& e = nest.computation.exprs[static_cast<size_t>(expr)];
  return e.kind == loop::Expr::Kind::kApply && (e.op == "exp" || e.op == "sigmoid") &&
         nest.is_vector[static_cast<size_t>(expr)] &&
         nest.is_vector[static_cast<size_t>(e.args[0])];
}

bool HasLongChains(const loop::Nest& nest, const Stmt& stmt) {
  return std::any_of(stmt.body.begin(), stmt.body.end(), [&](const Stmt& s) {
    return s.kind == Stmt::Kind::kLet && HasEachForm(nest, s.expr);
  });
}

}  // namespace strata::compiler
