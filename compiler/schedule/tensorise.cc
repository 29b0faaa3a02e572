#include "compiler/schedule/tensorise.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/legality.h"
#include "compiler/schedule/steps.h"
#include "compiler/schedule/text.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

// The loops of a perfect nest of serial or unrolled one-dim loops, and its one statement.
struct Nest {
  std::vector<Loop*> loops;
  Statement* statement = nullptr;
};

class Tensoriser {
 public:
  Tensoriser(const Tensorise& step, Replay* replay) : step_(step), program_(replay->program) {}

  absl::Status Run() {
    STRATA_RETURN_IF_ERROR(FindNest());
    if (step_.intrinsic == "fma") return Tile(false);
    if (step_.intrinsic == "dot_bf16") return Tile(true);
    if (step_.intrinsic == "interleave") return Interleave();
    if (step_.intrinsic == "transpose") return Transpose();
    return Refuse("there is no such intrinsic; there are: fma, dot_bf16, interleave, transpose");
  }

 private:
  absl::Status Refuse(const std::string& why) const {
    return absl::InvalidArgumentError(absl::StrCat(step_.intrinsic, ": ", why));
  }

  absl::Status FindNest() {
    STRATA_ASSIGN_OR_RETURN(Loop * loop, FindLoop(&program_, step_.loop));
    for (;;) {
      const bool plain =
          loop->intrinsic.empty() && loop->dims.size() == 1 && loop->kind != LoopKind::kParallel;
      if (!plain || loop->body.size() != 1) {
        return Refuse(absl::StrCat("loop '", loop->name, "' is not part of a plain perfect nest"));
      }
      nest_.loops.push_back(loop);
      if (!loop->body[0].is_loop) break;
      loop = &loop->body[0].loop;
    }
    nest_.statement = &nest_.loops.back()->body[0].statement;
    return absl::OkStatus();
  }

  const Buffer& BufferOf(const Access& access) const { return *program_.FindBuffer(access.buffer); }

  int64_t Stride(const Access& access, const Loop& loop) const {
    const Buffer& buffer = BufferOf(access);
    int64_t stride = 0;
    for (size_t d = 0; d < access.index.size(); ++d) {
      stride = stride * buffer.dims[d] + access.index[d].Coefficient(loop.name);
    }
    return stride;
  }

  // A bound on 2*k + p that is even does not cut a pair: p leaves the condition.
  void KeepPairsWhole(const Loop& pair) {
    const auto simplify = [&](std::vector<Condition>* conditions) {
      for (Condition& condition : *conditions) {
        const Affine rest = condition.value - Affine::Index(pair.name, -1);
        const bool even = std::all_of(rest.terms().begin(), rest.terms().end(),
                                      [](const auto& term) { return term.second % 2 == 0; });
        if (condition.value.Coefficient(pair.name) != -1 || !even || rest.constant() % 2 == 0)
          continue;
        condition.value = (rest.constant() - 1) / 2;
        for (const auto& [name, c] : rest.terms()) condition.value += Affine::Index(name, c / 2);
      }
    };
    simplify(&nest_.statement->where);
    ForEachLoad(&nest_.statement->value, [&](Expr& load) { simplify(&load.inside); });
  }

  bool Conditioned(const Loop& loop) const {
    const auto uses = [&](const std::vector<Condition>& conditions) {
      return std::any_of(conditions.begin(), conditions.end(),
                         [&](const Condition& c) { return c.value.Uses(loop.name); });
    };
    bool found = uses(nest_.statement->where);
    ForEachLoad(nest_.statement->value,
                [&](const Expr& load) { found = found || uses(load.inside); });
    return found;
  }

  // fma and dot_bf16.
  absl::Status Tile(bool pairs) {
    const size_t tail = pairs ? 2 : 1;  // lanes, and pairs in them
    if (nest_.loops.size() < 1 + tail)
      return Refuse("needs a reduction loop and a loop of vectors in it");
    const Loop& reduction = *nest_.loops.front();
    Loop& lanes = *nest_.loops[nest_.loops.size() - tail];
    Loop* pair = pairs ? nest_.loops.back() : nullptr;
    Statement& s = *nest_.statement;
    if (s.update != Update::kAdd || s.value.op != "mul" ||
        s.value.args[0].kind != Expr::Kind::kLoad || s.value.args[1].kind != Expr::Kind::kLoad) {
      return Refuse(absl::StrCat("the statement is not T += a * b: ", StatementText(s)));
    }
    const Buffer& target = BufferOf(s.target);
    if (target.scope != Scope::kRegister || target.dtype != chips::F32 || !s.first.empty()) {
      return Refuse(
          absl::StrCat("'", target.name, "' is no f32 register buffer; cache_write it before"));
    }
    const Access* a = &s.value.args[0].access;
    const Access* b = &s.value.args[1].access;
    if (Stride(*a, lanes) != 0) std::swap(a, b);
    if (lanes.extent() % kLanes != 0 || lanes.extent() > 8 * kLanes) {
      return Refuse(absl::StrCat("loop '", lanes.name, "' is not of 1 to 8 whole vectors"));
    }
    const int64_t step = pairs ? 2 : 1;
    if (Stride(*a, lanes) != 0 || Stride(*b, lanes) != step || Stride(s.target, lanes) != 1 ||
        Stride(s.target, reduction) != 0) {
      return Refuse(absl::StrCat("along '", lanes.name,
                                 "' one operand must stay and the other be contiguous; pack it"));
    }
    if (pairs) STRATA_RETURN_IF_ERROR(CheckPair(*pair, *a, *b, s.target, lanes));
    STRATA_RETURN_IF_ERROR(CheckRegisters(target, lanes));
    for (size_t i = 1; i + tail < nest_.loops.size(); ++i) {
      nest_.loops[i]->kind = LoopKind::kUnrolled;
      MarkCopies(target.name, nest_.loops[i]->name, LoopKind::kUnrolled);
    }
    lanes.kind = LoopKind::kVector;
    MarkCopies(target.name, lanes.name, LoopKind::kVector);
    if (pairs) {
      pair->kind = LoopKind::kUnrolled;
      lanes.intrinsic = "dot_bf16";
    } else {
      nest_.loops.front()->intrinsic = "fma";
    }
    return absl::OkStatus();
  }

  // The loops that cache_write made beside the tile.
  void MarkCopies(const std::string& buffer, const std::string& loop, LoopKind kind) {
    for (const char* copy : {"_load_", "_store_"}) {
      const absl::StatusOr<Loop*> found = FindLoop(&program_, absl::StrCat(buffer, copy, loop));
      if (found.ok() && (*found)->kind == LoopKind::kSerial) (*found)->kind = kind;
    }
  }

  absl::Status CheckPair(const Loop& pair, const Access& a, const Access& b, const Access& target,
                         const Loop& lanes) {
    if (BufferOf(a).dtype != chips::BF16 || BufferOf(b).dtype != chips::BF16)
      return Refuse("the operands are not bf16");
    if (pair.extent() != 2 || Stride(a, pair) != 1 || Stride(b, pair) != 1 ||
        Stride(target, pair) != 0) {
      return Refuse("the innermost loop must be of 2, contiguous in both operands");
    }
    KeepPairsWhole(pair);
    if (Conditioned(pair)) {
      return Refuse("a pair is cut by a condition: the reduction must be even");
    }
    if (IsArgument(BufferOf(b).scope) && BufferOf(b).scope != Scope::kScratch) {
      return Refuse(absl::StrCat("'", b.buffer, "' is no packed copy"));
    }
    for (const Affine& index : b.index) {
      if (index.Uses(lanes.name) && b.index[b.index.size() - 2].Coefficient(lanes.name) != 1) {
        return Refuse(absl::StrCat("the last dims of '", b.buffer, "' must be lanes and pairs"));
      }
    }
    return absl::OkStatus();
  }

  // Every unrolled loop multiplies the tile, and the operands that move with it.
  absl::Status CheckRegisters(const Buffer& target, const Loop& lanes) const {
    const int64_t vectors = lanes.extent() / kLanes;
    const int64_t needed = (target.elements() + kLanes - 1) / kLanes + vectors + 1;
    if (needed <= kVectorRegisters) return absl::OkStatus();
    return Refuse(absl::StrCat(
        "the tile needs ", needed, " vector registers: ", target.elements() / kLanes, " of '",
        target.name, "', ", vectors, " and 1 of the operands; there are ", kVectorRegisters));
  }

  absl::Status CheckCopy(DType dtype) const {
    const Statement& s = *nest_.statement;
    const bool copy = s.update == Update::kAssign && s.value.kind == Expr::Kind::kLoad &&
                      BufferOf(s.target).dtype == dtype && BufferOf(s.value.access).dtype == dtype;
    return copy
               ? absl::OkStatus()
               : Refuse(absl::StrCat("the statement is no copy of ",
                                     std::string(chips::DTypeName(dtype)), ": ", StatementText(s)));
  }

  absl::Status Interleave() {
    STRATA_RETURN_IF_ERROR(CheckCopy(chips::BF16));
    if (nest_.loops.size() != 2) return Refuse("needs two loops: lanes, and pairs in them");
    Loop& lanes = *nest_.loops[0];
    Loop& pair = *nest_.loops[1];
    const Access& target = nest_.statement->target;
    if (pair.extent() != 2 || Stride(target, pair) != 1 || Stride(target, lanes) != 2 ||
        Stride(nest_.statement->value.access, lanes) != 1) {
      return Refuse("the target must be contiguous in lanes and pairs, the source in lanes");
    }
    KeepPairsWhole(pair);
    for (const Condition& condition : nest_.statement->where) {
      if (condition.value.Uses(pair.name)) return Refuse("a pair is cut by a condition");
    }
    if (lanes.extent() > 8 * kLanes) return Refuse("more than 8 vectors; split the loop");
    STRATA_RETURN_IF_ERROR(CheckUnordered(program_, lanes.name, false, "tensorise"));
    lanes.kind = LoopKind::kVector;
    lanes.intrinsic = "interleave";
    pair.kind = LoopKind::kUnrolled;
    return absl::OkStatus();
  }

  absl::Status Transpose() {
    const bool pairs = nest_.loops.size() == 3;
    if (nest_.loops.size() != 2 && !pairs)
      return Refuse("needs two loops, and perhaps pairs in them");
    STRATA_RETURN_IF_ERROR(CheckCopy(pairs ? chips::BF16 : chips::F32));
    const Loop& rows = *nest_.loops[0];
    const Loop& columns = *nest_.loops[1];
    const Access& to = nest_.statement->target;
    const Access& from = nest_.statement->value.access;
    const int64_t step = pairs ? 2 : 1;
    if (rows.extent() > kLanes || columns.extent() > kLanes)
      return Refuse("more than 16 rows or columns; split the loops");
    if (Stride(to, rows) != step || Stride(from, columns) != step ||
        Stride(to, columns) % step != 0) {
      return Refuse(absl::StrCat("the target must be contiguous along '", rows.name,
                                 "', the source along '", columns.name, "'"));
    }
    if (pairs) {
      const Loop& pair = *nest_.loops[2];
      if (pair.extent() != 2 || Stride(to, pair) != 1 || Stride(from, pair) != 1) {
        return Refuse("the innermost loop must be of 2, contiguous on both sides");
      }
      KeepPairsWhole(pair);
      for (const Condition& condition : nest_.statement->where) {
        if (condition.value.Uses(pair.name)) return Refuse("a pair is cut by a condition");
      }
    }
    STRATA_RETURN_IF_ERROR(CheckCuts(rows, columns, pairs ? nest_.loops[2] : nullptr));
    STRATA_RETURN_IF_ERROR(CheckUnordered(program_, rows.name, false, "tensorise"));
    STRATA_RETURN_IF_ERROR(CheckUnordered(program_, columns.name, false, "tensorise"));
    for (Loop* loop : nest_.loops) loop->kind = LoopKind::kUnrolled;
    nest_.loops[0]->intrinsic = "transpose";
    return absl::OkStatus();
  }

  // Conditions may cut rows or columns off the end, also the second half of the last column.
  absl::Status CheckCuts(const Loop& rows, const Loop& columns, const Loop* pair) const {
    std::vector<Condition> all = nest_.statement->where;
    const std::vector<Condition>& inside = nest_.statement->value.inside;
    all.insert(all.end(), inside.begin(), inside.end());
    for (const Condition& condition : all) {
      const int64_t row = condition.value.Coefficient(rows.name);
      const int64_t half = pair == nullptr ? 0 : condition.value.Coefficient(pair->name);
      const int64_t column = condition.value.Coefficient(columns.name) - half;
      if ((half != 0 && half != -1) || (row != 0 && row != -1) || (column != 0 && column != -1) ||
          (row != 0 && column != 0)) {
        return Refuse(absl::StrCat("cannot cut the tile by ", ConditionText(condition)));
      }
    }
    return absl::OkStatus();
  }

  const Tensorise& step_;
  Program& program_;
  Nest nest_;
};

}  // namespace

absl::Status Run(const Tensorise& step, Replay* replay) { return Tensoriser(step, replay).Run(); }

}  // namespace strata::compiler::schedule
