// The table of all algorithms: what there is for each verb. A new one is a file and a line here.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_ALGORITHM_TABLE_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_ALGORITHM_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// All rows. The first of a verb is its default and takes any number of ranks.
absl::Span<const Algorithm> AlgorithmTable();

// The row, or NOT_FOUND with the names there are for the verb.
absl::StatusOr<const Algorithm*> FindAlgorithm(Verb verb, absl::string_view name);

// The row of that name where the verb has one for a call of this shape; else the verb's default.
const Algorithm& AlgorithmOrDefault(Verb verb, absl::string_view name, const CallShape& shape);

// Each name once, sorted.
std::vector<std::string> AlgorithmNames();

// A number of its own for each row: [1, #rows].
int TagOf(const Algorithm& algorithm);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_ALGORITHM_TABLE_H_
