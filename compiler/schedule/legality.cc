#include "compiler/schedule/legality.h"

#include <algorithm>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/dependence.h"
#include "compiler/schedule/text.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

absl::Status Refuse(const std::string& what) { return absl::FailedPreconditionError(what); }

// Both touch the target of one update: terms of one reduction.
bool IsReduction(const Site& a, const Touch& ta, const Site& b, const Touch& tb) {
  return a.statement == b.statement && a.statement->update != Update::kAssign && ta.writes &&
         tb.writes;
}

// Calls `visit` with each pair of touches of the same buffer, one of them a write, until it fails.
absl::Status ForEachPair(const Site& a, const Site& b,
                         const std::function<absl::Status(const Touch&, const Touch&)>& visit) {
  for (const Touch& ta : TouchesOf(*a.statement)) {
    for (const Touch& tb : TouchesOf(*b.statement)) {
      if (ta.access->buffer != tb.access->buffer || (!ta.writes && !tb.writes)) continue;
      STRATA_RETURN_IF_ERROR(visit(ta, tb));
    }
  }
  return absl::OkStatus();
}

std::vector<Site> SitesIn(const std::vector<Site>& sites, const std::string& loop) {
  std::vector<Site> inside;
  for (const Site& site : sites) {
    if (std::any_of(site.loops.begin(), site.loops.end(),
                    [&](const Loop* l) { return l->name == loop; })) {
      inside.push_back(site);
    }
  }
  return inside;
}

size_t StatementsBefore(const Program& program, size_t place) {
  size_t statements = 0;
  for (size_t i = 0; i < place; ++i) {
    ForEachStatement({program.body[i]}, [&](const Statement&) { ++statements; });
  }
  return statements;
}

// Indices of the loops around `loop`, same in both iterations.
Directions SameAround(const Site& site, const std::string& loop) {
  Directions same;
  for (const Loop* around : site.loops) {
    if (around->name == loop) break;
    for (const Dim& dim : around->dims) same[dim.index] = Direction::kSame;
  }
  return same;
}

class ReorderCheck {
 public:
  ReorderCheck(const Program& program, const std::vector<std::string>& order, bool reassociate)
      : program_(program), sites_(SitesOf(program)), reassociate_(reassociate) {
    for (const std::string& name : order) {
      const Loop& loop = (*PathTo(program, name)).back()->loop;
      after_.insert(after_.end(), loop.dims.begin(), loop.dims.end());
    }
    nest_.insert(order.begin(), order.end());
  }

  absl::Status Run() {
    // All statements lie in the innermost loop of the nest.
    for (const Site& a : sites_) {
      const size_t in = static_cast<size_t>(std::count_if(
          a.loops.begin(), a.loops.end(), [&](const Loop* l) { return nest_.count(l->name) > 0; }));
      if (in != nest_.size()) continue;
      before_.clear();
      Directions around;
      for (const Loop* loop : a.loops) {
        if (nest_.count(loop->name) > 0) {
          before_.insert(before_.end(), loop->dims.begin(), loop->dims.end());
        } else if (before_.empty()) {
          for (const Dim& dim : loop->dims) around[dim.index] = Direction::kSame;
        }
      }
      for (const Site& b : sites_) {
        if (SharedDims(a, b).size() < around.size() + before_.size()) continue;
        STRATA_RETURN_IF_ERROR(ForEachPair(a, b, [&](const Touch& ta, const Touch& tb) {
          return CheckPair(a, ta, b, tb, around);
        }));
      }
    }
    return absl::OkStatus();
  }

 private:
  static size_t Place(const std::vector<Dim>& dims, const std::string& index) {
    size_t place = 0;
    while (dims[place].index != index) ++place;
    return place;
  }

  // a before b: p is the outermost index in which they differ. After: b before a because of q.
  absl::Status CheckPair(const Site& a, const Touch& ta, const Site& b, const Touch& tb,
                         const Directions& around) const {
    for (const Dim& p : before_) {
      for (const Dim& q : after_) {
        if (Place(before_, p.index) >= Place(before_, q.index) ||
            Place(after_, q.index) >= Place(after_, p.index)) {
          continue;
        }
        Directions directions = around;
        for (size_t i = 0; i < Place(before_, p.index); ++i)
          directions[before_[i].index] = Direction::kSame;
        for (size_t i = 0; i < Place(after_, q.index); ++i)
          directions[after_[i].index] = Direction::kSame;
        directions[p.index] = Direction::kLater;
        directions[q.index] = Direction::kEarlier;
        STRATA_RETURN_IF_ERROR(Ask(a, ta, b, tb, directions, p.index, q.index));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Ask(const Site& a, const Touch& ta, const Site& b, const Touch& tb,
                   const Directions& directions, const std::string& p, const std::string& q) const {
    if (!reassociate_ || !IsReduction(a, ta, b, tb)) return Find(a, ta, b, tb, directions);
    // Terms may change places, unless another index starts the reduction anew.
    const std::vector<std::string>& first = a.statement->first;
    if (first.empty()) return absl::OkStatus();
    const auto restarts = [&](const std::string& index) {
      return std::find(first.begin(), first.end(), index) == first.end();
    };
    if (restarts(p) || restarts(q)) return Find(a, ta, b, tb, directions);
    for (const Dim& dim : before_) {
      if (!restarts(dim.index) || directions.count(dim.index) > 0) continue;
      for (Direction direction : {Direction::kLater, Direction::kEarlier}) {
        Directions more = directions;
        more[dim.index] = direction;
        STRATA_RETURN_IF_ERROR(Find(a, ta, b, tb, more));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Find(const Site& a, const Touch& ta, const Site& b, const Touch& tb,
                    const Directions& directions) const {
    STRATA_ASSIGN_OR_RETURN(const std::optional<Conflict> conflict,
                            FindConflict(program_, a, ta, b, tb, directions));
    if (!conflict.has_value()) return absl::OkStatus();
    return Refuse(absl::StrCat(
        conflict->Text(a, ta, b, tb), "; reordered, the second would come before the first",
        IsReduction(a, ta, b, tb) ? " (the step 'reassociate' allows that for the terms of a sum)"
                                  : ""));
  }

  const Program& program_;
  const std::vector<Site> sites_;
  const bool reassociate_;
  std::set<std::string> nest_;
  std::vector<Dim> before_, after_;
};

// Conflicts in which `first` runs before `second`, in the same iteration of `loop` ("root": of nothing).
absl::Status CheckNoneBefore(const Program& program, const Site& first, const Touch& tf,
                             const Site& second, const Touch& ts, const std::string& loop,
                             const std::string& why) {
  Directions directions;
  std::vector<Dim> inner;
  bool around = loop != "root";
  for (size_t i = 0;
       i < first.loops.size() && i < second.loops.size() && first.loops[i] == second.loops[i];
       ++i) {
    for (const Dim& dim : first.loops[i]->dims) {
      if (around) {
        directions[dim.index] = Direction::kSame;
      } else {
        inner.push_back(dim);
      }
    }
    if (first.loops[i]->name == loop) around = false;
  }
  for (size_t p = 0; p <= inner.size(); ++p) {
    if (p == inner.size() && first.number >= second.number) break;
    Directions here = directions;
    for (size_t i = 0; i < p; ++i) here[inner[i].index] = Direction::kSame;
    if (p < inner.size()) here[inner[p].index] = Direction::kLater;
    STRATA_ASSIGN_OR_RETURN(const std::optional<Conflict> conflict,
                            FindConflict(program, first, tf, second, ts, here));
    if (conflict.has_value())
      return Refuse(absl::StrCat(conflict->Text(first, tf, second, ts), "; ", why));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckReorder(const Program& program, const std::vector<std::string>& order,
                          bool reassociate) {
  return ReorderCheck(program, order, reassociate).Run();
}

absl::Status CheckUnordered(const Program& program, const std::string& loop, bool reassociate,
                            const std::string& what) {
  const std::vector<Site> sites = SitesIn(SitesOf(program), loop);
  STRATA_ASSIGN_OR_RETURN(const std::vector<const Node*> path, PathTo(program, loop));
  const std::vector<Dim>& dims = path.back()->loop.dims;
  for (const Site& a : sites) {
    for (const Site& b : sites) {
      STRATA_RETURN_IF_ERROR(
          ForEachPair(a, b, [&](const Touch& ta, const Touch& tb) -> absl::Status {
            if (reassociate && IsReduction(a, ta, b, tb) && a.statement->first.empty())
              return absl::OkStatus();
            Directions directions = SameAround(a, loop);
            for (const Dim& dim : dims) {
              directions[dim.index] = Direction::kLater;
              STRATA_ASSIGN_OR_RETURN(const std::optional<Conflict> conflict,
                                      FindConflict(program, a, ta, b, tb, directions));
              if (conflict.has_value()) {
                return Refuse(absl::StrCat(conflict->Text(a, ta, b, tb), "; ", what,
                                           " promises no order between them"));
              }
              directions[dim.index] = Direction::kSame;
            }
            return absl::OkStatus();
          }));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckShared(const Program& program, const std::string& outer,
                         const std::string& inner) {
  const std::vector<Site> sites = SitesOf(program), shared = SitesIn(sites, inner);
  Directions directions;
  for (const auto& [loop, direction] :
       {std::pair{outer, Direction::kSame}, {inner, Direction::kLater}}) {
    STRATA_ASSIGN_OR_RETURN(const std::vector<const Node*> path, PathTo(program, loop));
    for (const Dim& dim : path.back()->loop.dims) directions[dim.index] = direction;
  }
  for (const Site& site : SitesIn(sites, outer)) {
    const std::string& buffer = site.statement->target.buffer;
    const bool inside = std::any_of(shared.begin(), shared.end(),
                                    [&](const Site& s) { return s.number == site.number; });
    if (inside || site.statement->update == Update::kPrefetch) continue;
    if (IsArgument(program.FindBuffer(buffer)->scope)) {
      return Refuse(absl::StrCat("`", StatementText(*site.statement), "` is outside of loop '",
                                 inner, "': two ranges of it would both do that"));
    }
  }
  for (const Site& a : shared) {
    for (const Site& b : shared) {
      STRATA_RETURN_IF_ERROR(
          ForEachPair(a, b, [&](const Touch& ta, const Touch& tb) -> absl::Status {
            STRATA_ASSIGN_OR_RETURN(const std::optional<Conflict> conflict,
                                    FindConflict(program, a, ta, b, tb, directions));
            if (!conflict.has_value()) return absl::OkStatus();
            return Refuse(absl::StrCat(conflict->Text(a, ta, b, tb),
                                       "; parallel promises no order between them"));
          }));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCopyOnce(const Program& program, const std::string& buffer,
                           const std::string& loop) {
  std::vector<Site> sites = SitesOf(program);
  if (loop != "root") {
    sites = SitesIn(sites, loop);
  } else {
    // What comes before the top-level nest that reads first is done when the copy is made.
    const auto reads = [&](const Node& node) {
      bool found = false;
      ForEachStatement({node}, [&](const Statement& s) {
        ForEachAccess(s, [&](const Access& a, bool target) {
          found = found || (!target && a.buffer == buffer);
        });
      });
      return found;
    };
    const auto first = std::find_if(program.body.begin(), program.body.end(), reads);
    const size_t done =
        StatementsBefore(program, static_cast<size_t>(first - program.body.begin()));
    sites.erase(sites.begin(), sites.begin() + static_cast<std::ptrdiff_t>(done));
  }
  for (const Site& writer : sites) {
    for (const Site& reader : sites) {
      STRATA_RETURN_IF_ERROR(
          ForEachPair(writer, reader, [&](const Touch& tw, const Touch& tr) -> absl::Status {
            if (!tw.writes || tr.writes || tw.access->buffer != buffer) return absl::OkStatus();
            return CheckNoneBefore(program, writer, tw, reader, tr, loop,
                                   "a copy made before both would hold the old value");
          }));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckReadsOld(const Program& program, const std::string& buffer, size_t place) {
  const std::vector<Site> sites = SitesOf(program);
  const size_t earlier = StatementsBefore(program, place);
  for (const Site& reader : sites) {
    if (reader.statement->target.buffer != buffer) continue;
    for (const Site& writer : sites) {
      if (writer.statement->target.buffer == buffer || writer.number < earlier) continue;
      STRATA_RETURN_IF_ERROR(
          ForEachPair(writer, reader, [&](const Touch& tw, const Touch& tr) -> absl::Status {
            if (!tw.writes || tr.writes) return absl::OkStatus();
            return CheckNoneBefore(program, writer, tw, reader, tr, "root",
                                   "before the step the second came before the first");
          }));
    }
  }
  return absl::OkStatus();
}

}  // namespace strata::compiler::schedule
