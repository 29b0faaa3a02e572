#include "compiler/codegen/c_writer.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/c_expr.h"

namespace strata::compiler {
namespace {

using loop::Kind;
using loop::kLanes;
using loop::Stmt;

size_t At(int i) { return static_cast<size_t>(i); }

class Writer {
 public:
  Writer(const loop::Nest& nest, const std::string& entry)
      : nest_(nest), c_(nest.computation), expr_(nest), entry_(entry) {}

  std::string Run() {
    Line(absl::StrCat("// ", loop::KindName(c_.kind), ": ", absl::StrJoin(c_.ops, " ")));
    for (const loop::Buffer& buffer : c_.buffers) {
      Line(absl::StrCat("//   ", buffer.name, " ", std::string(chips::DTypeName(buffer.dtype)), "[",
                        absl::StrJoin(buffer.dims, ", "), "]"));
    }
    Line(absl::StrCat("KERNEL void ", entry_, "(void* const* buffers, long begin, long end) {"));
    ++depth_;
    const std::set<int> used = UsedBuffers(nest_.body);
    for (size_t b = 0; b < c_.buffers.size(); ++b) {
      if (used.count(static_cast<int>(b)) == 0) continue;
      const std::string type = absl::StrCat(static_cast<int>(b) < c_.inputs ? "const " : "",
                                            CExpr::MemoryType(c_.buffers[b].dtype), "*");
      Line(absl::StrCat(type, " ", c_.buffers[b].name, " = (", type, ")buffers[", b, "];"));
    }
    if (used.empty()) Line("(void)buffers, (void)begin, (void)end;");
    for (int slot = 0; slot < nest_.slots; ++slot) {
      const int64_t padded = (c_.dims.back() + kLanes - 1) / kLanes * kLanes;
      Line(absl::StrCat("float row", slot, "[", padded, "] __attribute__((aligned(64)));"));
    }
    Body(nest_.body);
    --depth_;
    Line("}");
    return std::move(text_);
  }

 private:
  void Line(absl::string_view line) {
    text_.append(static_cast<size_t>(2 * depth_), ' ');
    absl::StrAppend(&text_, line, "\n");
  }
  void Open(absl::string_view line) {
    Line(line);
    ++depth_;
  }
  void Close() {
    --depth_;
    Line("}");
  }

  std::set<int> UsedBuffers(const std::vector<Stmt>& body) const {
    std::set<int> used;
    for (const Stmt& stmt : body) {
      const std::set<int> inner = UsedBuffers(stmt.body);
      used.insert(inner.begin(), inner.end());
      if (stmt.access.buffer >= 0) used.insert(stmt.access.buffer);
      if (stmt.kind == Stmt::Kind::kLet) used.insert(c_.exprs[At(stmt.expr)].access.buffer);
    }
    used.erase(-1);
    return used;
  }

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

  // ---- parallel loops

  void Parallel(const Stmt& stmt) {
    if (stmt.dims.size() == 1) {
      Open(absl::StrCat("for (long i", stmt.dims[0], " = begin; i", stmt.dims[0], " < end; ++i",
                        stmt.dims[0], ") {"));
    } else {
      Open("for (long p = begin; p < end; ++p) {");
      int64_t inner = 1;
      for (size_t d = stmt.dims.size(); d-- > 0;) {
        const int64_t extent = c_.dims[At(stmt.dims[d])];
        const std::string quotient = inner == 1 ? "p" : absl::StrCat("p / ", inner);
        Line(absl::StrCat("const long i", stmt.dims[d], " = ",
                          d == 0 ? quotient : absl::StrCat(quotient, " % ", extent), ";"));
        inner *= extent;
      }
    }
    Body(stmt.body);
    Close();
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

  // Accumulators side by side, so that additions need not wait for each other.
  int Unroll() const {
    const int64_t vectors = c_.dims.back() / kLanes;
    for (int unroll : {4, 3, 2}) {
      if (vectors >= unroll && (vectors % unroll == 0 || vectors > 16 * unroll)) return unroll;
    }
    return 1;
  }

  void Vector(const Stmt& stmt) {
    const std::string i = absl::StrCat("i", stmt.dim);
    const std::string lo = in_strips_ ? "lo" : absl::StrCat(stmt.lo);
    const std::string hi = in_strips_ ? "hi" : absl::StrCat(stmt.hi);
    const int64_t vectors = (stmt.hi - stmt.lo) / kLanes;
    const int tail = static_cast<int>((stmt.hi - stmt.lo) % kLanes);
    std::string from = lo;
    if (Accumulates(stmt) && Unroll() > 1) {
      const int unroll = Unroll();
      const int64_t whole = vectors / unroll * unroll;
      Open(absl::StrCat("for (long j = ", stmt.lo, "; j < ", stmt.lo + whole * kLanes,
                        "; j += ", unroll * kLanes, ") {"));
      Line(absl::StrCat("#pragma GCC unroll ", unroll));
      Open(absl::StrCat("for (int u = 0; u < ", unroll, "; ++u) {"));
      Line(absl::StrCat("const long ", i, " = j + ", kLanes, " * u;"));
      for (const Stmt& inner : stmt.body) Simple(inner, {}, "u");
      Close();
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
    Open(absl::StrCat("for (long ", i, " = ", lo, "; ", i, " < ", hi, "; ", i, " += ", kLanes,
                      ") {"));
    for (const Stmt& inner : stmt.body) Simple(inner, {}, "0");
    Close();
  }

  // ---- statements without loops; `lane_set` names the accumulator of a row reduction

  void Simple(const Stmt& stmt, Lanes lanes, const std::string& lane_set) {
    switch (stmt.kind) {
      case Stmt::Kind::kLet:
        return Line(absl::StrCat("const ", expr_.Type(stmt.expr), " ", expr_.Name(stmt.expr), " = ",
                                 expr_.Formula(stmt.expr, lanes), ";"));
      case Stmt::Kind::kReload:
        return Line(absl::StrCat(
            "const vf ", expr_.Name(stmt.expr), " = ",
            stmt.slot >= 0 ? absl::StrCat("load_f32(row", stmt.slot, ", i", c_.dims.size() - 1, ")")
                           : expr_.Load(stmt.access, true, lanes),
            ";"));
      case Stmt::Kind::kKeep:
        return Line(absl::StrCat("store_f32(row", stmt.slot, ", i", c_.dims.size() - 1, ", ",
                                 expr_.Vector(stmt.expr), ");"));
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
    const int64_t count = c_.kind == Kind::kColumn ? Slots() : Unroll();
    Line(absl::StrCat("vf a", reduction, "[", std::max<int64_t>(count, 1), "];"));
    Line(absl::StrCat("for (int u = 0; u < ", std::max<int64_t>(count, 1), "; ++u) a", reduction,
                      "[u] = v_f(", Neutral(reduction), ");"));
  }

  void Accumulate(const Stmt& stmt, Lanes lanes, const std::string& lane_set) {
    const int r = stmt.reduction;
    std::string value = expr_.Vector(stmt.expr);
    if (!lanes.full() && c_.kind == Kind::kRow) {
      value = absl::StrCat("v_keep(", value, ", ", lanes.count, ", ", Neutral(r), ")");
    }
    const std::string into =
        absl::StrCat("a", r, "[", c_.kind == Kind::kColumn ? Slot() : lane_set, "]");
    if (IsMax(r)) return Line(absl::StrCat(into, " = v_max(", value, ", ", into, ");"));
    Line(absl::StrCat(into, " += ", value, ";"));
  }

  void Finish(int r) {
    const std::string mean = ReductionAt(r).op == "reduce_mean"
                                 ? absl::StrCat(" * (1.0f / ", ReductionAt(r).count, ".0f)")
                                 : "";
    if (c_.kind == Kind::kColumn)
      return Line(absl::StrCat("const vf r", r, " = a", r, "[", Slot(), "]", mean, ";"));
    std::string all = absl::StrCat("a", r, "[0]");
    for (int u = 1; u < Unroll(); ++u) {
      all = IsMax(r) ? absl::StrCat("v_max(", all, ", a", r, "[", u, "])")
                     : absl::StrCat(all, " + a", r, "[", u, "]");
    }
    Line(absl::StrCat("const float r", r, " = ", IsMax(r) ? "v_top(" : "v_total(", all, ")", mean,
                      ";"));
  }

  const loop::Nest& nest_;
  const loop::Computation& c_;
  const CExpr expr_;
  const std::string entry_;
  std::string text_;
  int depth_ = 0;
  bool in_strips_ = false;
};

}  // namespace

std::string WriteC(const loop::Nest& nest, const std::string& entry) {
  return Writer(nest, entry).Run();
}

}  // namespace strata::compiler
