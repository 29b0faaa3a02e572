// Vector loops and the nests that are instruction sequences.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/nest_writer.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

// Conditions may cut lanes off the end only.
bool CutsEnd(const std::vector<Condition>& conditions, const std::string& lane) {
  return std::all_of(conditions.begin(), conditions.end(), [&](const Condition& condition) {
    const int64_t coefficient = condition.value.Coefficient(lane);
    return coefficient == 0 || coefficient == -1;
  });
}

}  // namespace

std::string NestWriter::Lanes::Text() const { return text.empty() ? absl::StrCat(count) : text; }

bool NestWriter::IsLaneReduction(const Statement& statement, const std::string& lane) const {
  return statement.update != Update::kAssign && Stride(statement.target, lane) == 0;
}

bool NestWriter::CanBeVector(const Loop& loop) const {
  const std::string& lane = loop.name;
  bool can = loop.dims.size() == 1 && loop.extent() > 1;
  ForEachStatement(loop.body, [&](const Statement& statement) {
    const bool moves = Stride(statement.target, lane) != 0;
    can = can && statement.update != Update::kPrefetch && CutsEnd(statement.where, lane);
    can = can && (moves || (statement.update != Update::kAssign && statement.first.empty()));
    can = can &&
          std::find(statement.first.begin(), statement.first.end(), lane) == statement.first.end();
    ForEachLoad(statement.value, [&](const Expr& load) {
      can = can && CutsEnd(load.inside, lane);
      // A reduction that also reads its target keeps its order.
      can = can && (moves || load.access.buffer != statement.target.buffer);
    });
  });
  return can;
}

void NestWriter::VectorLoop(const Loop& loop) {
  const std::string& lane = loop.name;
  std::vector<const Statement*> reductions;
  for (const Node& node : loop.body) {
    if (IsLaneReduction(node.statement, lane)) reductions.push_back(&node.statement);
  }
  if (!reductions.empty()) Open("{");
  for (size_t i = 0; i < reductions.size(); ++i) {
    sums_[reductions[i]] = absl::StrCat("sum", i, "_", reductions[i]->target.buffer);
    Line(absl::StrCat("vf ", sums_[reductions[i]], " = v_f(",
                      reductions[i]->update == Update::kMax ? "-__builtin_inff()" : "0.0f", ");"));
  }
  const int64_t extent = loop.dims[0].extent;
  if (IsWritten(loop)) {
    for (int64_t base = 0; base < extent; base += kLanes) {
      constants_[lane] = base;
      VectorBody(loop, {lane, true}, {std::min(kLanes, extent - base), ""});
    }
    constants_.erase(lane);
  } else {
    std::vector<Affine> implied;
    const std::string bound = Bound(loop, &implied);
    const size_t mark = facts_.Mark();
    for (const Affine& condition : implied) facts_.Add(condition, {Fact::Kind::kTrue, 0, {}});
    ForEachStatement(loop.body,
                     [&](const Statement& statement) { Forget(statement.target.buffer); });
    const auto saved = temporaries_;
    loops_[lane] = extent;
    Open("{");
    Line(absl::StrCat("const long end_", lane, " = ", bound, ";"));
    Line(absl::StrCat("long ", lane, " = 0;"));
    Open(absl::StrCat("for (; ", lane, " + 16 <= end_", lane, "; ", lane, " += 16) {"));
    VectorBody(loop, {lane, false}, {});
    Close();
    temporaries_ = saved;
    Open(absl::StrCat("if (", lane, " < end_", lane, ") {"));
    VectorBody(loop, {lane, false}, {kLanes, absl::StrCat("(int)(end_", lane, " - ", lane, ")")});
    Close();
    Close();
    loops_.erase(lane);
    temporaries_ = saved;
    facts_.Release(mark);
  }
  for (const Statement* statement : reductions) {
    const bool max = statement->update == Update::kMax;
    const std::string total = absl::StrCat(max ? "v_top(" : "v_total(", sums_[statement], ")");
    Forget(statement->target.buffer);
    const std::string target = IsVariable(statement->target.buffer)
                                   ? Variable(statement->target, nullptr)
                                   : absl::StrCat(statement->target.buffer, "[",
                                                  IndexText(Linear(statement->target)), "]");
    if (BufferOf(statement->target).dtype == chips::BF16 && !IsVariable(statement->target.buffer)) {
      const std::string old = absl::StrCat("s_of_bf16(", target, ")");
      Line(absl::StrCat(
          target, " = s_to_bf16(",
          max ? absl::StrCat("s_max(", total, ", ", old, ")") : absl::StrCat(old, " + ", total),
          ");"));
    } else {
      Line(max ? absl::StrCat(target, " = s_max(", total, ", ", target, ");")
               : absl::StrCat(target, " += ", total, ";"));
    }
  }
  if (!reductions.empty()) Close();
}

void NestWriter::VectorBody(const Loop& loop, const LanePlace& place, Lanes lanes) {
  for (const Node& node : loop.body) VectorStatement(node.statement, place, lanes);
}

void NestWriter::VectorStatement(const Statement& statement, const LanePlace& place, Lanes lanes) {
  Verdict verdict = Judge(statement.where, &place);
  if (!verdict.holds || verdict.lanes.none()) return;
  if (!verdict.lanes.full()) {
    if (lanes.full()) {
      lanes = verdict.lanes;
    } else if (lanes.text.empty() && verdict.lanes.text.empty()) {
      lanes.count = std::min(lanes.count, verdict.lanes.count);
    } else {
      lanes.text = absl::StrCat("(int)l_min(", lanes.Text(), ", ", verdict.lanes.Text(), ")");
    }
  }
  const auto saved = temporaries_;
  for (const std::string& test : verdict.tests) Open(absl::StrCat("if (", test, ") {"));
  const Value value = Evaluate(statement.value, &place, lanes);
  const bool max = statement.update == Update::kMax;
  if (IsLaneReduction(statement, place.index)) {
    std::string term = AsVector(value);
    const std::string& name = sums_[&statement];
    if (!lanes.full()) {
      term = absl::StrCat("v_keep(", term, ", ", lanes.Text(), ", ",
                          max ? "-__builtin_inff()" : "0.0f", ")");
    }
    Line(max ? absl::StrCat(name, " = v_max(", term, ", ", name, ");")
             : absl::StrCat(name, " += ", term, ";"));
  } else {
    std::string result = AsVector(value);
    const bool variable = IsVariable(statement.target.buffer);
    if (statement.update != Update::kAssign) {
      std::string test;
      for (const std::string& index : statement.first) {
        const auto it = constants_.find(index);
        if (it != constants_.end() && it->second == 0) continue;
        absl::StrAppend(&test, test.empty() ? "" : " && ",
                        it != constants_.end() ? std::string("0") : absl::StrCat(index, " == 0"));
      }
      const std::string old =
          variable ? Variable(statement.target, &place) : LoadText(statement.target, &place, lanes);
      const std::string sum =
          max ? absl::StrCat("v_max(", result, ", ", old, ")") : absl::StrCat(old, " + ", result);
      if (statement.first.empty()) {
        result = sum;
      } else if (!test.empty()) {
        result = absl::StrCat("(", test, ") ? ", result, " : ", sum);
      }
      if (variable && statement.first.empty() && !max) {
        Line(absl::StrCat(old, " += ", AsVector(value), ";"));
        result.clear();
      }
    }
    if (!result.empty()) {
      if (variable) {
        Line(absl::StrCat(Variable(statement.target, &place), " = ", result, ";"));
      } else {
        StoreVector(statement.target, result, place, lanes);
      }
    }
  }
  for (size_t i = 0; i < verdict.tests.size(); ++i) Close();
  if (!verdict.tests.empty()) temporaries_ = saved;
  Forget(statement.target.buffer);
}

void NestWriter::StoreVector(const Access& access, const std::string& value, const LanePlace& place,
                             const Lanes& lanes) {
  const Affine linear = Linear(access);
  const int64_t step = Stride(access, place.index);
  const std::string dtype = BufferOf(access).dtype == chips::BF16 ? "bf16" : "f32";
  const std::string where = absl::StrCat(access.buffer, ", ", IndexText(linear), ", ", value);
  if (step != 1) {
    Line(absl::StrCat("store_", dtype, "_s(", where, ", ", step, ", ", lanes.Text(), ");"));
  } else if (lanes.full()) {
    Line(absl::StrCat("store_", dtype, "(", where, ");"));
  } else {
    Line(absl::StrCat("store_", dtype, "_n(", where, ", ", lanes.Text(), ");"));
  }
}

// for lanes { for pair < 2 { target[lane] += a[2k + pair] * b[k, lane, pair] } }: checked by the tensorise step.
void NestWriter::DotBf16(const Loop& loop) {
  const Loop& pair = loop.body[0].loop;
  const Statement& statement = pair.body[0].statement;
  const Expr* a = &statement.value.args[0];
  const Expr* b = &statement.value.args[1];
  if (Stride(a->access, loop.name) != 0) std::swap(a, b);
  constants_[pair.name] = 0;
  for (int64_t base = 0; base < loop.dims[0].extent; base += kLanes) {
    constants_[loop.name] = base;
    const LanePlace place{loop.name, true};
    const Verdict verdict = Judge(statement.where, &place);
    if (!verdict.holds || verdict.lanes.none()) continue;
    const std::string pairs = Temporary(
        "vi", absl::StrCat("v_pair(", a->access.buffer, ", ", IndexText(Linear(a->access)), ")"),
        a->access.buffer);
    const std::string row = Temporary(
        "vi",
        absl::StrCat("load_pairs(", b->access.buffer, ", ", IndexText(Linear(b->access)), ")"),
        b->access.buffer);
    const auto saved = temporaries_;
    for (const std::string& test : verdict.tests) Open(absl::StrCat("if (", test, ") {"));
    const std::string target = Variable(statement.target, &place);
    Line(absl::StrCat(target, " = v_dot_bf16(", target, ", ", pairs, ", ", row, ");"));
    for (size_t i = 0; i < verdict.tests.size(); ++i) Close();
    temporaries_ = saved;
  }
  constants_.erase(loop.name);
  constants_.erase(pair.name);
}

// for lanes { for pair < 2 { target[lane, pair] = source[2k + pair, lane] } }
void NestWriter::InterleaveBf16(const Loop& loop) {
  const Loop& pair = loop.body[0].loop;
  const Statement& statement = pair.body[0].statement;
  for (int64_t base = 0; base < loop.dims[0].extent; base += kLanes) {
    constants_[loop.name] = base;
    const LanePlace place{loop.name, true};
    const int64_t count = std::min(kLanes, loop.dims[0].extent - base);
    constants_[pair.name] = 0;
    const Verdict verdict = Judge(statement.where, &place);
    if (!verdict.holds || verdict.lanes.none()) continue;
    Lanes lanes = verdict.lanes.full() ? Lanes{count, ""} : verdict.lanes;
    const std::string target = IndexText(Linear(statement.target));
    // Lanes beyond the last may be written where the target is padded: nothing reads them.
    const bool whole = verdict.lanes.full() && InBounds(statement.target, place);
    std::string rows[2];
    in_halves_ = true;
    for (int p : {0, 1}) {
      constants_[pair.name] = p;
      rows[p] = AsVector(Load(statement.value, &place, lanes));
    }
    in_halves_ = false;
    for (const std::string& test : verdict.tests) Open(absl::StrCat("if (", test, ") {"));
    Line(absl::StrCat("store_pairs(", statement.target.buffer, ", ", target, ", ", rows[0], ", ",
                      rows[1], ", ", whole ? "16" : lanes.Text(), ");"));
    for (size_t i = 0; i < verdict.tests.size(); ++i) Close();
  }
  Forget(statement.target.buffer);
  constants_.erase(loop.name);
  constants_.erase(pair.name);
}

// How many of 32 numbers conditions leave of a row of pairs, C text: those on columns count pairs, those on the two of a
// pair numbers.
std::string NestWriter::Halves(const std::vector<Condition>& conditions,
                               const Loop& columns) const {
  std::string halves = absl::StrCat(2 * columns.extent());
  for (const Condition& condition : conditions) {
    const int64_t step = -condition.value.Coefficient(columns.name);
    if (step <= 0) continue;
    // 0 where this holds for no column, 1 and so on.
    const Affine left = (PutConstants(condition.value) + 1) * (step == 1 ? 2 : 1);
    if (left.Range(loops_).low >= 2 * columns.extent()) continue;
    const std::string mine = absl::StrCat("v_halves(", IndexText(left), ")");
    halves = halves == "32" ? mine : absl::StrCat("(int)l_min(", halves, ", ", mine, ")");
  }
  return halves;
}

// for row < R { for column < 16 { target[column, row] = source[row, column] } }, of f32 or of pairs of bf16.
void NestWriter::Transpose(const Loop& loop) {
  const Loop& columns = loop.body[0].loop;
  const Node* inner = &columns.body[0];
  const bool pairs = inner->is_loop;
  const Statement& statement = pairs ? inner->loop.body[0].statement : inner->statement;
  constants_[loop.name] = 0;
  constants_[columns.name] = 0;
  if (pairs) constants_[inner->loop.name] = 0;
  const auto valid = [&](const std::vector<Condition>& conditions, const Loop& along) {
    const LanePlace place{along.name, true};
    std::vector<Condition> mine;
    for (const Condition& condition : conditions) {
      if (condition.value.Coefficient(along.name) == -1) mine.push_back(condition);
    }
    const Verdict verdict = Judge(mine, &place);
    if (!verdict.holds) return std::string("0");
    return verdict.lanes.full() ? absl::StrCat(along.extent())
           : verdict.lanes.text.empty()
               ? absl::StrCat(std::min(verdict.lanes.count, along.extent()))
               : verdict.lanes.Text();
  };
  std::vector<Condition> both = statement.where;
  both.insert(both.end(), statement.value.inside.begin(), statement.value.inside.end());
  const std::string rows_in = valid(both, loop);
  const std::string columns_in = pairs ? Halves(both, columns) : valid(both, columns);
  const std::string rows_out = valid(statement.where, loop),
                    columns_out = valid(statement.where, columns);
  const auto fixed = [&](const std::vector<Condition>& conditions) {
    std::vector<Condition> result;
    for (const Condition& condition : conditions) {
      if (!condition.value.Uses(loop.name) && !condition.value.Uses(columns.name))
        result.push_back(condition);
    }
    return Judge(result, nullptr);
  };
  const Verdict verdict = fixed(statement.where), inside = fixed(statement.value.inside);
  std::string rows = inside.holds ? rows_in : "0";
  for (const std::string& test : inside.tests) rows = absl::StrCat("(", test, ") ? ", rows, " : 0");
  const bool whole = InBounds(statement.target, {loop.name, true});
  const auto place = [&](const Access& access) {
    return absl::StrCat(access.buffer, " + ", IndexText(Linear(access)));
  };
  const std::string call = absl::StrCat(
      pairs ? "v_transpose_bf16(" : "v_transpose(", place(statement.value.access), ", ",
      Stride(statement.value.access, loop.name), ", ", rows, ", ", columns_in, ", ",
      place(statement.target), ", ", Stride(statement.target, columns.name) / (pairs ? 2 : 1), ", ",
      columns_out, ", ", whole ? "16" : rows_out, ");");
  for (const std::string& test : verdict.tests) Open(absl::StrCat("if (", test, ") {"));
  if (verdict.holds) Line(call);
  for (size_t i = 0; i < verdict.tests.size(); ++i) Close();
  Forget(statement.target.buffer);
  constants_.erase(loop.name);
  constants_.erase(columns.name);
  if (pairs) constants_.erase(inner->loop.name);
}

}  // namespace strata::compiler::schedule
