#include "compiler/codegen/c_writer.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/abreast.h"
#include "compiler/codegen/c_expr.h"
#include "compiler/codegen/source_text.h"
#include "compiler/codegen/summed_squares.h"

namespace strata::compiler {
namespace {

using loop::Kind;
using loop::kLanes;
using loop::Stmt;

size_t At(int i) { return static_cast<size_t>(i); }

class Writer : private SourceText {
 public:
  Writer(const loop::Nest& nest, const std::string& entry)
      : nest_(nest),
        c_(nest.computation),
        expr_(nest),
        entry_(entry),
        rows_(RowsAtOnce(nest)),
        summed_squares_(SummedSquares(nest)) {}

  std::string Run() {
    Heading(c_);
    const std::set<int> used = UsedBuffers(c_, nest_.body);
    if (rows_ > 1) RowsFunction(used);
    Open(absl::StrCat("KERNEL void ", entry_, "(void* const* buffers, long begin, long end) {"));
    for (size_t b = 0; b < c_.buffers.size(); ++b) {
      if (used.count(static_cast<int>(b)) == 0) continue;
      const std::string type = absl::StrCat(static_cast<int>(b) < c_.inputs ? "const " : "",
                                            CExpr::MemoryType(c_.buffers[b].dtype), "*");
      Line(absl::StrCat(type, " ", c_.buffers[b].name, " = (", type, ")buffers[", b, "];"));
    }
    if (used.empty()) Line("(void)buffers, (void)begin, (void)end;");
    if (rows_ == 1) RowBuffers("");
    Body(nest_.body);
    Close();
    return Take();
  }

 private:
  void Body(const std::vector<Stmt>& body) {
    for (const Stmt& stmt : body) Write(stmt);
  }

  void Write(const Stmt& stmt) {
    switch (stmt.kind) {
      case Stmt::Kind::kParallel:
        return Parallel(stmt);
      case Stmt::Kind::kStrips:
        return Strips(stmt);
      case Stmt::Kind::kSerial:
        Open(absl::StrCat("for (long i", stmt.dim, " = ", stmt.lo, "; i", stmt.dim, " < ", stmt.hi,
                          "; ++i", stmt.dim, ") {"));
        Body(stmt.body);
        return Close();
      case Stmt::Kind::kIf:
        Open(stmt.dim < 0 ? std::string("{")
                          : absl::StrCat("if (i", stmt.dim, " >= ", stmt.lo, " && i", stmt.dim,
                                         " < ", stmt.hi, ") {"));
        Body(stmt.body);
        return Close();
      case Stmt::Kind::kVector:
        return Vector(stmt);
      case Stmt::Kind::kStart:
        return Start(stmt.reduction);
      case Stmt::Kind::kFinish:
        return Finish(stmt.reduction);
      default:
        return Simple(stmt, {}, "");
    }
  }

  void RowBuffers(const std::string& rows) {
    if (nest_.slots == 0) return;
    const int64_t padded = (c_.dims.back() + kLanes - 1) / kLanes * kLanes;
    for (int slot = 0; slot < nest_.slots; ++slot)
      Line(absl::StrCat("float row", slot, rows, "[", padded, "] __attribute__((aligned(64)));"));
  }

  // ---- parallel loops

  void Parallel(const Stmt& stmt) {
    if (rows_ > 1) return CallRows();
    if (stmt.dims.size() == 1) {
      Open(absl::StrCat("for (long i", stmt.dims[0], " = begin; i", stmt.dims[0], " < end; ++i",
                        stmt.dims[0], ") {"));
    } else {
      Open("for (long p = begin; p < end; ++p) {");
      Indices(stmt, "p");
    }
    Body(stmt.body);
    Close();
  }

  // The outer dims' indices of iteration `p`.
  void Indices(const Stmt& parallel, const std::string& p) {
    int64_t inner = 1;
    for (size_t d = parallel.dims.size(); d-- > 0;) {
      const int64_t extent = c_.dims[At(parallel.dims[d])];
      const std::string quotient = inner == 1 ? p : absl::StrCat(p, " / ", inner);
      Line(absl::StrCat("const long i", parallel.dims[d], " = ",
                        d == 0 ? quotient : absl::StrCat(quotient, " % ", extent), ";"));
      inner *= extent;
    }
  }

  // ---- several rows at once

  std::vector<int> EntryLets() const {
    std::vector<int> lets;
    for (const Stmt& stmt : nest_.body) {
      if (stmt.kind == Stmt::Kind::kLet) lets.push_back(stmt.expr);
    }
    return lets;
  }

  void CallRows() {
    std::string arguments;
    for (int b : UsedBuffers(c_, nest_.body))
      absl::StrAppend(&arguments, c_.buffers[At(b)].name, ", ");
    for (int expr : EntryLets()) absl::StrAppend(&arguments, "t", expr, ", ");
    Line("long p = begin;");
    Line(absl::StrCat("for (; p + ", rows_, " <= end; p += ", rows_, ") ", entry_, "_rows(",
                      arguments, "p, ", rows_, ");"));
    Line(absl::StrCat("for (; p < end; ++p) ", entry_, "_rows(", arguments, "p, 1);"));
  }

  // Rows [first, first + rows), rows a constant wherever it is called.
  void RowsFunction(const std::set<int>& used) {
    std::string parameters;
    for (int b : used) {
      absl::StrAppend(&parameters, b < c_.inputs ? "const " : "",
                      CExpr::MemoryType(c_.buffers[At(b)].dtype), "* ", c_.buffers[At(b)].name,
                      ", ");
    }
    for (int expr : EntryLets())
      absl::StrAppend(&parameters, "const ", expr_.Type(expr), " t", expr, ", ");
    Open(absl::StrCat("FN void ", entry_, "_rows(", parameters, "long first, const int rows) {"));
    const Stmt& parallel = nest_.body.back();
    std::vector<bool> per_row(c_.exprs.size(), false);
    for (size_t e = 0; e < c_.exprs.size(); ++e)
      per_row[e] = c_.exprs[e].kind == loop::Expr::Kind::kReduction;
    for (const Stmt& stmt : parallel.body) {
      if (stmt.kind == Stmt::Kind::kLet) per_row[At(stmt.expr)] = true;
    }
    SetElements(per_row);
    RowBuffers(absl::StrCat("[", rows_, "]"));
    for (const Stmt& stmt : parallel.body) {
      if (stmt.kind == Stmt::Kind::kVector) {
        RowsVector(parallel, stmt);
      } else {
        RowsSimple(parallel, stmt);
      }
    }
    SetElements({});
    Close();
  }

  void OpenRows(const Stmt& parallel) {
    Line(absl::StrCat("#pragma GCC unroll ", rows_));
    Open("for (int w = 0; w < rows; ++w) {");
    Indices(parallel, "(first + w)");
  }

  // One statement that is once a row.
  void RowsSimple(const Stmt& parallel, const Stmt& stmt) {
    const int r = stmt.reduction;
    if (stmt.kind == Stmt::Kind::kLet)
      Line(absl::StrCat(expr_.Type(stmt.expr), " t", stmt.expr, "[", rows_, "];"));
    if (stmt.kind == Stmt::Kind::kStart) Line(absl::StrCat("vf a", r, "[", rows_, "];"));
    if (stmt.kind == Stmt::Kind::kFinish) Line(absl::StrCat("float r", r, "[", rows_, "];"));
    OpenRows(parallel);
    if (stmt.kind == Stmt::Kind::kLet) {
      Line(absl::StrCat(expr_.Name(stmt.expr), " = ", expr_.Formula(stmt.expr, {}), ";"));
    } else if (stmt.kind == Stmt::Kind::kStart) {
      Line(absl::StrCat("a", r, "[w] = v_f(", Neutral(r), ");"));
    } else if (stmt.kind == Stmt::Kind::kFinish) {
      const std::string all = absl::StrCat(IsMax(r) ? "v_top(a" : "v_total(a", r, "[w])");
      Line(absl::StrCat("r", r, "[w] = ", Result(r, "s_mul", all), ";"));
    } else {
      Simple(stmt, {}, "w");
    }
    Close();
  }

  void RowsVector(const Stmt& parallel, const Stmt& stmt) {
    const std::string i = absl::StrCat("i", stmt.dim);
    const int tail = static_cast<int>((stmt.hi - stmt.lo) % kLanes);
    if (stmt.hi - tail > stmt.lo) {
      Open(absl::StrCat("for (long ", i, " = ", stmt.lo, "; ", i, " < ", stmt.hi - tail, "; ", i,
                        " += ", kLanes, ") {"));
      RowsVectorBody(parallel, stmt, {});
      Close();
    }
    if (tail == 0) return;
    Open("{");
    Line(absl::StrCat("const long ", i, " = ", stmt.hi - tail, ";"));
    RowsVectorBody(parallel, stmt, {tail});
    Close();
  }

  void RowsVectorBody(const Stmt& parallel, const Stmt& stmt, Lanes lanes) {
    std::set<int> shared;  // vectors that are the same for every row
    for (const Stmt& inner : stmt.body) {
      if (inner.kind != Stmt::Kind::kLet || !IsShared(parallel, c_.exprs[At(inner.expr)], shared))
        continue;
      shared.insert(inner.expr);
      Simple(inner, lanes, "w");
    }
    std::vector<Stmt> body;
    for (const Stmt& inner : stmt.body) {
      if (inner.kind != Stmt::Kind::kLet || shared.count(inner.expr) == 0) body.push_back(inner);
    }
    const auto open = [&] { OpenRows(parallel); };
    if (HasLongChains(nest_, stmt)) return Abreast(body, lanes, rows_, "rows", open, "w");
    OpenRows(parallel);
    for (const Stmt& inner : body) Simple(inner, lanes, "w");
    Close();
  }

  bool IsShared(const Stmt& parallel, const loop::Expr& expr, const std::set<int>& shared) const {
    if (expr.kind == loop::Expr::Kind::kLoad || expr.kind == loop::Expr::Kind::kIndex) {
      return std::all_of(parallel.dims.begin(), parallel.dims.end(),
                         [&](int dim) { return expr.access.strides[At(dim)] == 0; });
    }
    const std::vector<int> entry = EntryLets();
    return expr.kind == loop::Expr::Kind::kApply &&
           std::all_of(expr.args.begin(), expr.args.end(), [&](int arg) {
             return shared.count(arg) > 0 ||
                    c_.exprs[At(arg)].kind == loop::Expr::Kind::kConstant ||
                    std::find(entry.begin(), entry.end(), arg) != entry.end();
           });
  }

  // This call's part of a dim, in whole vectors: [lo, hi).
  void Strips(const Stmt& stmt) {
    in_strips_ = true;
    const int64_t units = (stmt.hi - stmt.lo + kLanes - 1) / kLanes;
    if (c_.kind == Kind::kColumn) {
      Open(absl::StrCat("for (long strip = begin; strip < end; strip += ", loop::kStripVectors,
                        ") {"));
      Line(absl::StrCat("const long stop = strip + ", loop::kStripVectors, " < end ? strip + ",
                        loop::kStripVectors, " : end;"));
      Line(absl::StrCat("const long lo = ", kLanes, " * strip, hi = stop < ", units, " ? ", kLanes,
                        " * stop : ", stmt.hi, ";"));
    } else {
      Open("{");
      const std::string first =
          stmt.base == 0 ? "begin"
                         : absl::StrCat("(begin > ", stmt.base, " ? begin - ", stmt.base, " : 0)");
      const std::string last = stmt.base == 0 ? "end" : absl::StrCat("(end - ", stmt.base, ")");
      const std::string start = stmt.lo == 0 ? "" : absl::StrCat(stmt.lo, " + ");
      Line(absl::StrCat("const long lo = ", start, kLanes, " * ", first, ";"));
      Line(absl::StrCat("const long hi = ", last, " < ", units, " ? ", start, kLanes, " * ", last,
                        " : ", stmt.hi, ";"));
    }
    Body(stmt.body);
    Close();
    in_strips_ = false;
  }

  // ---- the vector loop: whole vectors, then the rest

  bool Accumulates(const Stmt& stmt) const {
    return c_.kind == Kind::kRow &&
           std::any_of(stmt.body.begin(), stmt.body.end(),
                       [](const Stmt& s) { return s.kind == Stmt::Kind::kAccumulate; });
  }

  void Vector(const Stmt& stmt) {
    const std::string i = absl::StrCat("i", stmt.dim);
    const std::string lo = in_strips_ ? "lo" : absl::StrCat(stmt.lo);
    const std::string hi = in_strips_ ? "hi" : absl::StrCat(stmt.hi);
    const int64_t vectors = (stmt.hi - stmt.lo) / kLanes;
    const int tail = static_cast<int>((stmt.hi - stmt.lo) % kLanes);
    std::string from = lo;
    if (Accumulates(stmt) && Accumulators(c_) > 1) {
      const int unroll = Accumulators(c_);
      const int64_t whole = vectors / unroll * unroll;
      Open(absl::StrCat("for (long j = ", stmt.lo, "; j < ", stmt.lo + whole * kLanes,
                        "; j += ", unroll * kLanes, ") {"));
      Several(stmt, i, unroll, "w");
      Close();
      from = absl::StrCat(stmt.lo + whole * kLanes);
      if (whole < vectors) VectorLoop(stmt, i, from, absl::StrCat(stmt.lo + vectors * kLanes));
    } else if (vectors > 0) {
      VectorLoop(stmt, i, from,
                 in_strips_ && tail != 0 ? absl::StrCat(hi, " - ", kLanes - 1)
                 : in_strips_            ? hi
                                         : absl::StrCat(stmt.lo + vectors * kLanes));
    }
    if (tail == 0) return;
    Open(in_strips_ ? absl::StrCat("if (lo < hi && hi == ", stmt.hi, ") {") : std::string("{"));
    Line(absl::StrCat("const long ", i, " = ", stmt.hi - tail, ";"));
    for (const Stmt& inner : stmt.body) Simple(inner, {tail}, "0");
    Close();
  }

  void VectorLoop(const Stmt& stmt, const std::string& i, const std::string& lo,
                  const std::string& hi) {
    if (!HasLongChains(nest_, stmt)) return OneByOne(stmt, i, lo, hi);
    Open("{");
    Line(absl::StrCat("long j = ", lo, ";"));
    Open(absl::StrCat("for (; j + ", (kAbreast - 1) * kLanes, " < ", hi,
                      "; j += ", kAbreast * kLanes, ") {"));
    Several(stmt, i, kAbreast, "0");
    Close();
    OneByOne(stmt, i, "j", hi);
    Close();
  }

  void OneByOne(const Stmt& stmt, const std::string& i, const std::string& lo,
                const std::string& hi) {
    Open(absl::StrCat("for (long ", i, " = ", lo, "; ", i, " < ", hi, "; ", i, " += ", kLanes,
                      ") {"));
    for (const Stmt& inner : stmt.body) Simple(inner, {}, "0");
    Close();
  }

  // ---- several vectors at once: from j on, or one of each of several rows

  void Several(const Stmt& stmt, const std::string& i, int count, const std::string& lane_set) {
    const auto open = [&] {
      Line(absl::StrCat("#pragma GCC unroll ", count));
      Open(absl::StrCat("for (int w = 0; w < ", count, "; ++w) {"));
      Line(absl::StrCat("const long ", i, " = j + ", kLanes, " * w;"));
    };
    if (HasLongChains(nest_, stmt))
      return Abreast(stmt.body, {}, count, absl::StrCat(count), open, lane_set);
    open();
    for (const Stmt& inner : stmt.body) Simple(inner, {}, lane_set);
    Close();
  }

  // Statement by statement, each for all of `size` vectors w (of which `count` are done); `open` opens the loop over them.
  void Abreast(const std::vector<Stmt>& body, Lanes lanes, int size, const std::string& count,
               const std::function<void()>& open, const std::string& lane_set) {
    const std::vector<bool> outside = elements_;
    std::vector<bool> elements = outside;
    elements.resize(c_.exprs.size(), false);
    for (const Stmt& stmt : body) {
      if (stmt.kind != Stmt::Kind::kLet && stmt.kind != Stmt::Kind::kReload) {
        open();
        Simple(stmt, lanes, lane_set);
        Close();
        continue;
      }
      if (summed_squares_.count(stmt.expr) > 0) continue;
      elements[At(stmt.expr)] = true;
      SetElements(elements);
      const std::string type = stmt.kind == Stmt::Kind::kReload ? "vf" : expr_.Type(stmt.expr);
      Line(absl::StrCat(type, " t", stmt.expr, "[", size, "];"));
      const int arg = HasEachForm(nest_, stmt.expr) ? c_.exprs[At(stmt.expr)].args[0] : -1;
      if (stmt.kind == Stmt::Kind::kLet && arg >= 0 && elements[At(arg)]) {
        Line(absl::StrCat("v_", c_.exprs[At(stmt.expr)].op, "_each(t", stmt.expr, ", t", arg, ", ",
                          count, ");"));
        continue;
      }
      open();
      Simple(stmt, lanes, lane_set);
      Close();
    }
    SetElements(outside);
  }

  void SetElements(std::vector<bool> elements) {
    elements_ = elements;
    expr_.SetPerRow(std::move(elements));
  }

  // The left side of an expression's definition.
  std::string Declared(int expr) const {
    if (!elements_.empty() && elements_[At(expr)]) return expr_.Name(expr);
    return absl::StrCat("const ", expr_.Type(expr), " ", expr_.Name(expr));
  }

  // ---- statements without loops; `lane_set` names the accumulator of a row reduction
  void Simple(const Stmt& stmt, Lanes lanes, const std::string& lane_set) {
    switch (stmt.kind) {
      case Stmt::Kind::kLet:
        if (summed_squares_.count(stmt.expr) > 0) return;
        return Line(absl::StrCat(Declared(stmt.expr), " = ", expr_.Formula(stmt.expr, lanes), ";"));
      case Stmt::Kind::kReload:
        return Line(absl::StrCat(Declared(stmt.expr), " = ",
                                 stmt.slot >= 0 ? absl::StrCat("load_f32(", RowBuffer(stmt.slot),
                                                               ", i", c_.dims.size() - 1, ")")
                                                : expr_.Load(stmt.access, true, lanes),
                                 ";"));
      case Stmt::Kind::kKeep:
        return Line(absl::StrCat("store_f32(", RowBuffer(stmt.slot), ", i", c_.dims.size() - 1,
                                 ", ", expr_.Vector(stmt.expr), ");"));
      case Stmt::Kind::kStore: {
        const bool vector =
            !c_.dims.empty() && (nest_.is_vector[At(stmt.expr)] || stmt.access.strides.back() != 0);
        return Line(expr_.StoreStatement(stmt.access, stmt.expr, vector, lanes));
      }
      case Stmt::Kind::kAccumulate:
        return Accumulate(stmt, lanes, lane_set);
      case Stmt::Kind::kFinish:
        return Finish(stmt.reduction);
      default:
        return;
    }
  }

  std::string RowBuffer(int slot) const {
    return absl::StrCat("row", slot, rows_ > 1 ? "[w]" : "");
  }

  // ---- reductions

  const loop::Reduction& ReductionAt(int reduction) const { return c_.reductions[At(reduction)]; }
  bool IsMax(int reduction) const { return ReductionAt(reduction).op == "reduce_max"; }
  std::string Neutral(int reduction) const {
    return IsMax(reduction) ? "-__builtin_inff()" : "0.0f";
  }

  // Accumulator vectors of a column reduction: one for each vector of columns.
  std::string Slot() const {
    const std::string i = absl::StrCat("i", c_.dims.size() - 1);
    return in_strips_ ? absl::StrCat("(", i, " - lo) >> 4") : absl::StrCat(i, " >> 4");
  }
  int64_t Slots() const {
    const int64_t vectors = (c_.dims.back() + kLanes - 1) / kLanes;
    return in_strips_ ? std::min<int64_t>(vectors, loop::kStripVectors) : vectors;
  }

  void Start(int reduction) {
    const int64_t count = c_.kind == Kind::kColumn ? Slots() : Accumulators(c_);
    Line(absl::StrCat("vf a", reduction, "[", std::max<int64_t>(count, 1), "];"));
    Line(absl::StrCat("for (int u = 0; u < ", std::max<int64_t>(count, 1), "; ++u) a", reduction,
                      "[u] = v_f(", Neutral(reduction), ");"));
  }

  void Accumulate(const Stmt& stmt, Lanes lanes, const std::string& lane_set) {
    const int r = stmt.reduction;
    const bool square = summed_squares_.count(stmt.expr) > 0;
    std::string value = expr_.Vector(square ? c_.exprs[At(stmt.expr)].args[0] : stmt.expr);
    if (!lanes.full() && c_.kind == Kind::kRow) {
      value = absl::StrCat("v_keep(", value, ", ", lanes.count, ", ", Neutral(r), ")");
    }
    const std::string into =
        absl::StrCat("a", r, "[", c_.kind == Kind::kColumn ? Slot() : lane_set, "]");
    if (IsMax(r)) return Line(absl::StrCat(into, " = v_max(", value, ", ", into, ");"));
    Line(square ? absl::StrCat(into, " = v_fma(", value, ", ", value, ", ", into, ");")
                : absl::StrCat(into, " += ", value, ";"));
  }

  // What is made of all that is summed up.
  std::string Result(int r, const std::string& multiply, const std::string& all) const {
    if (ReductionAt(r).op != "reduce_mean") return all;
    const std::string share = absl::StrCat("1.0f / ", ReductionAt(r).count, ".0f");
    return absl::StrCat(multiply, "(", all, ", ", multiply == "v_mul" ? "v_f(" : "", share,
                        multiply == "v_mul" ? "))" : ")");
  }

  void Finish(int r) {
    if (c_.kind == Kind::kColumn) {
      const std::string sum = absl::StrCat("a", r, "[", Slot(), "]");
      return Line(absl::StrCat("const vf r", r, " = ", Result(r, "v_mul", sum), ";"));
    }
    std::string all = absl::StrCat("a", r, "[0]");
    for (int u = 1; u < Accumulators(c_); ++u) {
      all = IsMax(r) ? absl::StrCat("v_max(", all, ", a", r, "[", u, "])")
                     : absl::StrCat(all, " + a", r, "[", u, "]");
    }
    all = absl::StrCat(IsMax(r) ? "v_top(" : "v_total(", all, ")");
    Line(absl::StrCat("const float r", r, " = ", Result(r, "s_mul", all), ";"));
  }

  const loop::Nest& nest_;
  const loop::Computation& c_;
  CExpr expr_;
  const std::string entry_;
  const int rows_;                      // done at once
  const std::set<int> summed_squares_;  // exprs
  std::vector<bool> elements_;  // exprs that are arrays, one for each of what is done at once
  bool in_strips_ = false;
};

}  // namespace

std::string WriteC(const loop::Nest& nest, const std::string& entry) {
  return Writer(nest, entry).Run();
}

}  // namespace strata::compiler
