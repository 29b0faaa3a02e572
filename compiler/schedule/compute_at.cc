// compute_at: a producer moves into the loop that consumes it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/legality.h"
#include "compiler/schedule/region.h"
#include "compiler/schedule/steps.h"
#include "compiler/schedule/text.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

absl::Status Refuse(const std::string& message) { return absl::InvalidArgumentError(message); }

bool Writes(const Node& node, const std::string& buffer) {
  bool writes = false;
  ForEachStatement({node}, [&](const Statement& s) {
    writes = writes || (s.target.buffer == buffer && s.update != Update::kPrefetch);
  });
  return writes;
}

bool Reads(const Node& node, const std::string& buffer) {
  bool reads = false;
  ForEachStatement({node}, [&](const Statement& s) {
    ForEachAccess(
        s, [&](const Access& a, bool target) { reads = reads || (!target && a.buffer == buffer); });
  });
  return reads;
}

// The loops that index the producer's target, by dim: T[i, j] -> i, j.
absl::StatusOr<std::vector<std::string>> SpaceOf(const Node& producer, const Buffer& buffer) {
  std::vector<std::string> space;
  absl::Status status;
  bool started = false;  // by an assignment or a first iteration
  ForEachStatement({producer}, [&](const Statement& s) {
    if (!status.ok()) return;
    if (s.target.buffer != buffer.name) {
      status = Refuse(absl::StrCat("its nest also makes '", s.target.buffer, "'"));
      return;
    }
    std::vector<std::string> here;
    for (const Affine& index : s.target.index) {
      const bool plain =
          index.terms().size() == 1 && index.terms().begin()->second == 1 && index.constant() == 0;
      here.push_back(plain ? index.terms().begin()->first : "");
    }
    started = started || s.update == Update::kAssign || !s.first.empty();
    const std::set<std::string> distinct(here.begin(), here.end());
    if (distinct.count("") > 0 || distinct.size() != here.size() ||
        (!space.empty() && space != here)) {
      status = absl::UnimplementedError(absl::StrCat("the nest is not over the dims of '",
                                                     buffer.name, "': ", StatementText(s),
                                                     "; move it before other steps"));
    } else if (!started) {
      status =
          Refuse(absl::StrCat("'", buffer.name, "' is added to, but its nest does not start it"));
    }
    space = here;
  });
  if (!status.ok()) return status;
  return space;
}

// Loops around which the region is computed again must all restart the reduction.
void Narrow(const Region& region, const std::vector<std::string>& space, const Buffer& buffer,
            bool local, const Extents& extents, Node* producer) {
  std::vector<Node> body = {std::move(*producer)};
  const std::function<void(std::vector<Node>*)> resize = [&](std::vector<Node>* nodes) {
    for (Node& node : *nodes) {
      if (!node.is_loop) continue;
      if (node.loop.kind == LoopKind::kParallel) node.loop.kind = LoopKind::kSerial;
      for (Dim& dim : node.loop.dims) {
        const auto it = std::find(space.begin(), space.end(), dim.index);
        if (it != space.end()) dim.extent = region.extent[static_cast<size_t>(it - space.begin())];
      }
      resize(&node.loop.body);
    }
  };
  resize(&body);
  Extents narrowed = extents;
  for (size_t d = 0; d < space.size(); ++d) narrowed[space[d]] = region.extent[d];
  for (size_t d = 0; d < space.size(); ++d) {
    const Affine index = region.base[d] + Affine::Index(space[d]);
    SubstituteIndex(space[d], index, &body);
    ForEachStatement(&body, [&](Statement& s) {
      AddCondition({index}, narrowed, &s);
      AddCondition(Less(index, buffer.dims[d]), narrowed, &s);
      if (local) s.target.index[d] = Affine::Index(space[d]);
    });
  }
  *producer = std::move(body[0]);
}

}  // namespace

absl::Status Run(const ComputeAt& step, Replay* replay) {
  Program program = replay->program;
  const Buffer* found = program.FindBuffer(step.buffer);
  if (found == nullptr)
    return absl::NotFoundError(absl::StrCat("there is no buffer '", step.buffer, "'"));
  const Buffer buffer = *found;
  STRATA_ASSIGN_OR_RETURN(std::vector<Node*> path, PathTo(&program, step.loop));

  size_t producer = program.body.size(), consumer = program.body.size();
  for (size_t i = 0; i < program.body.size(); ++i) {
    if (&program.body[i] == path[0]) consumer = i;
    if (!Writes(program.body[i], step.buffer)) continue;
    if (producer < program.body.size())
      return Refuse(absl::StrCat("'", step.buffer, "' is made by two nests"));
    producer = i;
  }
  if (producer >= consumer) {
    return Refuse(absl::StrCat("no nest before loop '", step.loop, "' makes '", step.buffer, "'"));
  }
  for (size_t i = producer + 1; i < program.body.size(); ++i) {
    if (i != consumer && Reads(program.body[i], step.buffer)) {
      return Refuse(absl::StrCat("'", step.buffer, "' is also read outside of the nest of '",
                                 step.loop, "'"));
    }
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> space,
                          SpaceOf(program.body[producer], buffer));

  std::vector<Node>* body = &path.back()->loop.body;
  std::vector<Access*> reads;
  size_t all_reads = 0;
  const auto collect = [&](std::vector<Node>* nodes, const std::function<void(Access&)>& visit) {
    ForEachStatement(nodes, [&](Statement& s) {
      ForEachAccess(&s, [&](Access& a, bool target) {
        if (!target && a.buffer == step.buffer) visit(a);
      });
    });
  };
  collect(body, [&](Access& a) { reads.push_back(&a); });
  ForEachStatement(program.body[consumer].loop.body, [&](const Statement& s) {
    ForEachAccess(
        s, [&](const Access& a, bool target) { all_reads += !target && a.buffer == step.buffer; });
  });
  if (reads.empty() || reads.size() != all_reads) {
    return Refuse(
        absl::StrCat("loop '", step.loop, "' does not hold all reads of '", step.buffer, "'"));
  }

  const Extents extents = ExtentsOf(program);
  STRATA_ASSIGN_OR_RETURN(const Region region,
                          RegionOf({reads.begin(), reads.end()}, IndicesOf(*body), extents));
  const bool local = buffer.scope == Scope::kScratch;
  if (local) {
    for (Access* access : reads) {
      for (size_t d = 0; d < access->index.size(); ++d) access->index[d] -= region.base[d];
    }
  }
  Node moved = program.body[producer];
  Narrow(region, space, buffer, local, extents, &moved);
  body->insert(body->begin(), std::move(moved));
  program.body.erase(program.body.begin() + static_cast<std::ptrdiff_t>(producer));
  if (local) {
    auto& buffers = program.buffers;
    buffers.erase(std::find_if(buffers.begin(), buffers.end(),
                               [&](const Buffer& b) { return b.name == step.buffer; }));
    buffers.push_back({buffer.name, buffer.dtype, region.extent, Scope::kStack, step.loop});
  }
  STRATA_RETURN_IF_ERROR(CheckReadsOld(program, step.buffer, producer));
  replay->program = std::move(program);
  return absl::OkStatus();
}

}  // namespace strata::compiler::schedule
