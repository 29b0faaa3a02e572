// The text of a Program.
#include <cmath>
#include <cstdio>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/schedule/program.h"
#include "compiler/schedule/text.h"

namespace strata::compiler::schedule {
namespace {

// Binding strength: sums 1, products 2, the rest 3.
int Strength(const Expr& expr) {
  if (expr.kind == Expr::Kind::kConstant) return expr.value < 0 || std::signbit(expr.value) ? 2 : 3;
  if (expr.kind != Expr::Kind::kApply) return 3;
  if (expr.op == "add" || expr.op == "sub") return 1;
  return expr.op == "mul" || expr.op == "div" || expr.op == "neg" ? 2 : 3;
}

std::string At(const Expr& expr, int strength) {
  return Strength(expr) < strength ? absl::StrCat("(", ExprText(expr), ")") : ExprText(expr);
}

std::string NumberText(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char text[40];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

class Printer {
 public:
  std::string Run(const Program& program) {
    Line(absl::StrCat("program ", program.name));
    for (const Buffer& buffer : program.buffers) {
      Line(absl::StrCat(ScopeName(buffer.scope), " ", buffer.name, " ",
                        std::string(chips::DTypeName(buffer.dtype)), "[",
                        absl::StrJoin(buffer.dims, ", "), "]",
                        buffer.within.empty() ? "" : absl::StrCat(" in ", buffer.within)));
    }
    Body(program.body);
    return text_;
  }

 private:
  void Line(const std::string& line) {
    absl::StrAppend(&text_, std::string(2 * depth_, ' '), line, "\n");
  }

  void Body(const std::vector<Node>& body) {
    for (const Node& node : body) {
      if (!node.is_loop) {
        Line(StatementText(node.statement));
        continue;
      }
      Line(absl::StrCat(LoopText(node.loop), " {"));
      ++depth_;
      Body(node.loop.body);
      --depth_;
      Line("}");
    }
  }

  std::string text_;
  size_t depth_ = 0;
};

}  // namespace

std::string AccessText(const Access& access) {
  return absl::StrCat(access.buffer, "[",
                      absl::StrJoin(access.index, ", ",
                                    [](std::string* out, const Affine& index) {
                                      absl::StrAppend(out, index.Text());
                                    }),
                      "]");
}

std::string ConditionsText(const std::vector<Condition>& conditions) {
  return absl::StrJoin(conditions, " and ", [](std::string* out, const Condition& condition) {
    absl::StrAppend(out, ConditionText(condition));
  });
}

std::string ExprText(const Expr& expr) {
  if (expr.kind == Expr::Kind::kLoad) {
    const std::string access = AccessText(expr.access);
    return expr.inside.empty()
               ? access
               : absl::StrCat("inside(", access, ", ", ConditionsText(expr.inside), ")");
  }
  if (expr.kind == Expr::Kind::kConstant) return NumberText(expr.value);
  const std::vector<Expr>& args = expr.args;
  if (expr.op == "add") return absl::StrCat(At(args[0], 1), " + ", At(args[1], 2));
  if (expr.op == "sub") return absl::StrCat(At(args[0], 1), " - ", At(args[1], 2));
  if (expr.op == "mul") return absl::StrCat(At(args[0], 2), " * ", At(args[1], 3));
  if (expr.op == "div") return absl::StrCat(At(args[0], 2), " / ", At(args[1], 3));
  return absl::StrCat(
      expr.op, "(",
      absl::StrJoin(args, ", ",
                    [](std::string* out, const Expr& arg) { absl::StrAppend(out, ExprText(arg)); }),
      ")");
}

std::string ConditionText(const Condition& condition) {
  Affine less, more = condition.value.constant();
  for (const auto& [name, coefficient] : condition.value.terms()) {
    if (coefficient < 0) {
      less += Affine::Index(name, -coefficient);
    } else {
      more += Affine::Index(name, coefficient);
    }
  }
  if (!less.IsConstant() || more.IsConstant()) {
    return absl::StrCat(less.Text(), " < ", (more + 1).Text());
  }
  return absl::StrCat((more - more.constant()).Text(), " >= ", -more.constant());
}

std::string StatementText(const Statement& statement) {
  if (statement.update == Update::kPrefetch) {
    return absl::StrCat(statement.value.value != 0 ? "prefetch_write " : "prefetch ",
                        AccessText(statement.target), statement.where.empty() ? "" : " if ",
                        ConditionsText(statement.where));
  }
  static const char* kUpdates[] = {" = ", " += ", " max= "};
  std::string text =
      absl::StrCat(AccessText(statement.target), kUpdates[static_cast<size_t>(statement.update)],
                   ExprText(statement.value));
  if (!statement.first.empty()) {
    absl::StrAppend(&text, " first ", absl::StrJoin(statement.first, ", "));
  }
  if (!statement.where.empty()) absl::StrAppend(&text, " if ", ConditionsText(statement.where));
  return text;
}

std::string LoopText(const Loop& loop) {
  std::string text = absl::StrCat(LoopKindName(loop.kind), " ");
  if (loop.dims.size() == 1) {
    absl::StrAppend(&text, loop.name, " < ", loop.dims[0].extent);
  } else {
    absl::StrAppend(&text, loop.name, "(",
                    absl::StrJoin(loop.dims, ", ",
                                  [](std::string* out, const Dim& dim) {
                                    absl::StrAppend(out, dim.index, " < ", dim.extent);
                                  }),
                    ")");
  }
  if (!loop.with.empty()) absl::StrAppend(&text, " with ", loop.with);
  if (!loop.intrinsic.empty()) absl::StrAppend(&text, " as ", loop.intrinsic);
  return text;
}

std::string Print(const Program& program) { return Printer().Run(program); }

}  // namespace strata::compiler::schedule
