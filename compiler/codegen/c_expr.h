// The C spelling of expressions: names, constants, formulas, loads and stores. Used by WriteC.
#ifndef STRATA_COMPILER_CODEGEN_C_EXPR_H_
#define STRATA_COMPILER_CODEGEN_C_EXPR_H_

#include <string>
#include <utility>
#include <vector>

#include "compiler/loop/schedule.h"

namespace strata::compiler {

// How many lanes a vector statement works on: all 16, or the first `count` at the end of a row.
struct Lanes {
  int count = loop::kLanes;
  bool full() const { return count == loop::kLanes; }
};

class CExpr {
 public:
  explicit CExpr(const loop::Nest& nest) : nest_(nest), c_(nest.computation) {}

  // Values that are once a row, where several rows are done at once: their names become elements, "t3[w]".
  void SetPerRow(std::vector<bool> per_row) { per_row_ = std::move(per_row); }

  std::string Name(int expr) const;    // "t3", "r0", or a constant
  std::string Vector(int expr) const;  // the same as 16 lanes
  std::string Type(int expr) const;    // "vf", "vi", "float", "int"
  bool IsInteger(int expr) const;      // held in int lanes: i32 and bool
  std::string Formula(int expr, Lanes lanes) const;
  std::string Load(const loop::Access& access, bool vector, Lanes lanes) const;
  std::string StoreStatement(const loop::Access& access, int expr, bool vector, Lanes lanes) const;

  static const char* MemoryType(chips::DType dtype);  // "float", "unsigned short", ...

 private:
  std::string ApplyFormula(const loop::Expr& expr, bool vector) const;

  const loop::Nest& nest_;
  const loop::Computation& c_;
  std::vector<bool> per_row_;  // by expr; empty: none
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_CODEGEN_C_EXPR_H_
