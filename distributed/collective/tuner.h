// The tuner: which algorithm a call is done with, by the alpha-beta-gamma model of the links.
//
//   const Algorithm& best = PickAlgorithm(Verb::kAllReduce, {.ranks = 16, .count = 1 << 20, .tuning = {.link = link}});
//
// The link's parameters are given, typical for the kind of transport, or measured.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_TUNER_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_TUNER_H_

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// The row that costs least; of equal ones the first of the table.
const Algorithm& PickAlgorithm(Verb verb, const CallShape& shape);

// Of a transport of this name, on a machine of 2024; so that the same run takes the same algorithms, and with them
// the same roundings, every time.
LinkModel TypicalLink(absl::string_view transport);

// Measures this transport: ranks 0 and 1 exchange messages for a few milliseconds, and rank 0 tells all what came out.
// A collective call. One rank alone has the typical link.
absl::StatusOr<LinkModel> MeasureLink(Transport& transport);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_TUNER_H_
