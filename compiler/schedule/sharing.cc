#include "compiler/schedule/sharing.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

absl::Status Fault(const std::string& message) { return absl::InvalidArgumentError(message); }

void ForEachAffine(const Statement& statement, const std::function<void(const Affine&)>& visit) {
  ForEachAccess(statement, [&](const Access& access, bool) {
    for (const Affine& index : access.index) visit(index);
  });
  for (const Condition& condition : statement.where) visit(condition.value);
  ForEachLoad(statement.value, [&](const Expr& load) {
    for (const Condition& condition : load.inside) visit(condition.value);
  });
}

class Analysis {
 public:
  explicit Analysis(const Loop& loop) : loop_(loop) {}

  absl::StatusOr<Sharing> Run() {
    const Loop* with = nullptr;
    ForEachLoop(loop_.body, [&](const Loop& inner) {
      for (const Dim& dim : inner.dims) extents_[dim.index] = dim.extent;
      if (inner.name == loop_.with) with = &inner;
    });
    if (loop_.kind != LoopKind::kParallel || loop_.dims.size() != 1)
      return Fault("'with': only a parallel loop of one dim is shared out with another");
    if (with == nullptr)
      return Fault(absl::StrCat("'with': there is no loop '", loop_.with, "' in it"));
    sharing_.block = with->extent();
    STRATA_RETURN_IF_ERROR(Visit(loop_.body, {}));
    if (sharing_.loops.count(loop_.with) == 0) {
      return Fault(absl::StrCat("'with': nothing moves with '", loop_.name, "' and '", loop_.with,
                                "' as with one loop that was split"));
    }
    sharing_.extent = Extent(*with);
    return sharing_;
  }

 private:
  absl::Status Visit(const std::vector<Node>& body, std::vector<const Loop*> around) {
    for (const Node& node : body) {
      if (node.is_loop) {
        std::vector<const Loop*> inner = around;
        inner.push_back(&node.loop);
        STRATA_RETURN_IF_ERROR(Visit(node.loop.body, std::move(inner)));
        continue;
      }
      absl::Status status;
      const bool touches = node.statement.update != Update::kPrefetch;
      ForEachAffine(node.statement, [&](const Affine& affine) {
        if (status.ok()) status = touches ? Place(affine, around) : CheckStep(affine);
      });
      STRATA_RETURN_IF_ERROR(status);
    }
    return absl::OkStatus();
  }

  // A prefetch may go beyond the range.
  absl::Status CheckStep(const Affine& affine) const {
    const int64_t step = affine.Coefficient(loop_.name);
    if (step % sharing_.block == 0) return absl::OkStatus();
    return Fault(absl::StrCat("'with': ", affine.Text(), " moves by ", step, " with '", loop_.name,
                              "', no multiple of ", sharing_.block));
  }

  // The loop that moves `affine` by a block's share while `loop_` moves it by a block.
  absl::Status Place(const Affine& affine, const std::vector<const Loop*>& around) {
    const int64_t step = affine.Coefficient(loop_.name);
    if (step == 0) return absl::OkStatus();
    for (const Loop* loop : around) {
      if (loop->dims.size() != 1 || loop->extent() != sharing_.block ||
          affine.Coefficient(loop->name) * sharing_.block != step) {
        continue;
      }
      if (loop->kind != LoopKind::kSerial || !loop->intrinsic.empty())
        return Fault(absl::StrCat("'with': loop '", loop->name, "' is not serial"));
      sharing_.loops.insert(loop->name);
      return absl::OkStatus();
    }
    return Fault(absl::StrCat("'with': ", affine.Text(), " moves by ", step, " with '", loop_.name,
                              "' and by no ", sharing_.block, "th of it with a loop of ",
                              sharing_.block));
  }

  // The last iteration of both loops in which the conditions of some statement can hold.
  int64_t Extent(const Loop& with) const {
    const int64_t all = loop_.extent() * sharing_.block;
    int64_t extent = 0;
    ForEachStatement(with.body, [&](const Statement& statement) {
      int64_t mine = statement.update == Update::kPrefetch ? 0 : all;
      for (const Condition& condition : statement.where) {
        const int64_t falls = -condition.value.Coefficient(with.name);
        if (falls <= 0 || condition.value.Coefficient(loop_.name) != -falls * sharing_.block)
          continue;
        const Affine rest = condition.value.Without({loop_.name, with.name});
        const int64_t most = rest.Range(extents_).high;
        mine = std::min(mine, most < 0 ? 0 : most / falls + 1);
      }
      extent = std::max(extent, mine);
    });
    return extent;
  }

  const Loop& loop_;
  Extents extents_;
  Sharing sharing_;
};

}  // namespace

absl::StatusOr<Sharing> SharingOf(const Loop& loop) { return Analysis(loop).Run(); }

}  // namespace strata::compiler::schedule
