// Collectives three ways: by the clock, by the alpha-beta-gamma model, by simulation.
//
//   STRATA_ASSIGN_OR_RETURN(const Study study, MakeStudy({}));
//   for (const Claim& claim : ClaimsOf(study)) ...
#ifndef STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_STUDY_H_
#define STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_STUDY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "courses/distributed/collectives_three_ways/bits.h"
#include "courses/distributed/collectives_three_ways/measured.h"
#include "courses/distributed/collectives_three_ways/race.h"
#include "courses/lab/claims.h"

namespace strata::courses {

struct StudyQuestion {
  std::string flat = "infiniband_hosts";  // a cluster of one level, by name or path
  std::string nodes = "h100_roce";        // one of nodes
  int ranks = 16;                         // a power of two
  int odd_ranks = 12;                     // none
  int measured_ranks = 2;                 // threads here; 0: none
};

struct Study {
  StudyQuestion question = {};
  std::vector<Race> flat =
      {};  // all_reduce of both numbers of ranks, all_gather and all_to_all of the odd one
  std::vector<Race> by_ranks = {};  // all_reduce of little and of much
  std::vector<Race> region = {};    // all_reduce over sizes, for several numbers of ranks
  std::vector<Race> nodes =
      {};  // all_reduce, all_gather, all_to_all of `ranks` on the cluster of nodes
  std::vector<BitCheck> bits = {};
  std::vector<chips::Timeline> timelines = {};  // of one all_reduce on nodes: ring, hierarchical
  std::optional<Measurement> measured = {};
};

absl::StatusOr<Study> MakeStudy(const StudyQuestion& question);

std::vector<Claim> ClaimsOf(const Study& study);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_STUDY_H_
