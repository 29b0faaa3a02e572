// Steps that change loops only: split, reorder, tile, fuse, and the kinds of loops.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/legality.h"
#include "compiler/schedule/steps.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

// Copies of an unrolled loop's body; more would not fit the instruction cache.
constexpr int64_t kMaxUnroll = 64;

absl::Status Refuse(const std::string& message) { return absl::InvalidArgumentError(message); }

absl::Status CheckPlain(const Loop& loop) {
  if (loop.kind == LoopKind::kSerial && loop.intrinsic.empty()) return absl::OkStatus();
  return Refuse(absl::StrCat("loop '", loop.name, "' is ",
                             loop.intrinsic.empty() ? LoopKindName(loop.kind) : "tensorised",
                             " already; do this step before"));
}

void MoveLocals(const std::string& from, const std::string& to, Program* program) {
  for (Buffer& buffer : program->buffers) {
    if (buffer.within == from) buffer.within = to;
  }
}

// What a reorder moves: a loop without its body.
struct Header {
  std::string name;
  std::vector<Dim> dims;
  LoopKind kind;
  std::string intrinsic;
};
Header HeaderOf(const Loop& loop) { return {loop.name, loop.dims, loop.kind, loop.intrinsic}; }
void SetHeader(const Header& header, Loop* loop) {
  loop->name = header.name;
  loop->dims = header.dims;
  loop->kind = header.kind;
  loop->intrinsic = header.intrinsic;
}

// The perfect nest from the outermost to the innermost of `names`.
absl::StatusOr<std::vector<Loop*>> NestOf(const std::vector<std::string>& names, Program* program) {
  std::vector<Node*> deepest;
  for (const std::string& name : names) {
    STRATA_ASSIGN_OR_RETURN(std::vector<Node*> path, PathTo(program, name));
    if (path.size() > deepest.size()) deepest = std::move(path);
  }
  const auto is_named = [&](const Node* node) {
    return std::find(names.begin(), names.end(), node->loop.name) != names.end();
  };
  std::vector<Loop*> nest;
  size_t found = 0;
  for (Node* node : deepest) {
    found += is_named(node);
    if (nest.empty() && !is_named(node)) continue;
    if (!nest.empty() && nest.back()->body.size() != 1) {
      return Refuse(absl::StrCat("loop '", nest.back()->name, "' holds more than the loop '",
                                 node->loop.name, "'; only loops of a perfect nest change places"));
    }
    nest.push_back(&node->loop);
  }
  if (found != names.size())
    return Refuse("the loops are not nested in each other, or named twice");
  return nest;
}

// Locals live in a loop; they may stay only where the same loops are around them.
absl::Status MoveLocalsOf(const std::vector<Header>& before, const std::vector<Header>& after,
                          Program* program) {
  std::set<std::string> around_before, around_after;
  std::vector<std::pair<std::string, std::string>> moves;
  for (size_t i = 0; i < before.size(); ++i) {
    around_before.insert(before[i].name);
    around_after.insert(after[i].name);
    const bool lives_here =
        std::any_of(program->buffers.begin(), program->buffers.end(),
                    [&](const Buffer& b) { return b.within == before[i].name; });
    if (!lives_here) continue;
    if (around_before != around_after) {
      return Refuse(absl::StrCat("a buffer lives in loop '", before[i].name,
                                 "'; reorder before the step that made it"));
    }
    moves.push_back({before[i].name, after[i].name});
  }
  for (Buffer& buffer : program->buffers) {
    const auto move = std::find_if(moves.begin(), moves.end(),
                                   [&](const auto& m) { return m.first == buffer.within; });
    if (move != moves.end()) buffer.within = move->second;
  }
  return absl::OkStatus();
}

absl::Status CheckPlaces(const std::vector<Header>& before, const std::vector<Header>& after,
                         bool innermost_is_leaf) {
  for (size_t i = 0; i < after.size(); ++i) {
    if (before[i].name == after[i].name) continue;
    if (!after[i].intrinsic.empty() || !before[i].intrinsic.empty()) {
      return Refuse("a tensorised loop keeps its place");
    }
    if (after[i].kind == LoopKind::kParallel || before[i].kind == LoopKind::kParallel) {
      return Refuse("a parallel loop stays outermost");
    }
    if (after[i].kind == LoopKind::kVector && !(innermost_is_leaf && i + 1 == after.size())) {
      return Refuse(absl::StrCat("the vector loop '", after[i].name, "' stays innermost"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Run(const Split& step, Replay* replay) {
  Program& program = replay->program;
  STRATA_ASSIGN_OR_RETURN(Loop * loop, FindLoop(&program, step.loop));
  STRATA_RETURN_IF_ERROR(CheckPlain(*loop));
  if (loop->dims.size() != 1)
    return Refuse(absl::StrCat("'", step.loop, "' is fused; split before"));
  if (step.factor < 1) return Refuse(absl::StrCat("factor ", step.factor, " is below 1"));
  STRATA_RETURN_IF_ERROR(CheckFresh(program, step.outer));
  STRATA_RETURN_IF_ERROR(CheckFresh(program, step.inner));
  if (step.outer == step.inner) return Refuse("the two loops need two names");

  const int64_t extent = loop->dims[0].extent;
  Loop inner;
  inner.name = step.inner;
  inner.dims = {{step.inner, step.factor}};
  inner.body = std::move(loop->body);
  const Affine index = Affine::Index(step.outer, step.factor) + Affine::Index(step.inner);
  SubstituteIndex(step.loop, index, &inner.body);
  ForEachStatement(&inner.body, [&](Statement& statement) {
    auto it = std::find(statement.first.begin(), statement.first.end(), step.loop);
    if (it != statement.first.end()) {
      statement.first.erase(it);
      statement.first.push_back(step.outer);
      statement.first.push_back(step.inner);
      std::sort(statement.first.begin(), statement.first.end());
    }
    if (extent % step.factor != 0) statement.where.push_back(Less(index, extent));
  });
  loop->name = step.outer;
  loop->dims = {{step.outer, (extent + step.factor - 1) / step.factor}};
  loop->body.clear();
  loop->body.push_back(Node::Of(std::move(inner)));
  MoveLocals(step.loop, step.inner, &program);
  return absl::OkStatus();
}

absl::Status Run(const Reorder& step, Replay* replay) {
  Program& program = replay->program;
  STRATA_ASSIGN_OR_RETURN(const std::vector<Loop*> nest, NestOf(step.loops, &program));
  std::vector<Header> before, after;
  size_t next = 0;
  for (const Loop* loop : nest) {
    before.push_back(HeaderOf(*loop));
    const bool named =
        std::find(step.loops.begin(), step.loops.end(), loop->name) != step.loops.end();
    if (!named) {
      after.push_back(before.back());
      continue;
    }
    STRATA_ASSIGN_OR_RETURN(const Loop* placed, FindLoop(&program, step.loops[next++]));
    after.push_back(HeaderOf(*placed));
  }
  const bool leaf = std::none_of(nest.back()->body.begin(), nest.back()->body.end(),
                                 [](const Node& node) { return node.is_loop; });
  STRATA_RETURN_IF_ERROR(CheckPlaces(before, after, leaf));
  std::vector<std::string> order;
  for (const Header& header : after) order.push_back(header.name);
  STRATA_RETURN_IF_ERROR(CheckReorder(program, order, replay->reassociate));
  STRATA_RETURN_IF_ERROR(MoveLocalsOf(before, after, &program));
  for (size_t i = 0; i < nest.size(); ++i) SetHeader(after[i], nest[i]);
  return absl::OkStatus();
}

absl::Status Run(const Tile& step, Replay* replay) {
  for (int i : {0, 1}) {
    STRATA_RETURN_IF_ERROR(
        Run(Split{step.loops[i], step.factors[i], step.outer[i], step.inner[i]}, replay));
  }
  return Run(Reorder{{step.outer[0], step.outer[1], step.inner[0], step.inner[1]}}, replay);
}

absl::Status Run(const Fuse& step, Replay* replay) {
  Program& program = replay->program;
  STRATA_ASSIGN_OR_RETURN(Loop * outer, FindLoop(&program, step.outer));
  if (outer->body.size() != 1 || !outer->body[0].is_loop ||
      outer->body[0].loop.name != step.inner) {
    return Refuse(
        absl::StrCat("loop '", step.inner, "' is not all that loop '", step.outer, "' holds"));
  }
  Loop& inner = outer->body[0].loop;
  STRATA_RETURN_IF_ERROR(CheckPlain(*outer));
  STRATA_RETURN_IF_ERROR(CheckPlain(inner));
  STRATA_RETURN_IF_ERROR(CheckFresh(program, step.loop));
  for (const Buffer& buffer : program.buffers) {
    if (buffer.within == step.outer) {
      return Refuse(absl::StrCat("buffer '", buffer.name, "' lives in loop '", step.outer, "'"));
    }
  }
  MoveLocals(step.inner, step.loop, &program);
  outer->name = step.loop;
  outer->dims.insert(outer->dims.end(), inner.dims.begin(), inner.dims.end());
  std::vector<Node> body = std::move(inner.body);
  outer->body = std::move(body);
  return absl::OkStatus();
}

absl::Status Run(const Mark& step, Replay* replay) {
  Program& program = replay->program;
  STRATA_ASSIGN_OR_RETURN(const std::vector<Node*> path, PathTo(&program, step.loop));
  Loop& loop = path.back()->loop;
  STRATA_RETURN_IF_ERROR(CheckPlain(loop));
  if (step.kind == LoopKind::kUnrolled && loop.extent() > kMaxUnroll) {
    return Refuse(absl::StrCat("loop '", loop.name, "' has ", loop.extent(),
                               " iterations; at most ", kMaxUnroll, " are unrolled: split it"));
  }
  if (step.kind == LoopKind::kVector) {
    const bool leaf = std::none_of(loop.body.begin(), loop.body.end(),
                                   [](const Node& node) { return node.is_loop; });
    if (!leaf || loop.dims.size() != 1) {
      return Refuse(absl::StrCat("loop '", loop.name, "' is not an innermost loop of one dim"));
    }
  }
  if (step.kind == LoopKind::kParallel && path.size() != 1) {
    return Refuse(absl::StrCat("loop '", loop.name, "' is inside of '", path[0]->loop.name,
                               "'; the outermost loop of a kernel is the parallel one"));
  }
  if (step.kind != LoopKind::kUnrolled) {
    STRATA_RETURN_IF_ERROR(
        CheckUnordered(program, step.loop, step.kind == LoopKind::kVector && replay->reassociate,
                       step.kind == LoopKind::kVector ? "vectorise" : "parallel"));
  }
  loop.kind = step.kind;
  loop.with = step.with;  // Apply() checks it
  return absl::OkStatus();
}

absl::Status Run(const Reassociate&, Replay* replay) {
  replay->reassociate = true;
  return absl::OkStatus();
}

}  // namespace strata::compiler::schedule
