// What a step may do to the order of iterations, decided by dependence analysis (dependence.h).
//
// All functions: OK, or FAILED_PRECONDITION with a witness: two iterations that touch the same element, one of them
// writing, in the order of the program, and what the step would do to that order. `program` is the one before the step.
#ifndef STRATA_COMPILER_SCHEDULE_LEGALITY_H_
#define STRATA_COMPILER_SCHEDULE_LEGALITY_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/schedule/program.h"

namespace strata::compiler::schedule {

// `order`: the loops of a perfect nest as they will be, outer first. With `reassociate` the terms of one reduction may
// change their order.
absl::Status CheckReorder(const Program& program, const std::vector<std::string>& order,
                          bool reassociate);

// No order between different iterations of `loop` (within one iteration of the loops around it). `what` names the step.
absl::Status CheckUnordered(const Program& program, const std::string& loop, bool reassociate,
                            const std::string& what);

// The iterations of `inner`, a loop in `outer`, may be divided among threads that each run all that is around it: no order
// between two of them in one iteration of `outer`, whatever the loops between them do, and nothing else is written there.
absl::Status CheckShared(const Program& program, const std::string& outer,
                         const std::string& inner);

// `buffer` may be copied at the start of each iteration of `loop` ("root": of the program), and the copy read instead: no
// iteration writes it (root: nothing writes it after it was first read).
absl::Status CheckCopyOnce(const Program& program, const std::string& buffer,
                           const std::string& loop);

// In `program`, the nest that makes `buffer` reads what it read as the top-level nest `place`: nothing that it reads has
// been written before by the nests from there on.
absl::Status CheckReadsOld(const Program& program, const std::string& buffer, size_t place);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_LEGALITY_H_
