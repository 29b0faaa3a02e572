// ExpertExchange: rows to the ranks of their experts and back, as many as there are: nothing padded, nothing dropped.
//
//   ExpertExchange exchange(placement, *collectives);                   // the same placement on every rank
//   STRATA_ASSIGN_OR_RETURN(ExchangePlan plan, exchange.Plan(ids));     // ids [N, k] i32: the experts of my tokens
//   STRATA_ASSIGN_OR_RETURN(HostTensor rows, exchange.Send(plan, x));   // x [N, C] -> [plan.received(), C]
//   // rows [offsets[s], offsets[s + 1]) belong to my slot s: grouped_matmul with plan.offsets
//   STRATA_ASSIGN_OR_RETURN(HostTensor back, exchange.Return(plan, y)); // y of rows' count -> [N * k, F], a row a choice
//
// Plan() exchanges counts first, then Send() and Return() know what comes. Return() is the adjoint of Send(): gradients
// take the same two roads the other way. (All-to-all dispatch of mixtures: GShard, arXiv:2006.16668; without capacity:
// MegaBlocks, arXiv:2211.15841.)
//
// All ranks make the same calls in the same order; they may have different numbers of tokens. A rank sends to the
// others, in bytes: 4 for each of their slots (Plan), send_counts * bytes of a row (Send), receive_counts * bytes of a
// row (Return): see PlanBytes() and RowBytes().
#ifndef STRATA_DISTRIBUTED_MOE_EXPERT_EXCHANGE_H_
#define STRATA_DISTRIBUTED_MOE_EXPERT_EXCHANGE_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/moe/expert_placement.h"
#include "framework/graph/host_tensor.h"

namespace strata::distributed {

// What goes where. Rows travel sorted by slot, then by token and choice; they arrive by sender, and are then sorted by
// slot, then by sender.
struct ExchangePlan {
  int64_t tokens = 0;   // N
  int64_t choices = 0;  // k of each
  std::vector<int64_t>
      sent;  // the choice n * k + j of each row that leaves, in the order of leaving
  std::vector<int64_t> send_counts;     // rows for each rank
  std::vector<int64_t> receive_counts;  // rows from each rank
  std::vector<int64_t> row_of_arrival;  // where the i-th row that arrives is after sorting
  std::vector<int32_t> offsets;         // [own slots + 1]: the sorted rows of each own slot

  int64_t received() const { return static_cast<int64_t>(row_of_arrival.size()); }
};

class ExpertExchange {
 public:
  // `ranks` must outlive this.
  ExpertExchange(ExpertPlacement placement, compiler::Collectives& ranks)
      : placement_(std::move(placement)), ranks_(ranks) {}

  const ExpertPlacement& placement() const { return placement_; }

  // ids [N, k] i32; a negative id chooses nothing. INVALID_ARGUMENT for other types and a placement for another number
  // of ranks, OUT_OF_RANGE for an expert there is not; then no rank has been talked to, and the others get the time-out
  // of their transport.
  absl::StatusOr<ExchangePlan> Plan(const graph::HostTensor& ids) const;

  // rows [N, ...]: each goes to all its choices; or [N * k, ...], one a choice. Any dtype. INVALID_ARGUMENT for others.
  absl::StatusOr<graph::HostTensor> Send(const ExchangePlan& plan,
                                         const graph::HostTensor& rows) const;

  // rows [received(), ...] -> [N * k, ...]; 0 for choices of nothing.
  absl::StatusOr<graph::HostTensor> Return(const ExchangePlan& plan,
                                           const graph::HostTensor& rows) const;

  // What this rank sends to others in Plan(), and in Send() (or Return(), with receive_counts) of rows of `row_bytes`.
  int64_t PlanBytes() const;
  int64_t RowBytes(const std::vector<int64_t>& counts, int64_t row_bytes) const;

 private:
  absl::Status Check(const graph::HostTensor& ids) const;

  ExpertPlacement placement_;
  compiler::Collectives& ranks_;
};

// Sum over choices of weights [N, k] (f32) * rows [N * k, C] (f32) -> [N, C], in the order of the choices.
absl::StatusOr<graph::HostTensor> CombineChoices(const graph::HostTensor& rows,
                                                 const graph::HostTensor& weights);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_MOE_EXPERT_EXCHANGE_H_
