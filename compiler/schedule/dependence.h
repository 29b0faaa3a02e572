// Dependences: pairs of iterations that touch the same element, one of them writing. What legality is decided by.
//
// A question fixes, for each index of the loops that two statements share, how the two iterations lie to each other: the
// direction vector of the literature (Allen & Kennedy, "Optimizing Compilers for Modern Architectures", ch. 2-3). The
// answer is exact and concrete: two iterations, found by integer search (integer_system.h) over the difference of the two
// iterations and then over the first of them; nullopt where there are none.
#ifndef STRATA_COMPILER_SCHEDULE_DEPENDENCE_H_
#define STRATA_COMPILER_SCHEDULE_DEPENDENCE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/schedule/program.h"

namespace strata::compiler::schedule {

// A statement and the loops around it, outer first. Points into the program.
struct Site {
  const Statement* statement = nullptr;
  std::vector<const Loop*> loops;
  size_t number = 0;  // in textual order
};
std::vector<Site> SitesOf(const Program& program);

// The dims of loops around both, outer first.
std::vector<Dim> SharedDims(const Site& a, const Site& b);

// One access of a statement; `inside` as of the load.
struct Touch {
  const Access* access = nullptr;
  const std::vector<Condition>* inside = nullptr;
  bool writes = false;
};
// The loads, then the target (which an update also reads).
std::vector<Touch> TouchesOf(const Statement& statement);

// How an index of the second iteration lies to the first's.
enum class Direction { kAny, kSame, kLater, kEarlier };
using Directions = std::map<std::string, Direction>;  // by index; kAny where it is not named

struct Conflict {
  std::map<std::string, int64_t> first, second;  // the iterations
  std::vector<int64_t> element;
  std::string Text(const Site& a, const Touch& ta, const Site& b, const Touch& tb) const;
};

// An iteration of `a` and one of `b` in these directions that touch the same element by `ta` and `tb`. RESOURCE_EXHAUSTED
// where the search was given up.
absl::StatusOr<std::optional<Conflict>> FindConflict(const Program& program, const Site& a,
                                                     const Touch& ta, const Site& b,
                                                     const Touch& tb, const Directions& directions);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_DEPENDENCE_H_
