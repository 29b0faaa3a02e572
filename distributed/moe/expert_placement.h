// ExpertPlacement: which rank holds which experts, and how often, so that ranks are equally busy.
//
//   STRATA_ASSIGN_OR_RETURN(ExpertPlacement placement, PlaceExperts(loads, /*ranks=*/8, /*slots_per_rank=*/5));
//   placement.expert[17];       // the expert in slot 17, which is on rank 17 / 5
//   placement.replicas[3];      // the slots that hold expert 3
//   RankLoads(placement, loads);
//
// Every rank has as many slots as any other, because a slot costs memory. Hot experts get the slots to spare (replicas
// share an expert's load equally); then slots are packed on ranks. In the manner of DeepSeek's EPLB (DeepSeek-V3,
// arXiv:2412.19437, section 3.4), with one level of ranks.
#ifndef STRATA_DISTRIBUTED_MOE_EXPERT_PLACEMENT_H_
#define STRATA_DISTRIBUTED_MOE_EXPERT_PLACEMENT_H_

#include <vector>

#include "absl/types/span.h"
#include "base/status.h"

namespace strata::distributed {

struct ExpertPlacement {
  int ranks = 1;
  int slots_per_rank = 1;
  std::vector<int>
      expert;  // by slot, #slots = ranks * slots_per_rank; a rank's slots are neighbours
  std::vector<std::vector<int>> replicas;  // by expert: its slots, ascending, at least one

  int experts() const { return static_cast<int>(replicas.size()); }
  int RankOf(int slot) const { return slot / slots_per_rank; }
};

// Balanced: of all ways to give the spare slots to experts, one whose largest load a slot is least; and no rank has more
// than the mean + (1 - 1 / ranks) * PlacementSpread().
// `loads` are measured choices (or any work) of each expert. Deterministic.
// INVALID_ARGUMENT: a load that is negative or not finite, fewer slots than experts, no experts, a count below 1.
absl::StatusOr<ExpertPlacement> PlaceExperts(absl::Span<const double> loads, int ranks,
                                             int slots_per_rank);

// Expert e in slot e: what there is before loads are known. INVALID_ARGUMENT unless `ranks` divides `experts`.
absl::StatusOr<ExpertPlacement> ContiguousPlacement(int experts, int ranks);

// The load of each rank when every expert's replicas share its load equally.
std::vector<double> RankLoads(const ExpertPlacement& placement, absl::Span<const double> loads);

// The largest difference between the loads of the first and the last of `ranks` slots that are neighbours when slots
// are sorted by load: what is left between ranks after packing, at most.
double PlacementSpread(const ExpertPlacement& placement, absl::Span<const double> loads);

// The slot for the `turn`-th row that one rank sends to `expert`: replicas take turns, and ranks start at different ones.
int SlotFor(const ExpertPlacement& placement, int expert, int sender, int turn);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_MOE_EXPERT_PLACEMENT_H_
