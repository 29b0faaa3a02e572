#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/loop/schedule.h"

namespace strata::compiler::loop {
namespace {

class Printer {
 public:
  explicit Printer(const Nest& nest) : nest_(nest), c_(nest.computation) {}

  std::string Run() {
    absl::StrAppend(&text_, KindName(c_.kind), " kernel (", absl::StrJoin(c_.ops, " "), ")\n");
    for (const Buffer& buffer : c_.buffers) {
      absl::StrAppend(&text_, buffer.name, ": ", std::string(chips::DTypeName(buffer.dtype)), "[",
                      absl::StrJoin(buffer.dims, ", "), "]\n");
    }
    PrintBody(nest_.body, 0);
    return std::move(text_);
  }

 private:
  void Line(int depth, absl::string_view line) {
    text_.append(static_cast<size_t>(2 * depth), ' ');
    absl::StrAppend(&text_, line, "\n");
  }

  std::string Name(int expr) const {
    const Expr& e = c_.exprs[static_cast<size_t>(expr)];
    if (e.kind == Expr::Kind::kConstant) return absl::StrCat(e.value);
    if (e.kind == Expr::Kind::kReduction) return absl::StrCat("r", e.reduction);
    return absl::StrCat("t", expr);
  }

  std::string Place(const Access& access) const {
    return absl::StrCat(c_.buffers[static_cast<size_t>(access.buffer)].name, "[", IndexText(access),
                        "]");
  }

  std::string Formula(int expr) const {
    const Expr& e = c_.exprs[static_cast<size_t>(expr)];
    if (e.kind == Expr::Kind::kLoad) return Place(e.access);
    if (e.kind == Expr::Kind::kIndex) return IndexText(e.access);
    std::vector<std::string> args;
    for (int arg : e.args) args.push_back(Name(arg));
    const std::string op =
        e.op == "cast" ? absl::StrCat("cast ", std::string(chips::DTypeName(e.dtype))) : e.op;
    return absl::StrCat(op, "(", absl::StrJoin(args, ", "), ")");
  }

  std::string Range(const Stmt& stmt) const {
    const std::string lo = stmt.lo == 0 ? "" : absl::StrCat(stmt.lo, " <= ");
    return absl::StrCat(lo, "i", stmt.dim, " < ", stmt.hi);
  }

  void Block(int depth, const std::string& head, const Stmt& stmt) {
    Line(depth, head + " {");
    PrintBody(stmt.body, depth + 1);
    Line(depth, "}");
  }

  void PrintBody(const std::vector<Stmt>& body, int depth) {
    for (const Stmt& stmt : body) PrintStmt(stmt, depth);
  }

  void PrintStmt(const Stmt& stmt, int depth) {
    switch (stmt.kind) {
      case Stmt::Kind::kParallel: {
        std::vector<std::string> ranges;
        for (int dim : stmt.dims)
          ranges.push_back(absl::StrCat("i", dim, " < ", c_.dims[static_cast<size_t>(dim)]));
        return Block(
            depth, absl::StrCat("parallel ", ranges.empty() ? "once" : absl::StrJoin(ranges, ", ")),
            stmt);
      }
      case Stmt::Kind::kStrips:
        return Block(depth, absl::StrCat("parallel strips of ", Range(stmt)), stmt);
      case Stmt::Kind::kSerial:
        return Block(depth, absl::StrCat("for ", Range(stmt)), stmt);
      case Stmt::Kind::kVector:
        return Block(depth, absl::StrCat("vector ", Range(stmt)), stmt);
      case Stmt::Kind::kIf:
        return Block(depth, stmt.dim < 0 ? std::string("piece") : absl::StrCat("if ", Range(stmt)),
                     stmt);
      case Stmt::Kind::kLet:
        return Line(depth, absl::StrCat(Name(stmt.expr), " = ", Formula(stmt.expr)));
      case Stmt::Kind::kReload:
        return Line(depth, absl::StrCat(Name(stmt.expr), " = ",
                                        stmt.slot >= 0 ? absl::StrCat("row", stmt.slot)
                                                       : Place(stmt.access)));
      case Stmt::Kind::kStore:
        return Line(depth, absl::StrCat(Place(stmt.access), " = ", Name(stmt.expr)));
      case Stmt::Kind::kKeep:
        return Line(depth, absl::StrCat("row", stmt.slot, " = ", Name(stmt.expr)));
      case Stmt::Kind::kStart:
        return Line(depth, absl::StrCat("start r", stmt.reduction));
      case Stmt::Kind::kAccumulate:
        return Line(depth, absl::StrCat("r", stmt.reduction, " <- ",
                                        c_.reductions[static_cast<size_t>(stmt.reduction)].op, "(",
                                        Name(stmt.expr), ")"));
      case Stmt::Kind::kFinish:
        return Line(depth, absl::StrCat("finish r", stmt.reduction));
    }
  }

  const Nest& nest_;
  const Computation& c_;
  std::string text_;
};

}  // namespace

std::string IndexText(const Access& access) {
  std::string text;
  for (size_t d = 0; d < access.strides.size(); ++d) {
    if (access.strides[d] == 0) continue;
    absl::StrAppend(&text, text.empty() ? "" : " + ",
                    access.strides[d] == 1 ? std::string() : absl::StrCat(access.strides[d], " * "),
                    "i", d);
  }
  if (access.offset != 0 || text.empty())
    absl::StrAppend(&text, text.empty() ? "" : " + ", access.offset);
  return text;
}

std::string Print(const Nest& nest) { return Printer(nest).Run(); }

}  // namespace strata::compiler::loop
