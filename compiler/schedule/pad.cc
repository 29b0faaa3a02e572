// pad: a sum also runs over what a condition cut off, where that adds 0.
#include <algorithm>
#include <functional>
#include <map>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/steps.h"
#include "compiler/schedule/text.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

absl::Status Refuse(const std::string& message) { return absl::InvalidArgumentError(message); }

// The statement that makes all of a copy, as cache_read and pack leave it: T[t0, t1, ...] = inside(B[...], ...), each index
// a loop of its own. nullptr where there is no such, or something else writes T.
const Statement* CopyOf(const Program& program, const std::string& buffer) {
  const Statement* copy = nullptr;
  bool plain = true;
  ForEachStatement(program.body, [&](const Statement& s) {
    if (s.target.buffer != buffer || s.update == Update::kPrefetch) return;
    plain = plain && copy == nullptr && s.update == Update::kAssign && s.where.empty() &&
            s.value.kind == Expr::Kind::kLoad;
    copy = &s;
  });
  if (copy == nullptr || !plain) return nullptr;
  for (const Affine& index : copy->target.index) {
    const bool own =
        index.terms().size() == 1 && index.constant() == 0 && index.terms().begin()->second == 1;
    if (!own) return nullptr;
  }
  return copy;
}

// Whether `access`, of a copy, is 0 wherever `condition` fails: the copy's element was read under the same condition.
bool IsZeroOutside(const Program& program, const Access& access, const Condition& condition) {
  const Statement* copy = CopyOf(program, access.buffer);
  if (copy == nullptr) return false;
  return std::any_of(copy->value.inside.begin(), copy->value.inside.end(), [&](Condition inside) {
    for (size_t d = 0; d < access.index.size(); ++d) {
      const std::string& loop = copy->target.index[d].terms().begin()->first;
      inside.value = inside.value.Substitute(loop, access.index[d]);
    }
    return inside == condition;
  });
}

}  // namespace

absl::Status Run(const Pad& step, Replay* replay) {
  Program& program = replay->program;
  STRATA_ASSIGN_OR_RETURN(Loop * loop, FindLoop(&program, step.loop));
  absl::Status status;
  ForEachStatement(&loop->body, [&](Statement& s) {
    std::vector<Condition> kept;
    for (const Condition& condition : s.where) {
      if (!condition.value.Uses(step.loop) || s.update == Update::kPrefetch) {
        kept.push_back(condition);
        continue;
      }
      const std::vector<Expr>& factors = s.value.args;
      const bool sum = s.update == Update::kAdd && s.value.op == "mul" && s.first.empty() &&
                       factors[0].kind == Expr::Kind::kLoad && factors[1].kind == Expr::Kind::kLoad;
      if (sum && IsZeroOutside(program, factors[0].access, condition) &&
          IsZeroOutside(program, factors[1].access, condition)) {
        continue;
      }
      kept.push_back(condition);
      status.Update(Refuse(absl::StrCat(
          "`", StatementText(s), "` needs the condition ", ConditionText(condition),
          ": it is no sum of products of two copies that are 0 beyond it; pack both before")));
    }
    s.where = std::move(kept);
  });
  return status;
}

}  // namespace strata::compiler::schedule
