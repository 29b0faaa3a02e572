// Statements and values: conditions that are left, loads, arithmetic, stores.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/schedule/nest_writer.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

std::string NumberText(double value) {
  if (std::isnan(value)) return "__builtin_nanf(\"\")";
  if (std::isinf(value)) return value > 0 ? "__builtin_inff()" : "(-__builtin_inff())";
  char text[40];
  std::snprintf(text, sizeof(text), "%.9g", value);
  std::string result = text;
  if (!absl::StrContains(result, ".") && !absl::StrContains(result, "e")) result += ".0";
  return std::signbit(value) ? absl::StrCat("(", result, "f)") : result + "f";
}

const char* Infix(const std::string& op) {
  if (op == "add") return " + ";
  if (op == "sub") return " - ";
  if (op == "mul") return " * ";
  return op == "div" ? " / " : nullptr;
}

// Ready to be an operand.
std::string Closed(const std::string& text) {
  return absl::StrContains(text, " ") && !absl::EndsWith(text, ")") ? absl::StrCat("(", text, ")")
         : absl::StrContains(text, " + ") || absl::StrContains(text, " * ") ||
                 absl::StrContains(text, " - ") || absl::StrContains(text, " / ")
             ? absl::StrCat("(", text, ")")
             : text;
}

}  // namespace

// ---- indices

Affine NestWriter::PutConstants(const Affine& affine) const {
  Affine result = affine;
  for (const auto& [name, coefficient] : affine.terms()) {
    const auto it = constants_.find(name);
    if (it != constants_.end()) result = result.Substitute(name, it->second);
  }
  return result;
}

Affine NestWriter::Linear(const Access& access) const {
  const Buffer& buffer = BufferOf(access);
  Affine offset;
  for (size_t d = 0; d < access.index.size(); ++d)
    offset = offset * buffer.dims[d] + access.index[d];
  return PutConstants(offset);
}

int64_t NestWriter::Stride(const Access& access, const std::string& index) const {
  const Buffer& buffer = BufferOf(access);
  int64_t stride = 0;
  for (size_t d = 0; d < access.index.size(); ++d) {
    stride = stride * buffer.dims[d] + access.index[d].Coefficient(index);
  }
  return stride;
}

std::string NestWriter::IndexText(const Affine& affine) const {
  std::string text;
  for (const auto& [name, coefficient] : affine.terms()) {
    const int64_t whole = coefficient < 0 ? -coefficient : coefficient;
    const int64_t size = name == shared_loop_ ? whole / sharing_->block : whole;
    absl::StrAppend(&text,
                    text.empty()      ? (coefficient < 0 ? "-" : "")
                    : coefficient < 0 ? " - "
                                      : " + ",
                    size == 1 ? "" : absl::StrCat(size, " * "), name);
  }
  if (text.empty()) return absl::StrCat(affine.constant());
  if (affine.constant() > 0) absl::StrAppend(&text, " + ", affine.constant());
  if (affine.constant() < 0) absl::StrAppend(&text, " - ", -affine.constant());
  return text;
}

bool NestWriter::InBounds(const Access& access, const LanePlace& place) const {
  const Buffer& buffer = BufferOf(access);
  for (size_t d = 0; d < access.index.size(); ++d) {
    const int64_t coefficient = access.index[d].Coefficient(place.index);
    const Interval range = PutConstants(access.index[d]).Range(loops_);
    if (coefficient != 0 && range.high + coefficient * (kLanes - 1) >= buffer.dims[d]) return false;
  }
  return true;
}

std::string NestWriter::Variable(const Access& access, const LanePlace* place) const {
  std::string name = access.buffer;
  const bool scalar = scalars_.count(access.buffer) > 0;
  for (size_t d = 0; d < access.index.size(); ++d) {
    const int64_t index = PutConstants(access.index[d]).constant();
    const bool last = d + 1 == access.index.size();
    absl::StrAppend(&name, "_", last && !scalar ? index / kLanes : index);
    const bool whole = place != nullptr && access.index[d].Uses(place->index);
    if (last && !scalar && !whole) absl::StrAppend(&name, "[", index % kLanes, "]");
  }
  return name;
}

// ---- conditions

NestWriter::Verdict NestWriter::Judge(const std::vector<Condition>& conditions,
                                      const LanePlace* place) const {
  Verdict verdict;
  for (const Condition& condition : conditions) {
    const Fact* fact = facts_.Find(condition.value);
    if (fact != nullptr && fact->kind == Fact::Kind::kTrue) continue;
    if (fact != nullptr && fact->kind == Fact::Kind::kFalse) {
      verdict.holds = false;
      continue;
    }
    const bool equals = fact != nullptr && fact->kind == Fact::Kind::kEquals;
    const Affine value = PutConstants(equals ? fact->moving + fact->fixed : condition.value);
    const bool cuts = place != nullptr && condition.value.Uses(place->index);
    if (value.Range(loops_).low >= (cuts && place->written ? kLanes - 1 : 0)) continue;
    if (!cuts) {
      if (value.IsConstant()) {
        verdict.holds = false;
      } else {
        verdict.tests.push_back(absl::StrCat(IndexText(value), " >= 0"));
      }
      continue;
    }
    Lanes lanes;
    if (value.IsConstant()) {
      lanes.count = std::clamp<int64_t>(value.constant() + 1, 0, kLanes);
    } else {
      lanes.text = absl::StrCat("v_count(", IndexText(value + 1), ")");
    }
    if (verdict.lanes.full()) {
      verdict.lanes = lanes;
    } else if (verdict.lanes.text.empty() && lanes.text.empty()) {
      verdict.lanes.count = std::min(verdict.lanes.count, lanes.count);
    } else if (!lanes.full()) {
      verdict.lanes.text =
          absl::StrCat("(int)l_min(", verdict.lanes.Text(), ", ", lanes.Text(), ")");
    }
  }
  return verdict;
}

// ---- values

std::string NestWriter::AsVector(const Value& value) const {
  return value.vector ? value.text : absl::StrCat("v_f(", value.text, ")");
}

std::string NestWriter::Temporary(const std::string& type, const std::string& text,
                                  const std::string& buffer) {
  const std::string key = absl::StrCat(type, " ", text);
  const auto it = temporaries_.find(key);
  if (it != temporaries_.end()) return it->second.first;
  const std::string name = absl::StrCat("t", next_temporary_++);
  Line(absl::StrCat("const ", type, " ", name, " = ", text, ";"));
  temporaries_[key] = {name, buffer};
  return name;
}

void NestWriter::Forget(const std::string& buffer) {
  for (auto it = temporaries_.begin(); it != temporaries_.end();) {
    it = it->second.second == buffer ? temporaries_.erase(it) : std::next(it);
  }
}

std::string NestWriter::LoadText(const Access& access, const LanePlace* place, const Lanes& lanes) {
  const std::string index = IndexText(Linear(access));
  const bool bf16 = BufferOf(access).dtype == chips::BF16;
  const int64_t step = place == nullptr ? 0 : Stride(access, place->index);
  if (step == 0) {
    const std::string element = absl::StrCat(access.buffer, "[", index, "]");
    return bf16 ? absl::StrCat("s_of_bf16(", element, ")") : element;
  }
  const std::string function = absl::StrCat("load_", !bf16 ? "f32" : in_halves_ ? "half" : "bf16");
  if (step != 1) {
    return absl::StrCat(function, "_s(", access.buffer, ", ", index, ", ", step, ", ", lanes.Text(),
                        ")");
  }
  if (lanes.full()) return absl::StrCat(function, "(", access.buffer, ", ", index, ")");
  return absl::StrCat(function, "_n(", access.buffer, ", ", index, ", ", lanes.Text(), ")");
}

NestWriter::Value NestWriter::Load(const Expr& expr, const LanePlace* place, const Lanes& lanes) {
  const Verdict verdict = Judge(expr.inside, place);
  if (!verdict.holds || verdict.lanes.none()) return {"0.0f", false};
  const Access& access = expr.access;
  const bool vector = place != nullptr && Stride(access, place->index) != 0;
  if (IsVariable(access.buffer)) return {Variable(access, vector ? place : nullptr), vector};
  Lanes mine = lanes;
  if (!verdict.lanes.full()) {
    mine = lanes.full() ? verdict.lanes : lanes;
    if (!lanes.full()) {
      if (lanes.text.empty() && verdict.lanes.text.empty()) {
        mine.count = std::min(lanes.count, verdict.lanes.count);
      } else {
        mine.text = absl::StrCat("(int)l_min(", lanes.Text(), ", ", verdict.lanes.Text(), ")");
      }
    }
  } else if (vector && Stride(access, place->index) == 1 && InBounds(access, *place)) {
    mine = {};
  }
  std::string text = LoadText(access, place, mine);
  if (place != nullptr && !vector) text = absl::StrCat("v_f(", text, ")");
  for (const std::string& test : verdict.tests) {
    text = absl::StrCat("(", test, ") ? ", text, " : ", place != nullptr ? "v_f(0.0f)" : "0.0f");
  }
  return {Temporary(place != nullptr ? "vf" : "float", text, access.buffer), place != nullptr};
}

NestWriter::Value NestWriter::Evaluate(const Expr& expr, const LanePlace* place,
                                       const Lanes& lanes) {
  switch (expr.kind) {
    case Expr::Kind::kConstant:
      return {NumberText(expr.value), false};
    case Expr::Kind::kLoad:
      return Load(expr, place, lanes);
    case Expr::Kind::kApply:
      break;
  }
  return Apply(expr, place, lanes);
}

NestWriter::Value NestWriter::Apply(const Expr& expr, const LanePlace* place, const Lanes& lanes) {
  std::vector<Value> args;
  bool vector = false;
  for (const Expr& arg : expr.args) {
    args.push_back(Evaluate(arg, place, lanes));
    vector = vector || args.back().vector;
  }
  if (const char* infix = Infix(expr.op)) {
    return {absl::StrCat(Closed(args[0].text), infix, Closed(args[1].text)), vector};
  }
  if (expr.op == "neg") return {absl::StrCat("-", Closed(args[0].text)), vector};
  if (expr.op == "square") {
    const std::string name = absl::StrCat("t", next_temporary_++);
    Line(absl::StrCat("const ", vector ? "vf " : "float ", name, " = ", args[0].text, ";"));
    return {absl::StrCat(name, " * ", name), vector};
  }
  std::string text = absl::StrCat(vector ? "v_" : "s_", expr.op, "(");
  for (size_t i = 0; i < args.size(); ++i) {
    absl::StrAppend(&text, i > 0 ? ", " : "", vector ? AsVector(args[i]) : args[i].text);
  }
  return {absl::StrCat(text, ")"), vector};
}

// ---- one statement without lanes

void NestWriter::ScalarStatement(const Statement& statement) {
  const Verdict verdict = Judge(statement.where, nullptr);
  if (!verdict.holds) return;
  const auto saved = temporaries_;
  for (const std::string& test : verdict.tests) Open(absl::StrCat("if (", test, ") {"));
  if (statement.update == Update::kPrefetch) {  // to read: into the second-level cache
    Line(absl::StrCat("__builtin_prefetch(", statement.target.buffer, " + ",
                      IndexText(Linear(statement.target)),
                      statement.value.value != 0 ? ", 1);" : ", 0, 2);"));
    for (size_t i = 0; i < verdict.tests.size(); ++i) Close();
    return;
  }
  std::string result = Evaluate(statement.value, nullptr, {}).text;
  const bool variable = IsVariable(statement.target.buffer);
  const bool bf16 = !variable && BufferOf(statement.target).dtype == chips::BF16;
  const std::string target = variable ? Variable(statement.target, nullptr)
                                      : absl::StrCat(statement.target.buffer, "[",
                                                     IndexText(Linear(statement.target)), "]");
  if (statement.update != Update::kAssign) {
    const std::string old = bf16 ? absl::StrCat("s_of_bf16(", target, ")") : target;
    const std::string sum = statement.update == Update::kMax
                                ? absl::StrCat("s_max(", result, ", ", old, ")")
                                : absl::StrCat(old, " + ", Closed(result));
    std::string test;
    bool is_first = true;
    for (const std::string& index : statement.first) {
      const auto it = constants_.find(index);
      if (it == constants_.end())
        absl::StrAppend(&test, test.empty() ? "" : " && ", index, " == 0");
      is_first = is_first && (it == constants_.end() || it->second == 0);
    }
    if (statement.first.empty() || !is_first) {
      result = sum;
    } else if (!test.empty()) {
      result = absl::StrCat("(", test, ") ? ", Closed(result), " : ", sum);
    }
  }
  Line(absl::StrCat(target, " = ", bf16 ? absl::StrCat("s_to_bf16(", result, ")") : result, ";"));
  for (size_t i = 0; i < verdict.tests.size(); ++i) Close();
  if (!verdict.tests.empty()) temporaries_ = saved;
  Forget(statement.target.buffer);
}

}  // namespace strata::compiler::schedule
