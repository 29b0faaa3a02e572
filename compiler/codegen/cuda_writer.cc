#include "compiler/codegen/cuda_writer.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/c_expr.h"
#include "compiler/codegen/source_text.h"

namespace strata::compiler {
namespace {

using loop::Kind;
using loop::kLanes;
using loop::Stmt;

size_t At(int i) { return static_cast<size_t>(i); }

// The nest as threads see it: every value is one number.
loop::Nest OneLane(loop::Nest nest) {
  nest.is_vector.assign(nest.is_vector.size(), false);
  return nest;
}

class CudaWriter : private SourceText {
 public:
  CudaWriter(const loop::Nest& nest, const std::string& entry)
      : nest_(OneLane(nest)), c_(nest_.computation), expr_(nest_), entry_(entry) {}

  std::string Run() {
    Heading(c_);
    Open(absl::StrCat("KERNEL void ", entry_, "(void* const* buffers, long begin, long end) {"));
    const std::set<int> used = UsedBuffers(c_, nest_.body);
    for (int b : used) {
      const std::string type = absl::StrCat(b < c_.inputs ? "const " : "",
                                            CExpr::MemoryType(c_.buffers[At(b)].dtype), "*");
      Line(absl::StrCat(type, " ", c_.buffers[At(b)].name, " = (", type, ")buffers[", b, "];"));
    }
    if (used.empty()) Line("(void)buffers, (void)begin, (void)end;");
    Body(nest_.body);
    Close();
    return Take();
  }

 private:
  void Body(const std::vector<Stmt>& body) {
    for (const Stmt& stmt : body) Write(stmt);
  }
  void Block(absl::string_view head, const std::vector<Stmt>& body) {
    Open(head);
    Body(body);
    Close();
  }

  int VectorDim() const { return static_cast<int>(c_.dims.size()) - 1; }

  void Write(const Stmt& stmt) {
    const std::string i = absl::StrCat("i", stmt.dim);
    switch (stmt.kind) {
      case Stmt::Kind::kParallel:
        return Parallel(stmt);
      case Stmt::Kind::kStrips:
        return Strips(stmt);
      case Stmt::Kind::kSerial:
        return Block(absl::StrCat("for (long ", i, " = ", stmt.lo, "; ", i, " < ", stmt.hi, "; ++",
                                  i, ") {"),
                     stmt.body);
      case Stmt::Kind::kIf:
        return Block(stmt.dim < 0 ? std::string("{")
                                  : absl::StrCat("if (", i, " >= ", stmt.lo, " && ", i, " < ",
                                                 stmt.hi, ") {"),
                     stmt.body);
      case Stmt::Kind::kVector:
        return Vector(stmt);
      default:
        return Simple(stmt);
    }
  }

  // Blocks share out the product of the outer dims.
  void Parallel(const Stmt& stmt) {
    Open("for (long p = begin + blockIdx.x; p < end; p += gridDim.x) {");
    int64_t inner = 1;
    for (size_t d = stmt.dims.size(); d-- > 0;) {
      const int64_t extent = c_.dims[At(stmt.dims[d])];
      const std::string quotient = inner == 1 ? "p" : absl::StrCat("p / ", inner);
      Line(absl::StrCat("const long i", stmt.dims[d], " = ",
                        d == 0 ? quotient : absl::StrCat(quotient, " % ", extent), ";"));
      inner *= extent;
    }
    for (int slot = 0; slot < nest_.slots; ++slot)  // each thread reads back what it wrote
      Line(absl::StrCat("float row", slot, "[(", c_.dims.back(), " + THREADS - 1) / THREADS];"));
    if (c_.kind == Kind::kColumn) {
      Columns("threadIdx.x", absl::StrCat(c_.dims.back()), "THREADS", stmt.body);
    } else {
      Body(stmt.body);
    }
    Close();
  }

  // All threads of all blocks share out a dim; units are of kLanes elements, as on a CPU.
  void Strips(const Stmt& stmt) {
    const int64_t units = (stmt.hi - stmt.lo + kLanes - 1) / kLanes;
    const std::string first =
        stmt.base == 0 ? "begin"
                       : absl::StrCat("(begin > ", stmt.base, " ? begin - ", stmt.base, " : 0)");
    const std::string last = stmt.base == 0 ? "end" : absl::StrCat("(end - ", stmt.base, ")");
    const std::string start = stmt.lo == 0 ? "" : absl::StrCat(stmt.lo, " + ");
    Open("{");
    Line(absl::StrCat("const long lo = ", start, kLanes, " * ", first, ";"));
    Line(absl::StrCat("const long hi = ", last, " < ", units, " ? ", start, kLanes, " * ", last,
                      " : ", stmt.hi, ";"));
    Columns("lo + (long)blockIdx.x * THREADS + threadIdx.x", "hi", "(long)gridDim.x * THREADS",
            stmt.body);
    Close();
  }

  // `body` for each element of the vector dim: its vector loops are this thread's one element.
  void Columns(const std::string& from, const std::string& to, const std::string& step,
               const std::vector<Stmt>& body) {
    const std::string i = absl::StrCat("i", VectorDim());
    Open(absl::StrCat("for (long ", i, " = ", from, "; ", i, " < ", to, "; ", i, " += ", step,
                      ") {"));
    in_columns_ = true;
    Body(body);
    in_columns_ = false;
    Close();
  }

  void Vector(const Stmt& stmt) {
    if (in_columns_) return Block("{", stmt.body);
    const std::string i = absl::StrCat("i", stmt.dim);
    Block(absl::StrCat("for (long ", i, " = ", stmt.lo, " + threadIdx.x; ", i, " < ", stmt.hi, "; ",
                       i, " += THREADS) {"),
          stmt.body);
  }

  void Simple(const Stmt& stmt) {
    const std::string row = absl::StrCat("row", stmt.slot, "[i", VectorDim(), " / THREADS]");
    switch (stmt.kind) {
      case Stmt::Kind::kLet:
        return Line(absl::StrCat("const ", expr_.Type(stmt.expr), " ", expr_.Name(stmt.expr), " = ",
                                 expr_.Formula(stmt.expr, {}), ";"));
      case Stmt::Kind::kReload:
        return Line(absl::StrCat("const float ", expr_.Name(stmt.expr), " = ",
                                 stmt.slot >= 0 ? row : expr_.Load(stmt.access, false, {}), ";"));
      case Stmt::Kind::kKeep:
        return Line(absl::StrCat(row, " = ", expr_.Name(stmt.expr), ";"));
      case Stmt::Kind::kStore:
        return Store(stmt);
      case Stmt::Kind::kStart:
        return Line(absl::StrCat("float a", stmt.reduction, " = ",
                                 IsMax(stmt.reduction) ? "-__builtin_inff()" : "0.0f", ";"));
      case Stmt::Kind::kAccumulate: {
        const std::string a = absl::StrCat("a", stmt.reduction), x = expr_.Name(stmt.expr);
        return Line(IsMax(stmt.reduction) ? absl::StrCat(a, " = s_max(", x, ", ", a, ");")
                                          : absl::StrCat(a, " += ", x, ";"));
      }
      case Stmt::Kind::kFinish:
        return Finish(stmt.reduction);
      default:
        return;
    }
  }

  // What is once a row is stored by one thread, when all have read what they need.
  void Store(const Stmt& stmt) {
    const std::string store = expr_.StoreStatement(stmt.access, stmt.expr, false, {});
    const bool once = !in_columns_ && (c_.dims.empty() ||
                                       (c_.kind == Kind::kRow && stmt.access.strides.back() == 0));
    if (!once) return Line(store);
    Line("__syncthreads();");
    Line(absl::StrCat("if (threadIdx.x == 0) ", store));
  }

  const loop::Reduction& ReductionAt(int reduction) const { return c_.reductions[At(reduction)]; }
  bool IsMax(int reduction) const { return ReductionAt(reduction).op == "reduce_max"; }

  void Finish(int r) {
    const std::string all = c_.kind == Kind::kColumn ? absl::StrCat("a", r)
                            : IsMax(r)               ? absl::StrCat("block_max(a", r, ")")
                                                     : absl::StrCat("block_sum(a", r, ")");
    const bool mean = ReductionAt(r).op == "reduce_mean";
    Line(absl::StrCat(
        "const float r", r, " = ",
        mean ? absl::StrCat("s_mul(", all, ", 1.0f / ", ReductionAt(r).count, ".0f)") : all, ";"));
  }

  const loop::Nest nest_;
  const loop::Computation& c_;
  const CExpr expr_;
  const std::string entry_;
  bool in_columns_ = false;
};

}  // namespace

std::string WriteCuda(const loop::Nest& nest, const std::string& entry) {
  return CudaWriter(nest, entry).Run();
}

}  // namespace strata::compiler
