#include <map>

#include "compiler/loop/lower.h"

namespace strata::compiler::loop {
namespace {

enum class Family { kElementwise, kReduction, kMovement, kSource };

struct Row {
  Family family;
  int cost;
};

const std::map<absl::string_view, Row>& Table() {
  static const auto* table = new std::map<absl::string_view, Row>{
      {"neg", {Family::kElementwise, 1}},
      {"exp", {Family::kElementwise, 14}},
      {"log", {Family::kElementwise, 16}},
      {"sqrt", {Family::kElementwise, 5}},
      {"rsqrt", {Family::kElementwise, 9}},
      {"tanh", {Family::kElementwise, 23}},
      {"sigmoid", {Family::kElementwise, 19}},
      {"relu", {Family::kElementwise, 1}},
      {"erf", {Family::kElementwise, 30}},
      {"abs", {Family::kElementwise, 1}},
      {"sin", {Family::kElementwise, 40}},
      {"cos", {Family::kElementwise, 40}},
      {"reciprocal", {Family::kElementwise, 5}},
      {"square", {Family::kElementwise, 1}},
      {"add", {Family::kElementwise, 1}},
      {"sub", {Family::kElementwise, 1}},
      {"mul", {Family::kElementwise, 1}},
      {"div", {Family::kElementwise, 5}},
      {"max", {Family::kElementwise, 2}},
      {"min", {Family::kElementwise, 2}},
      {"pow", {Family::kElementwise, 80}},
      {"less", {Family::kElementwise, 1}},
      {"less_equal", {Family::kElementwise, 1}},
      {"equal", {Family::kElementwise, 1}},
      {"select", {Family::kElementwise, 1}},
      {"cast", {Family::kElementwise, 1}},
      {"reduce_sum", {Family::kReduction, 1}},
      {"reduce_max", {Family::kReduction, 2}},
      {"reduce_mean", {Family::kReduction, 1}},
      {"broadcast_to", {Family::kMovement, 0}},
      {"reshape", {Family::kMovement, 0}},
      {"transpose", {Family::kMovement, 0}},
      {"slice", {Family::kMovement, 0}},
      {"pad", {Family::kMovement, 0}},
      {"concat", {Family::kMovement, 0}},
      {"constant", {Family::kSource, 0}},
      {"iota", {Family::kSource, 1}},
  };
  return *table;
}

bool Is(absl::string_view op, Family family) {
  auto it = Table().find(op);
  return it != Table().end() && it->second.family == family;
}

}  // namespace

const char* KindName(Kind kind) {
  return kind == Kind::kLoop ? "loop" : kind == Kind::kRow ? "row" : "column";
}

bool IsElementwiseOp(absl::string_view op) { return Is(op, Family::kElementwise); }
bool IsReductionOp(absl::string_view op) { return Is(op, Family::kReduction); }
bool IsMovementOp(absl::string_view op) { return Is(op, Family::kMovement); }
bool IsSourceOp(absl::string_view op) { return Is(op, Family::kSource); }
bool IsLowerable(absl::string_view op) { return Table().count(op) > 0; }

bool IsSupported(DType dtype) {
  return dtype == chips::F32 || dtype == chips::BF16 || dtype == chips::I32 || dtype == chips::BOOL;
}

int OpCost(absl::string_view op) {
  auto it = Table().find(op);
  return it == Table().end() ? 0 : it->second.cost;
}

}  // namespace strata::compiler::loop
