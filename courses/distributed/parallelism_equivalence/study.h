// The lab's study: the equivalence matrix of distributed/, mistakes made on purpose, and what is claimed about both.
#ifndef STRATA_COURSES_DISTRIBUTED_PARALLELISM_EQUIVALENCE_STUDY_H_
#define STRATA_COURSES_DISTRIBUTED_PARALLELISM_EQUIVALENCE_STUDY_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "courses/distributed/parallelism_equivalence/mistakes.h"
#include "courses/lab/claims.h"
#include "distributed/equivalence_matrix.h"

namespace strata::courses {

struct EquivalenceStudy {
  std::vector<distributed::MatrixResult> rows;
  std::vector<std::string> unequal;  // what distributed::Check says of rows that fail
  std::vector<distributed::MatrixResult>
      memory;  // the GPT on four ranks: nothing cut, ZeRO-1, -2, -3
  std::vector<Mistake> mistakes;
};

// `every`: each so-manieth row of the matrix; 1: all.
absl::StatusOr<EquivalenceStudy> RunEquivalenceStudy(int every);
int MistakesMade(const EquivalenceStudy& study);
int MistakesSeen(const EquivalenceStudy& study);  // of these: off by more than rounding can be
std::vector<Claim> ClaimsOf(const EquivalenceStudy& study);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_PARALLELISM_EQUIVALENCE_STUDY_H_
