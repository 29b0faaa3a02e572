// prefetch: asks for cache lines before they are touched.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/steps.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

constexpr int64_t kLineBytes = 64;

// The statement in loops over the cache lines that the indices of `loops` reach; the index along which elements are
// neighbours goes line by line.
Node Lines(const std::string& prefix, const std::vector<Dim>& dims, int64_t per_line,
           Statement statement) {
  std::vector<Loop> loops;
  for (const Dim& dim : dims) {
    const std::vector<Affine>& index = statement.target.index;
    if (std::none_of(index.begin(), index.end(),
                     [&](const Affine& a) { return a.Uses(dim.index); }))
      continue;
    const bool neighbours = statement.target.index.back().Coefficient(dim.index) == 1;
    const int64_t step = neighbours ? per_line : 1;
    Loop loop;
    loop.name = prefix + dim.index;
    loop.dims = {{loop.name, (dim.extent + step - 1) / step}};
    loop.kind = loop.extent() <= kLanes ? LoopKind::kUnrolled : LoopKind::kSerial;
    for (Affine& affine : statement.target.index) {
      affine = affine.Substitute(dim.index, Affine::Index(loop.name, step));
    }
    loops.push_back(std::move(loop));
  }
  Node node = Node::Of(std::move(statement));
  for (size_t i = loops.size(); i-- > 0;) {
    loops[i].body.push_back(std::move(node));
    node = Node::Of(std::move(loops[i]));
  }
  return node;
}

}  // namespace

absl::Status Run(const Prefetch& step, Replay* replay) {
  Program& program = replay->program;
  const Buffer* buffer = program.FindBuffer(step.buffer);
  if (buffer == nullptr)
    return absl::NotFoundError(absl::StrCat("there is no buffer '", step.buffer, "'"));
  STRATA_ASSIGN_OR_RETURN(Loop * loop, FindLoop(&program, step.loop));
  if (loop->dims.size() != 1)
    return absl::InvalidArgumentError(absl::StrCat("loop '", step.loop, "' is fused"));
  const std::string prefix = step.buffer + "_fetch_";
  std::vector<Dim> dims;
  absl::Status status;
  ForEachLoop(loop->body, [&](const Loop& inner) {
    for (const Dim& dim : inner.dims) {
      dims.push_back(dim);
      if (status.ok()) status = CheckFresh(program, prefix + dim.index);
    }
  });
  STRATA_RETURN_IF_ERROR(status);

  Statement fetch;
  bool found = false;
  ForEachStatement(loop->body, [&](const Statement& s) {
    if (s.update == Update::kPrefetch) return;
    ForEachAccess(s, [&](const Access& access, bool target) {
      if (access.buffer != step.buffer) return;
      if (!found) fetch.target = access;
      found = true;
      if (target) fetch.value = Expr::Constant(1);
    });
  });
  if (!found) {
    return absl::InvalidArgumentError(
        absl::StrCat("loop '", step.loop, "' does not touch '", step.buffer, "'"));
  }
  fetch.update = Update::kPrefetch;
  for (Affine& index : fetch.target.index) {
    index = index.Substitute(step.loop, Affine::Index(step.loop) + step.ahead);
  }
  const int64_t per_line = kLineBytes / static_cast<int64_t>(chips::SizeOf(buffer->dtype));
  loop->body.insert(loop->body.begin(), Lines(prefix, dims, per_line, std::move(fetch)));
  return absl::OkStatus();
}

}  // namespace strata::compiler::schedule
