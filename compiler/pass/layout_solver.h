// SolveLayout: the cheapest choice for variables that are tied in pairs, by nonserial dynamic programming.
//
//   LayoutProblem problem;
//   const int x = problem.AddVariable({0, 3}), y = problem.AddVariable({1, 0});      // costs of the choices
//   problem.AddPair(x, y, {0, kForbidden, kForbidden, 0});                           // equal choices only
//   LayoutSolution best = SolveLayout(problem, /*start=*/{0, 0});
//
// Variables are eliminated one by one, the one with the smallest table of neighbours first (Bertelè and Brioschi 1972,
// "Nonserial Dynamic Programming"). On a tree of pairs each table has one neighbour: linear time, the exact optimum. On
// other graphs it is exact too as long as no table would exceed `largest_table`; where one would, a variable keeps its
// choice of `start` instead, and the result is the best among those that agree with it: never worse than `start`.
#ifndef STRATA_COMPILER_PASS_LAYOUT_SOLVER_H_
#define STRATA_COMPILER_PASS_LAYOUT_SOLVER_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace strata::compiler {

inline constexpr double kForbidden = std::numeric_limits<double>::infinity();

class LayoutProblem {
 public:
  // By choice; at least one. Returns the variable's index.
  int AddVariable(std::vector<double> costs);
  // costs[i * choices(b) + j] of choosing i for a and j for b; several pairs of the same two add up. a != b.
  void AddPair(int a, int b, std::vector<double> costs);

  struct Pair {
    int a, b;
    std::vector<double> costs;
  };
  int variables() const { return static_cast<int>(costs_.size()); }
  int choices(int variable) const { return static_cast<int>(costs_[At(variable)].size()); }
  const std::vector<double>& costs(int variable) const { return costs_[At(variable)]; }
  const std::vector<Pair>& pairs() const { return pairs_; }

  double Cost(const std::vector<int>& choice) const;

 private:
  static size_t At(int i) { return static_cast<size_t>(i); }

  std::vector<std::vector<double>> costs_;
  std::vector<Pair> pairs_;
};

struct LayoutSolution {
  std::vector<int> choice;  // by variable
  double cost = 0;
  bool exact = true;
};

// `start` is a choice of finite cost. Deterministic.
LayoutSolution SolveLayout(const LayoutProblem& problem, const std::vector<int>& start,
                           int64_t largest_table = int64_t{1} << 16);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_LAYOUT_SOLVER_H_
