#include "compiler/codegen/c_expr.h"

#include <cmath>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::compiler {
namespace {

using chips::DType;
using loop::Access;
using loop::Expr;

size_t At(int i) { return static_cast<size_t>(i); }

std::string FloatText(double value) {
  if (std::isnan(value)) return "__builtin_nanf(\"\")";
  if (std::isinf(value)) return value > 0 ? "__builtin_inff()" : "(-__builtin_inff())";
  char text[64];
  std::snprintf(text, sizeof(text), "%.9g", value);
  std::string result = text;
  if (!absl::StrContains(result, ".") && !absl::StrContains(result, "e")) result += ".0";
  result += "f";
  return value < 0 || std::signbit(value) ? absl::StrCat("(", result, ")") : result;
}

std::string IntText(double value) {
  if (value <= -2147483648.0) return "(-2147483647 - 1)";
  const int64_t number = value >= 2147483647.0 ? 2147483647 : static_cast<int64_t>(value);
  return number < 0 ? absl::StrCat("(", number, ")") : absl::StrCat(number);
}

// Suffix of the load and store functions of the prelude.
const char* Suffix(DType dtype) {
  switch (dtype) {
    case chips::BF16:
      return "bf16";
    case chips::I32:
      return "i32";
    case chips::BOOL:
      return "bool";
    default:
      return "f32";
  }
}

// In registers bf16 is f32.
const char* Register(DType dtype) { return dtype == chips::BF16 ? "f32" : Suffix(dtype); }

const char* Infix(const std::string& op) {
  if (op == "add") return "+";
  if (op == "sub") return "-";
  if (op == "mul") return "*";  // of integers
  if (op == "div") return "/";
  if (op == "less") return "<";
  if (op == "less_equal") return "<=";
  if (op == "equal") return "==";
  return nullptr;
}

bool IsComparison(const std::string& op) {
  return op == "less" || op == "less_equal" || op == "equal";
}

}  // namespace

const char* CExpr::MemoryType(DType dtype) {
  switch (dtype) {
    case chips::BF16:
      return "unsigned short";
    case chips::I32:
      return "int";
    case chips::BOOL:
      return "unsigned char";
    default:
      return "float";
  }
}

bool CExpr::IsInteger(int expr) const {
  const DType dtype = c_.exprs[At(expr)].dtype;
  return dtype == chips::I32 || dtype == chips::BOOL;
}

std::string CExpr::Name(int expr) const {
  const Expr& e = c_.exprs[At(expr)];
  const char* row = !per_row_.empty() && per_row_[At(expr)] ? "[w]" : "";
  if (e.kind == Expr::Kind::kReduction) return absl::StrCat("r", e.reduction, row);
  if (e.kind != Expr::Kind::kConstant) return absl::StrCat("t", expr, row);
  if (e.dtype == chips::BOOL) return e.value != 0 ? "(-1)" : "0";
  return e.dtype == chips::I32 ? IntText(e.value) : FloatText(e.value);
}

std::string CExpr::Vector(int expr) const {
  if (nest_.is_vector[At(expr)]) return Name(expr);
  return absl::StrCat(IsInteger(expr) ? "v_i(" : "v_f(", Name(expr), ")");
}

std::string CExpr::Type(int expr) const {
  if (nest_.is_vector[At(expr)]) return IsInteger(expr) ? "vi" : "vf";
  return IsInteger(expr) ? "int" : "float";
}

std::string CExpr::Load(const Access& access, bool vector, Lanes lanes) const {
  const loop::Buffer& buffer = c_.buffers[At(access.buffer)];
  const std::string index = loop::IndexText(access);
  if (vector) {
    const std::string function = absl::StrCat("load_", Suffix(buffer.dtype));
    if (access.strides.back() != 1) {
      return absl::StrCat(function, "_s(", buffer.name, ", ", index, ", ", access.strides.back(),
                          ", ", lanes.count, ")");
    }
    if (!lanes.full())
      return absl::StrCat(function, "_n(", buffer.name, ", ", index, ", ", lanes.count, ")");
    return absl::StrCat(function, "(", buffer.name, ", ", index, ")");
  }
  const std::string element = absl::StrCat(buffer.name, "[", index, "]");
  if (buffer.dtype == chips::BF16) return absl::StrCat("s_of_bf16(", element, ")");
  if (buffer.dtype == chips::BOOL) return absl::StrCat("-(", element, " != 0)");
  return element;
}

std::string CExpr::StoreStatement(const Access& access, int expr, bool vector, Lanes lanes) const {
  const loop::Buffer& buffer = c_.buffers[At(access.buffer)];
  const std::string index = loop::IndexText(access);
  if (vector) {
    const std::string function = absl::StrCat("store_", Suffix(buffer.dtype));
    if (access.strides.back() != 1) {
      return absl::StrCat(function, "_s(", buffer.name, ", ", index, ", ", Vector(expr), ", ",
                          access.strides.back(), ", ", lanes.count, ");");
    }
    if (!lanes.full()) {
      return absl::StrCat(function, "_n(", buffer.name, ", ", index, ", ", Vector(expr), ", ",
                          lanes.count, ");");
    }
    return absl::StrCat(function, "(", buffer.name, ", ", index, ", ", Vector(expr), ");");
  }
  std::string value = Name(expr);
  if (buffer.dtype == chips::BF16) value = absl::StrCat("s_to_bf16(", value, ")");
  if (buffer.dtype == chips::BOOL) value = absl::StrCat("(unsigned char)(", value, " & 1)");
  return absl::StrCat(buffer.name, "[", index, "] = ", value, ";");
}

std::string CExpr::Formula(int expr, Lanes lanes) const {
  const Expr& e = c_.exprs[At(expr)];
  const bool vector = nest_.is_vector[At(expr)];
  if (e.kind == Expr::Kind::kLoad) return Load(e.access, vector, lanes);
  if (e.kind == Expr::Kind::kIndex) {
    const std::string index = loop::IndexText(e.access);
    return vector ? absl::StrCat("v_index(", index, ", ", e.access.strides.back(), ")")
                  : absl::StrCat("(int)(", index, ")");
  }
  return ApplyFormula(e, vector);
}

std::string CExpr::ApplyFormula(const Expr& e, bool vector) const {
  const auto arg = [&](size_t i) { return vector ? Vector(e.args[i]) : Name(e.args[i]); };
  const bool integer = IsInteger(e.args.back());
  const std::string prefix = vector ? "v_" : "s_";
  if (e.op == "mul" && !integer) return absl::StrCat(prefix, "mul(", arg(0), ", ", arg(1), ")");
  if (e.op == "square") {
    return integer ? absl::StrCat(Name(e.args[0]), " * ", Name(e.args[0]))
                   : absl::StrCat(prefix, "mul(", arg(0), ", ", arg(0), ")");
  }
  if (const char* infix = Infix(e.op)) {
    // A vector and a number mix as they stand; comparisons give 0 or -1.
    // True is -1, so bools compare the other way round.
    const bool swap = IsComparison(e.op) && c_.exprs[At(e.args[0])].dtype == chips::BOOL;
    const std::string text =
        absl::StrCat(Name(e.args[swap ? 1 : 0]), " ", infix, " ", Name(e.args[swap ? 0 : 1]));
    return IsComparison(e.op) && !vector ? absl::StrCat("-(", text, ")") : text;
  }
  if (e.op == "neg") return absl::StrCat("-", Name(e.args[0]));
  if (e.op == "reciprocal") return absl::StrCat("1.0f / ", Name(e.args[0]));
  if (e.op == "select") {
    if (!vector) return absl::StrCat(arg(0), " ? ", arg(1), " : ", arg(2));
    return absl::StrCat(integer ? "vi_select(" : "v_select(", arg(0), ", ", arg(1), ", ", arg(2),
                        ")");
  }
  if (e.op == "max" || e.op == "min") {
    const std::string function =
        integer ? absl::StrCat(vector ? "vi_" : "si_", e.op) : prefix + e.op;
    return absl::StrCat(function, "(", arg(0), ", ", arg(1), ")");
  }
  if (e.op == "pow") return absl::StrCat(prefix, "pow(", arg(0), ", ", arg(1), ")");
  if (e.op == "cast") {
    const DType from = c_.exprs[At(e.args[0])].dtype;
    const std::string function = absl::StrCat(prefix, Register(e.dtype), "_of_", Register(from));
    return std::string(Register(e.dtype)) == Register(from)
               ? arg(0)
               : absl::StrCat(function, "(", arg(0), ")");
  }
  return absl::StrCat(prefix, e.op, "(", arg(0), ")");
}

}  // namespace strata::compiler
