// IntegerSystem: whole numbers in boxes under linear equations and inequalities, solved exactly.
//
//   IntegerSystem system;
//   const int x = system.AddVariable(0, 9), y = system.AddVariable(0, 9);
//   system.AddEquation({{x, 3}, {y, -2}}, -1);      // 3 x - 2 y - 1 = 0
//   system.Solve();                                 // found: x = 1, y = 1
//
// Bounds are tightened along each constraint until nothing changes (with the gcd test on equations), then the first
// variable that is not fixed is tried at its value nearest to 0, below it, and above it. Complete, since the boxes are
// finite; the dependence questions of loop programs are decided in a few dozen nodes.
#ifndef STRATA_COMPILER_SCHEDULE_INTEGER_SYSTEM_H_
#define STRATA_COMPILER_SCHEDULE_INTEGER_SYSTEM_H_

#include <cstdint>
#include <utility>
#include <vector>

namespace strata::compiler::schedule {

class IntegerSystem {
 public:
  using Terms = std::vector<std::pair<int, int64_t>>;  // (variable, coefficient)

  int AddVariable(int64_t low, int64_t high);
  void AddEquation(Terms terms, int64_t constant);    // sum + constant = 0
  void AddInequality(Terms terms, int64_t constant);  // sum + constant >= 0

  enum class Answer { kNone, kFound, kUnknown };  // kUnknown: given up after kMaxNodes
  struct Solution {
    Answer answer = Answer::kNone;
    std::vector<int64_t> values;  // kFound: by variable
  };
  Solution Solve() const;

  static constexpr int kMaxNodes = 20000;

 private:
  struct Constraint {
    Terms terms;
    int64_t constant = 0;
    bool equation = false;
  };
  struct Box {
    std::vector<int64_t> low, high;
  };

  bool Tighten(Box* box) const;
  static bool TightenBy(const Constraint& constraint, Box* box, bool* changed);
  static bool PassesGcd(const Constraint& constraint, const Box& box);
  Answer Search(Box box, int* nodes, std::vector<int64_t>* values) const;

  Box box_;
  std::vector<Constraint> constraints_;
};

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_INTEGER_SYSTEM_H_
