#include "compiler/schedule/dependence.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/schedule/integer_system.h"
#include "compiler/schedule/text.h"
#include "compiler/schedule/tree.h"

namespace strata::compiler::schedule {
namespace {

using Terms = IntegerSystem::Terms;

void Collect(const std::vector<Node>& body, std::vector<const Loop*>* loops,
             std::vector<Site>* sites) {
  for (const Node& node : body) {
    if (!node.is_loop) {
      sites->push_back({&node.statement, *loops, sites->size()});
      continue;
    }
    loops->push_back(&node.loop);
    Collect(node.loop.body, loops, sites);
    loops->pop_back();
  }
}

// The indices of one iteration as variables of a system: each a sum of one or two (x, or x + difference).
class Question {
 public:
  Question(const Program& program, const Site& a, const Site& b, const Directions& directions)
      : program_(program), a_(a), b_(b), directions_(directions) {}

  absl::StatusOr<std::optional<Conflict>> Ask(const Touch& ta, const Touch& tb) {
    AddIndices(SharedUpTo(ta.access->buffer));
    AddConditions(a_.statement->where, first_);
    AddConditions(b_.statement->where, second_);
    if (ta.inside != nullptr) AddConditions(*ta.inside, first_);
    if (tb.inside != nullptr) AddConditions(*tb.inside, second_);
    for (size_t d = 0; d < ta.access->index.size(); ++d) {
      Terms terms = TermsOf(ta.access->index[d], first_, 1);
      const Terms other = TermsOf(tb.access->index[d], second_, -1);
      terms.insert(terms.end(), other.begin(), other.end());
      system_.AddEquation(Merged(terms),
                          ta.access->index[d].constant() - tb.access->index[d].constant());
    }
    if (contradiction_) return std::optional<Conflict>();
    const IntegerSystem::Solution solution = system_.Solve();
    if (solution.answer == IntegerSystem::Answer::kUnknown) {
      return absl::ResourceExhaustedError(absl::StrCat("cannot tell whether ",
                                                       AccessText(*ta.access), " and ",
                                                       AccessText(*tb.access), " meet"));
    }
    if (solution.answer == IntegerSystem::Answer::kNone) return std::optional<Conflict>();
    Conflict conflict;
    conflict.first = ValuesOf(first_, solution.values);
    conflict.second = ValuesOf(second_, solution.values);
    for (const Affine& index : ta.access->index) {
      int64_t value = index.constant();
      for (const auto& [name, c] : index.terms()) value += c * conflict.first.at(name);
      conflict.element.push_back(value);
    }
    return std::optional<Conflict>(conflict);
  }

 private:
  using Indices =
      std::map<std::string, std::vector<int>>;  // index -> its variables, to be added up

  // A local is another one in each iteration of the loop it lives in: indices that must be equal.
  std::vector<std::string> SharedUpTo(const std::string& buffer) const {
    std::vector<std::string> equal;
    const std::string& within = program_.FindBuffer(buffer)->within;
    if (within.empty()) return equal;
    for (const Loop* loop : a_.loops) {
      for (const Dim& dim : loop->dims) equal.push_back(dim.index);
      if (loop->name == within) break;
    }
    return equal;
  }

  void AddIndices(const std::vector<std::string>& equal) {
    const std::vector<Dim> shared = SharedDims(a_, b_);
    std::map<std::string, int> differences;
    std::set<std::string> is_shared;
    for (const Dim& dim : shared) {
      is_shared.insert(dim.index);
      const auto it = directions_.find(dim.index);
      Direction direction = it == directions_.end() ? Direction::kAny : it->second;
      if (std::find(equal.begin(), equal.end(), dim.index) != equal.end()) {
        contradiction_ =
            contradiction_ || direction == Direction::kLater || direction == Direction::kEarlier;
        direction = Direction::kSame;
      }
      if (direction == Direction::kSame) continue;
      const int64_t reach = dim.extent - 1;
      differences[dim.index] = system_.AddVariable(direction == Direction::kLater ? 1 : -reach,
                                                   direction == Direction::kEarlier ? -1 : reach);
    }
    for (const Dim& dim : shared) {
      const int x = system_.AddVariable(0, dim.extent - 1);
      first_[dim.index] = second_[dim.index] = {x};
      const auto it = differences.find(dim.index);
      if (it == differences.end()) continue;
      second_[dim.index].push_back(it->second);
      system_.AddInequality({{x, 1}, {it->second, 1}}, 0);
      system_.AddInequality({{x, -1}, {it->second, -1}}, dim.extent - 1);
    }
    AddOwn(a_, is_shared, &first_);
    AddOwn(b_, is_shared, &second_);
  }

  void AddOwn(const Site& site, const std::set<std::string>& shared, Indices* indices) {
    for (const Loop* loop : site.loops) {
      for (const Dim& dim : loop->dims) {
        if (shared.count(dim.index) == 0)
          (*indices)[dim.index] = {system_.AddVariable(0, dim.extent - 1)};
      }
    }
  }

  static Terms TermsOf(const Affine& affine, const Indices& indices, int64_t factor) {
    Terms terms;
    for (const auto& [name, c] : affine.terms()) {
      for (int variable : indices.at(name)) terms.push_back({variable, factor * c});
    }
    return terms;
  }

  static Terms Merged(const Terms& terms) {
    std::map<int, int64_t> sums;
    for (const auto& [v, c] : terms) sums[v] += c;
    Terms merged;
    for (const auto& [v, c] : sums) {
      if (c != 0) merged.push_back({v, c});
    }
    return merged;
  }

  void AddConditions(const std::vector<Condition>& conditions, const Indices& indices) {
    for (const Condition& condition : conditions) {
      system_.AddInequality(Merged(TermsOf(condition.value, indices, 1)),
                            condition.value.constant());
    }
  }

  static std::map<std::string, int64_t> ValuesOf(const Indices& indices,
                                                 const std::vector<int64_t>& values) {
    std::map<std::string, int64_t> result;
    for (const auto& [name, variables] : indices) {
      for (int v : variables) result[name] += values[static_cast<size_t>(v)];
    }
    return result;
  }

  const Program& program_;
  const Site& a_;
  const Site& b_;
  const Directions& directions_;
  IntegerSystem system_;
  Indices first_, second_;
  bool contradiction_ = false;
};

std::string IterationText(const Site& site, const std::map<std::string, int64_t>& indices) {
  std::vector<std::string> parts;
  for (const Loop* loop : site.loops) {
    for (const Dim& dim : loop->dims)
      parts.push_back(absl::StrCat(dim.index, "=", indices.at(dim.index)));
  }
  return absl::StrCat("(", absl::StrJoin(parts, ", "), ")");
}

}  // namespace

std::vector<Site> SitesOf(const Program& program) {
  std::vector<Site> sites;
  std::vector<const Loop*> loops;
  Collect(program.body, &loops, &sites);
  return sites;
}

std::vector<Dim> SharedDims(const Site& a, const Site& b) {
  std::vector<Dim> dims;
  for (size_t i = 0; i < a.loops.size() && i < b.loops.size() && a.loops[i] == b.loops[i]; ++i) {
    dims.insert(dims.end(), a.loops[i]->dims.begin(), a.loops[i]->dims.end());
  }
  return dims;
}

std::vector<Touch> TouchesOf(const Statement& statement) {
  std::vector<Touch> touches;
  if (statement.update == Update::kPrefetch) return touches;
  ForEachLoad(statement.value, [&](const Expr& load) {
    touches.push_back({&load.access, &load.inside, false});
  });
  touches.push_back({&statement.target, nullptr, true});
  return touches;
}

std::string Conflict::Text(const Site& a, const Touch& ta, const Site& b, const Touch& tb) const {
  return absl::StrCat(
      ta.access->buffer, "[", absl::StrJoin(element, ", "), "] is ", ta.writes ? "written" : "read",
      " by ", IterationText(a, first), " of `", StatementText(*a.statement), "`, then ",
      tb.writes ? "written" : "read", " by ", IterationText(b, second),
      a.statement == b.statement ? std::string()
                                 : absl::StrCat(" of `", StatementText(*b.statement), "`"));
}

absl::StatusOr<std::optional<Conflict>> FindConflict(const Program& program, const Site& a,
                                                     const Touch& ta, const Site& b,
                                                     const Touch& tb,
                                                     const Directions& directions) {
  return Question(program, a, b, directions).Ask(ta, tb);
}

}  // namespace strata::compiler::schedule
