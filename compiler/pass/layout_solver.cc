#include "compiler/pass/layout_solver.h"

#include <algorithm>
#include <set>
#include <utility>

namespace strata::compiler {
namespace {

size_t At(int i) { return static_cast<size_t>(i); }

// A function of some variables, sorted; the first varies slowest.
struct Table {
  std::vector<int> variables;
  std::vector<double> costs;
};

// What an eliminated variable should choose, for each choice of its neighbours.
struct Eliminated {
  int variable;
  std::vector<int> neighbours;
  std::vector<int> best;
};

class Solver {
 public:
  Solver(const LayoutProblem& problem, const std::vector<int>& start, int64_t largest)
      : problem_(problem), start_(start), largest_(largest) {
    tables_of_.resize(At(problem.variables()));
    for (int v = 0; v < problem.variables(); ++v) AddTable({{v}, problem.costs(v)});
    for (const LayoutProblem::Pair& pair : problem.pairs()) {
      AddTable(pair.a < pair.b ? Table{{pair.a, pair.b}, pair.costs} : Turned(pair));
    }
  }

  LayoutSolution Run() {
    solution_.choice.assign(At(problem_.variables()), 0);
    // By the size of the table that eliminating would make.
    std::set<std::pair<int64_t, int>> queue;
    sizes_.assign(At(problem_.variables()), 0);
    for (int v = 0; v < problem_.variables(); ++v) queue.insert({sizes_[At(v)] = SizeOf(v), v});
    while (!queue.empty()) {
      auto next = queue.begin();
      const bool fits = next->first <= largest_;
      if (!fits) next = std::prev(queue.end());  // the most entangled one keeps its choice
      const int v = next->second;
      queue.erase(next);
      const std::vector<int> neighbours = NeighboursOf(v);
      if (fits) {
        Eliminate(v, neighbours);
      } else {
        Fix(v);
      }
      for (int n : neighbours) {
        queue.erase({sizes_[At(n)], n});
        queue.insert({sizes_[At(n)] = SizeOf(n), n});
      }
    }
    ReadBack();
    solution_.cost = problem_.Cost(solution_.choice);
    return std::move(solution_);
  }

 private:
  Table Turned(const LayoutProblem::Pair& pair) const {
    const int a = problem_.choices(pair.a), b = problem_.choices(pair.b);
    Table table{{pair.b, pair.a}, std::vector<double>(pair.costs.size())};
    for (int i = 0; i < a; ++i) {
      for (int j = 0; j < b; ++j) table.costs[At(j * a + i)] = pair.costs[At(i * b + j)];
    }
    return table;
  }

  void AddTable(Table table) {
    for (int v : table.variables) tables_of_[At(v)].insert(static_cast<int>(tables_.size()));
    tables_.push_back(std::move(table));
  }

  std::vector<Table> TakeTables(int v) {
    std::vector<Table> taken;
    const std::set<int> ids = tables_of_[At(v)];
    for (int id : ids) {
      for (int other : tables_[At(id)].variables) tables_of_[At(other)].erase(id);
      taken.push_back(std::move(tables_[At(id)]));
    }
    return taken;
  }

  std::vector<int> NeighboursOf(int v) const {
    std::set<int> neighbours;
    for (int id : tables_of_[At(v)])
      neighbours.insert(tables_[At(id)].variables.begin(), tables_[At(id)].variables.end());
    neighbours.erase(v);
    return {neighbours.begin(), neighbours.end()};
  }

  int64_t SizeOf(int v) const {
    int64_t size = problem_.choices(v);
    for (int n : NeighboursOf(v))
      size = std::min<int64_t>(size * problem_.choices(n), int64_t{1} << 40);
    return size;
  }

  // Index into a table's costs under the current choices.
  size_t IndexOf(const std::vector<int>& variables) const {
    size_t index = 0;
    for (int v : variables) index = index * At(problem_.choices(v)) + At(solution_.choice[At(v)]);
    return index;
  }

  // Counts the current choices of `variables` up; false after the last.
  bool Next(const std::vector<int>& variables) {
    for (size_t i = variables.size(); i-- > 0;) {
      int& choice = solution_.choice[At(variables[i])];
      if (++choice < problem_.choices(variables[i])) return true;
      choice = 0;
    }
    return false;
  }

  // The least over the choices of v of the sum of its tables becomes a table of its neighbours.
  void Eliminate(int v, const std::vector<int>& neighbours) {
    const std::vector<Table> tables = TakeTables(v);
    Table made{neighbours, {}};
    Eliminated eliminated{v, neighbours, {}};
    for (int n : neighbours) solution_.choice[At(n)] = 0;
    do {
      double least = kForbidden;
      int best = 0;
      for (int c = 0; c < problem_.choices(v); ++c) {
        solution_.choice[At(v)] = c;
        double sum = 0;
        for (const Table& table : tables) sum += table.costs[IndexOf(table.variables)];
        if (sum < least) {
          least = sum;
          best = c;
        }
      }
      made.costs.push_back(least);
      eliminated.best.push_back(best);
    } while (Next(neighbours));
    eliminated_.push_back(std::move(eliminated));
    if (!neighbours.empty()) AddTable(std::move(made));
  }

  // v keeps its choice of `start`: its tables lose a dimension.
  void Fix(int v) {
    solution_.exact = false;
    for (const Table& table : TakeTables(v)) {
      Table made;
      for (int other : table.variables) {
        if (other != v) made.variables.push_back(other);
      }
      if (made.variables.empty()) continue;
      for (int n : made.variables) solution_.choice[At(n)] = 0;
      solution_.choice[At(v)] = start_[At(v)];
      do {
        made.costs.push_back(table.costs[IndexOf(table.variables)]);
      } while (Next(made.variables));
      AddTable(std::move(made));
    }
    eliminated_.push_back({v, {}, {start_[At(v)]}});
  }

  void ReadBack() {
    for (size_t i = eliminated_.size(); i-- > 0;) {
      const Eliminated& e = eliminated_[i];
      solution_.choice[At(e.variable)] = e.best[IndexOf(e.neighbours)];
    }
  }

  const LayoutProblem& problem_;
  const std::vector<int>& start_;
  int64_t largest_;
  std::vector<Table> tables_;
  std::vector<std::set<int>> tables_of_;  // by variable
  std::vector<int64_t> sizes_;            // by variable, as in the queue
  std::vector<Eliminated> eliminated_;
  LayoutSolution solution_;
};

}  // namespace

int LayoutProblem::AddVariable(std::vector<double> costs) {
  costs_.push_back(std::move(costs));
  return variables() - 1;
}

void LayoutProblem::AddPair(int a, int b, std::vector<double> costs) {
  pairs_.push_back({a, b, std::move(costs)});
}

double LayoutProblem::Cost(const std::vector<int>& choice) const {
  double cost = 0;
  for (size_t v = 0; v < costs_.size(); ++v) cost += costs_[v][At(choice[v])];
  for (const Pair& pair : pairs_) {
    cost += pair.costs[At(choice[At(pair.a)] * choices(pair.b) + choice[At(pair.b)])];
  }
  return cost;
}

LayoutSolution SolveLayout(const LayoutProblem& problem, const std::vector<int>& start,
                           int64_t largest_table) {
  return Solver(problem, start, largest_table).Run();
}

}  // namespace strata::compiler
