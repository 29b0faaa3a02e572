// Filters of numbers: abs, int, float, round.
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "inference/jinja/builtins.h"
#include "inference/jinja/operators.h"

namespace strata::inference::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Result Abs(Interpreter&, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "abs", {"x"}, 1));
  const Value& number = bound[0];
  if (!number.is_number()) {
    return absl::InvalidArgumentError(number.is_undefined()
                                          ? number.undefined_message()
                                          : absl::StrCat("a ", number.TypeName(), " has no abs"));
  }
  if (number.is_integer()) return number.int_value() < 0 ? Negate(number) : Plus(number);
  return Value::Float(std::abs(number.float_value()));
}

// Digits of `base` with a sign, as Python's int(text, base) takes them.
bool ParseInteger(const std::string& text, int64_t base, int64_t* number) {
  absl::string_view digits = absl::StripAsciiWhitespace(text);
  if (base == 10) return absl::SimpleAtoi(digits, number);
  const std::string copy(digits);
  char* end = nullptr;
  errno = 0;
  *number = std::strtoll(copy.c_str(), &end, static_cast<int>(base));
  return errno == 0 && !copy.empty() && end == copy.c_str() + copy.size();
}

Result ToInt(Interpreter&, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, "int", {"value", "default", "base"}, 1));
  const Value& value = bound[0];
  const Value otherwise = bound[1].is_undefined() ? Value::Int(0) : bound[1];
  STRATA_ASSIGN_OR_RETURN(const int64_t base, ToInteger(bound[2], "base", 10));
  if (base != 0 && (base < 2 || base > 36))
    return absl::InvalidArgumentError("base must be 0 or from 2 to 36");
  if (value.is_undefined()) return absl::InvalidArgumentError(value.undefined_message());
  if (value.is_integer()) return Value::Int(value.int_value());
  double number = 0;
  if (value.is_string()) {
    int64_t integer = 0;
    if (ParseInteger(value.text().bytes(), base, &integer)) return Value::Int(integer);
    if (!absl::SimpleAtod(value.text().bytes(), &number)) return otherwise;
  } else if (value.kind() == Kind::kFloat) {
    number = value.float_value();
  } else {
    return otherwise;
  }
  return std::abs(number) < 9e18 ? Value::Int(static_cast<int64_t>(number)) : otherwise;
}

Result ToFloat(Interpreter&, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound, Bind(arguments, "float", {"value", "default"}, 1));
  const Value& value = bound[0];
  const Value otherwise = bound[1].is_undefined() ? Value::Float(0) : bound[1];
  if (value.is_undefined()) return absl::InvalidArgumentError(value.undefined_message());
  if (value.is_number()) return Value::Float(value.AsDouble());
  double number = 0;
  if (value.is_string() && absl::SimpleAtod(value.text().bytes(), &number))
    return Value::Float(number);
  return otherwise;
}

// To `precision` decimals, halves to even, as the decimal digits of the exact number say.
double RoundCommon(double number, int64_t precision) {
  if (!std::isfinite(number)) return number;
  if (precision < 0) {
    const double unit = std::pow(10.0, static_cast<double>(-precision));
    return std::nearbyint(number / unit) * unit;
  }
  return std::strtod(absl::StrFormat("%.*f", static_cast<int>(precision), number).c_str(), nullptr);
}

Result Round(Interpreter&, const Arguments& arguments) {
  STRATA_ASSIGN_OR_RETURN(const auto bound,
                          Bind(arguments, "round", {"value", "precision", "method"}, 1));
  const Value& value = bound[0];
  if (value.is_undefined()) return absl::InvalidArgumentError(value.undefined_message());
  if (!value.is_number())
    return absl::InvalidArgumentError(absl::StrCat("a ", value.TypeName(), " cannot be rounded"));
  STRATA_ASSIGN_OR_RETURN(const int64_t precision, ToInteger(bound[1], "precision", 0));
  if (precision < -300 || precision > 300)
    return absl::InvalidArgumentError("precision must be from -300 to 300");
  std::string method = "common";
  if (!bound[2].is_undefined()) {
    STRATA_ASSIGN_OR_RETURN(const Text text, ToText(bound[2], "method"));
    method = text.bytes();
  }
  const double unit = std::pow(10.0, static_cast<double>(precision));
  if (method == "ceil") return Value::Float(std::ceil(value.AsDouble() * unit) / unit);
  if (method == "floor") return Value::Float(std::floor(value.AsDouble() * unit) / unit);
  if (method != "common") return absl::InvalidArgumentError("method must be common, ceil or floor");
  if (value.is_integer() && precision >= 0) return Value::Int(value.int_value());
  const double rounded = RoundCommon(value.AsDouble(), precision);
  return value.is_integer() ? Value::Int(static_cast<int64_t>(rounded)) : Value::Float(rounded);
}

}  // namespace

void AddNumberFilters(FilterTable* table) {
  table->insert({{"abs", Abs}, {"int", ToInt}, {"float", ToFloat}, {"round", Round}});
}

}  // namespace strata::inference::jinja
