// prefetch: asks for cache lines before they are touched.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/steps.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

constexpr int64_t kLineBytes = 64;

absl::Status Refuse(const std::string& message) { return absl::InvalidArgumentError(message); }

// A loop that the prefetched access moves with, by the lines that it touches.
struct Line {
  Dim dim;
  int64_t step = 1;  // elements from line to line
  int64_t lines() const { return (dim.extent + step - 1) / step; }
};

class Prefetcher {
 public:
  Prefetcher(const Prefetch& step, Program* program) : step_(step), program_(*program) {}

  absl::Status Run() {
    STRATA_RETURN_IF_ERROR(FindAccess());
    STRATA_RETURN_IF_ERROR(FindLoops());
    std::vector<Node> nests;
    if (step_.of.size() < 2) {
      const std::string& of = step_.of.empty() ? step_.loop : step_.of[0];
      nests.push_back(Fetch({{of, Affine::Index(of) + step_.ahead}}, {}, ""));
    }
    // The next iteration of several loops: one of them goes on, those in it have ended and start again.
    for (size_t next = step_.of.size() < 2 ? 0 : step_.of.size(); next-- > 0;) {
      std::map<std::string, Affine> moves;
      std::vector<Condition> ended;
      moves[step_.of[next]] = Affine::Index(step_.of[next]) + 1;
      for (size_t inner = next + 1; inner < step_.of.size(); ++inner) {
        const std::string& loop = step_.of[inner];
        moves[loop] = 0;
        ended.push_back({Affine::Index(loop) - extents_.at(loop) + 1});
      }
      nests.push_back(Fetch(moves, ended, absl::StrCat(next, "_")));
    }
    loop_->body.insert(loop_->body.begin(), nests.begin(), nests.end());
    return absl::OkStatus();
  }

 private:
  absl::Status FindAccess() {
    buffer_ = program_.FindBuffer(step_.buffer);
    if (buffer_ == nullptr)
      return absl::NotFoundError(absl::StrCat("there is no buffer '", step_.buffer, "'"));
    STRATA_ASSIGN_OR_RETURN(loop_, FindLoop(&program_, step_.loop));
    if (loop_->dims.size() != 1) return Refuse(absl::StrCat("loop '", step_.loop, "' is fused"));
    bool found = false;
    ForEachStatement(loop_->body, [&](const Statement& s) {
      if (s.update == Update::kPrefetch) return;
      ForEachAccess(s, [&](const Access& access, bool target) {
        if (access.buffer != step_.buffer) return;
        if (!found) fetch_.target = access;
        found = true;
        if (target) fetch_.value = Expr::Constant(1);
      });
    });
    fetch_.update = Update::kPrefetch;
    if (found) return absl::OkStatus();
    return Refuse(absl::StrCat("loop '", step_.loop, "' does not touch '", step_.buffer, "'"));
  }

  // Loops around in the order that the step needs, and those inside that the access moves with.
  absl::Status FindLoops() {
    extents_ = ExtentsOf(program_);
    STRATA_ASSIGN_OR_RETURN(const std::vector<Node*> path, PathTo(&program_, step_.loop));
    std::vector<std::string> wanted = step_.of;
    if (!step_.over.empty()) wanted.push_back(step_.over);
    size_t at = 0;
    for (const Node* node : path) {
      if (at < wanted.size() && node->loop.name == wanted[at]) ++at;
    }
    if (at < wanted.size())
      return Refuse(absl::StrCat("'", wanted[at], "' is no loop around '", step_.loop,
                                 "', in the order they are named"));
    if (step_.of.size() > 1 && step_.ahead != 1)
      return Refuse("of several loops, only the next iteration can be asked for: ahead 1");
    const auto moves = [&](const std::string& index) {
      return std::any_of(fetch_.target.index.begin(), fetch_.target.index.end(),
                         [&](const Affine& a) { return a.Uses(index); });
    };
    if (!step_.over.empty() && moves(step_.over))
      return Refuse(absl::StrCat("'", step_.buffer, "' moves with '", step_.over, "'"));
    const int64_t per_line = kLineBytes / static_cast<int64_t>(chips::SizeOf(buffer_->dtype));
    ForEachLoop(loop_->body, [&](const Loop& inner) {
      for (const Dim& dim : inner.dims) {
        if (!moves(dim.index)) continue;
        // Elements that are neighbours are touched line by line.
        const int64_t step = fetch_.target.index.back().Coefficient(dim.index);
        lines_.push_back({dim, step > 0 && step < per_line ? per_line / step : 1});
      }
    });
    for (const Line& line : lines_) {
      STRATA_RETURN_IF_ERROR(CheckFresh(program_, absl::StrCat(Prefix(""), line.dim.index)));
    }
    return absl::OkStatus();
  }

  std::string Prefix(const std::string& suffix) const {
    return absl::StrCat(step_.buffer, "_fetch_", suffix);
  }

  // The statement, moved, in loops over its lines; `where` and what keeps its first line in the buffer as conditions.
  Node Fetch(const std::map<std::string, Affine>& moves, std::vector<Condition> where,
             const std::string& suffix) const {
    Statement fetch = fetch_;
    for (const auto& [index, value] : moves) Replace(index, value, &fetch.target);
    std::vector<Loop> loops;
    const auto most =
        std::max_element(lines_.begin(), lines_.end(),
                         [](const Line& a, const Line& b) { return a.lines() < b.lines(); });
    Access first = fetch.target;
    for (const Line& line : lines_) {
      Loop loop;
      loop.name = Prefix(suffix) + line.dim.index;
      int64_t lines = line.lines();
      Affine at = Affine::Index(loop.name, line.step), start = 0;
      if (!step_.over.empty() && line.dim.index == most->dim.index) {
        const int64_t iterations = std::max<int64_t>(extents_.at(step_.over), 1);
        const int64_t share = (lines + iterations - 1) / iterations;
        start = Affine::Index(step_.over, share * line.step);
        at += start;
        const Condition left = Less(Affine::Index(step_.over, share), lines);
        if (left.value.Range(extents_).low < 0) where.push_back(left);
        lines = share;
      }
      loop.dims = {{loop.name, lines}};
      loop.kind = lines <= kLanes ? LoopKind::kUnrolled : LoopKind::kSerial;
      Replace(line.dim.index, at, &fetch.target);
      Replace(line.dim.index, start, &first);
      loops.push_back(std::move(loop));
    }
    for (size_t d = 0; !step_.of.empty() && d < first.index.size(); ++d) {
      const Condition inside = Less(first.index[d], buffer_->dims[d]);
      if (inside.value.Range(extents_).low < 0) where.push_back(inside);
    }
    fetch.where = std::move(where);
    Node node = Node::Of(std::move(fetch));
    for (size_t i = loops.size(); i-- > 0;) {
      loops[i].body.push_back(std::move(node));
      node = Node::Of(std::move(loops[i]));
    }
    return node;
  }

  static void Replace(const std::string& index, const Affine& value, Access* access) {
    for (Affine& affine : access->index) affine = affine.Substitute(index, value);
  }

  const Prefetch& step_;
  Program& program_;
  const Buffer* buffer_ = nullptr;
  Loop* loop_ = nullptr;
  Extents extents_;
  Statement fetch_;
  std::vector<Line> lines_;  // outer first
};

}  // namespace

absl::Status Run(const Prefetch& step, Replay* replay) {
  return Prefetcher(step, &replay->program).Run();
}

}  // namespace strata::compiler::schedule
