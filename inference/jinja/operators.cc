#include "inference/jinja/operators.h"

#include <cmath>

#include "inference/jinja/text_builder.h"

namespace strata::inference::jinja {
namespace {

constexpr const char* kSymbols[] = {"+", "-", "*", "/", "//", "%", "**"};

absl::Status NotTogether(BinaryOperator op, const Value& a, const Value& b) {
  for (const Value* side : {&a, &b}) {
    if (side->is_undefined()) return absl::InvalidArgumentError(side->undefined_message());
  }
  const bool text = a.is_string() || b.is_string();
  return absl::InvalidArgumentError(
      absl::StrCat("`", kSymbols[static_cast<int>(op)], "` cannot be applied to a ", a.TypeName(),
                   " and a ", b.TypeName(), text ? "; join strings with ~" : ""));
}

absl::Status Overflow() {
  return absl::InvalidArgumentError("an integer is beyond 64 bits; use floats");
}

absl::Status DivisionByZero() { return absl::InvalidArgumentError("division by zero"); }

absl::StatusOr<Value> PowerOfInts(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return DivisionByZero();
    return Value::Float(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return Overflow();
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) return Overflow();
  }
  return Value::Int(result);
}

absl::StatusOr<Value> ApplyToInts(BinaryOperator op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case BinaryOperator::kAdd:
      if (__builtin_add_overflow(a, b, &result)) return Overflow();
      return Value::Int(result);
    case BinaryOperator::kSubtract:
      if (__builtin_sub_overflow(a, b, &result)) return Overflow();
      return Value::Int(result);
    case BinaryOperator::kMultiply:
      if (__builtin_mul_overflow(a, b, &result)) return Overflow();
      return Value::Int(result);
    case BinaryOperator::kDivide:
      if (b == 0) return DivisionByZero();
      return Value::Float(static_cast<double>(a) / static_cast<double>(b));
    case BinaryOperator::kFloorDivide:
    case BinaryOperator::kModulo: {
      if (b == 0) return DivisionByZero();
      if (b == -1) {  // the one case in which a / b overflows
        if (op == BinaryOperator::kModulo) return Value::Int(0);
        if (__builtin_sub_overflow(int64_t{0}, a, &result)) return Overflow();
        return Value::Int(result);
      }
      const int64_t rest = a % b;
      const bool down = rest != 0 && (rest < 0) != (b < 0);  // round to minus infinity
      if (op == BinaryOperator::kModulo) return Value::Int(down ? rest + b : rest);
      return Value::Int(a / b - (down ? 1 : 0));
    }
    case BinaryOperator::kPower:
      return PowerOfInts(a, b);
  }
  return Overflow();
}

absl::StatusOr<Value> ApplyToFloats(BinaryOperator op, double a, double b) {
  switch (op) {
    case BinaryOperator::kAdd:
      return Value::Float(a + b);
    case BinaryOperator::kSubtract:
      return Value::Float(a - b);
    case BinaryOperator::kMultiply:
      return Value::Float(a * b);
    case BinaryOperator::kDivide:
      if (b == 0) return DivisionByZero();
      return Value::Float(a / b);
    case BinaryOperator::kFloorDivide:
      if (b == 0) return DivisionByZero();
      return Value::Float(std::floor(a / b));
    case BinaryOperator::kModulo: {
      if (b == 0) return DivisionByZero();
      const double rest = std::fmod(a, b);
      return Value::Float(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
    }
    case BinaryOperator::kPower:
      return Value::Float(std::pow(a, b));
  }
  return Overflow();
}

absl::StatusOr<Value> Repeat(const Value& value, int64_t count, Heap* heap) {
  const auto times = static_cast<size_t>(std::max<int64_t>(count, 0));
  if (value.is_string()) {
    TextBuilder text(heap);
    if (value.text().empty()) return value;
    for (size_t i = 0; i < times && text.status().ok(); ++i) text.Append(value.text());
    return text.Finish();
  }
  const auto* sequence = value.object<SequenceObject>();
  const size_t size = sequence->items.size();
  if (size > 0 && times > heap->limits().memory / (size * sizeof(Value)))
    return heap->CheckRoom(heap->limits().memory + 1);
  STRATA_RETURN_IF_ERROR(heap->CheckRoom(size * times * sizeof(Value)));
  std::vector<Value> items;
  items.reserve(size * times);
  for (size_t i = 0; i < times && size > 0; ++i)
    items.insert(items.end(), sequence->items.begin(), sequence->items.end());
  return heap->Sequence(sequence->flavor, std::move(items));
}

bool Repeatable(const Value& value) {
  if (value.is_string()) return true;
  if (value.kind() != Kind::kSequence) return false;
  return value.object<SequenceObject>()->flavor <= SequenceFlavor::kTuple;
}

absl::StatusOr<Value> Chain(const Value& a, const Value& b, Heap* heap) {
  const auto *left = a.object<SequenceObject>(), *right = b.object<SequenceObject>();
  std::vector<Value> items;
  STRATA_RETURN_IF_ERROR(
      heap->CheckRoom((left->items.size() + right->items.size()) * sizeof(Value)));
  items.reserve(left->items.size() + right->items.size());
  items.insert(items.end(), left->items.begin(), left->items.end());
  items.insert(items.end(), right->items.begin(), right->items.end());
  return heap->Sequence(left->flavor, std::move(items));
}

}  // namespace

absl::StatusOr<Value> Apply(BinaryOperator op, const Value& a, const Value& b, Heap* heap) {
  if (a.is_integer() && b.is_integer()) return ApplyToInts(op, a.int_value(), b.int_value());
  if (a.is_number() && b.is_number()) return ApplyToFloats(op, a.AsDouble(), b.AsDouble());
  if (op == BinaryOperator::kModulo && a.is_string()) return FormatPercent(a.text(), b, heap);
  if (op == BinaryOperator::kAdd && a.is_string() && b.is_string()) {
    TextBuilder text(heap);
    text.Append(a.text());
    text.Append(b.text());
    return text.Finish();
  }
  if (op == BinaryOperator::kAdd && Repeatable(a) && a.TypeName() == b.TypeName())
    return Chain(a, b, heap);
  if (op == BinaryOperator::kMultiply && Repeatable(a) && b.is_integer())
    return Repeat(a, b.int_value(), heap);
  if (op == BinaryOperator::kMultiply && Repeatable(b) && a.is_integer())
    return Repeat(b, a.int_value(), heap);
  return NotTogether(op, a, b);
}

absl::StatusOr<Value> Negate(const Value& value) {
  if (value.is_integer()) return ApplyToInts(BinaryOperator::kSubtract, 0, value.int_value());
  if (value.is_number()) return Value::Float(-value.float_value());
  if (value.is_undefined()) return absl::InvalidArgumentError(value.undefined_message());
  return absl::InvalidArgumentError(absl::StrCat("a ", value.TypeName(), " has no negative"));
}

absl::StatusOr<Value> Plus(const Value& value) {
  if (value.is_integer()) return Value::Int(value.int_value());
  if (value.is_number()) return value;
  if (value.is_undefined()) return absl::InvalidArgumentError(value.undefined_message());
  return absl::InvalidArgumentError(absl::StrCat("`+` cannot be put before a ", value.TypeName()));
}

}  // namespace strata::inference::jinja
