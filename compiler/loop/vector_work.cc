#include "compiler/loop/vector_work.h"

#include "compiler/loop/lower.h"

namespace strata::compiler::loop {
namespace {

class Counter {
 public:
  explicit Counter(const Nest& nest) : nest_(nest), c_(nest.computation) {}

  VectorWork Run() {
    Body(nest_.body, 1);
    return work_;
  }

 private:
  // `times`: how often this statement runs, for all parallel iterations together.
  void Body(const std::vector<Stmt>& body, double times) {
    for (const Stmt& stmt : body) Statement(stmt, times);
  }

  void Statement(const Stmt& stmt, double times) {
    switch (stmt.kind) {
      case Stmt::Kind::kParallel:
        for (int dim : stmt.dims) times *= Extent(dim);
        return Body(stmt.body, times);
      case Stmt::Kind::kSerial:
        return Body(stmt.body, times * static_cast<double>(stmt.hi - stmt.lo));
      case Stmt::Kind::kIf:
        if (stmt.dim >= 0) times *= static_cast<double>(stmt.hi - stmt.lo) / Extent(stmt.dim);
        return Body(stmt.body, times);
      case Stmt::Kind::kStrips:
        return Body(stmt.body, times);
      case Stmt::Kind::kVector: {
        in_vector_ = true;
        Body(stmt.body, times * static_cast<double>((stmt.hi - stmt.lo + kLanes - 1) / kLanes));
        in_vector_ = false;
        return;
      }
      default:
        if (in_vector_) Simple(stmt, times);
    }
  }

  void Simple(const Stmt& stmt, double times) {
    switch (stmt.kind) {
      case Stmt::Kind::kLet: {
        const Expr& expr = c_.exprs[static_cast<size_t>(stmt.expr)];
        if (expr.kind == Expr::Kind::kLoad) work_.loads += times;
        if (expr.kind == Expr::Kind::kApply) work_.arithmetic += times * OpCost(expr.op);
        return;
      }
      case Stmt::Kind::kReload:
        work_.loads += times;
        return;
      case Stmt::Kind::kStore:
      case Stmt::Kind::kKeep:
        work_.stores += times;
        return;
      case Stmt::Kind::kAccumulate:
        work_.arithmetic += times;
        return;
      default:
        return;
    }
  }

  double Extent(int dim) const { return static_cast<double>(c_.dims[static_cast<size_t>(dim)]); }

  const Nest& nest_;
  const Computation& c_;
  VectorWork work_;
  bool in_vector_ = false;
};

}  // namespace

VectorWork CountVectorWork(const Nest& nest) { return Counter(nest).Run(); }

}  // namespace strata::compiler::loop
