// WatchedCollectives: collectives that post when this rank waits in them, and for how long it did. What is left of a step
// is what the rank computed: that tells a straggler from those that wait for it.
#ifndef STRATA_DISTRIBUTED_ELASTIC_WATCHED_COLLECTIVES_H_
#define STRATA_DISTRIBUTED_ELASTIC_WATCHED_COLLECTIVES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "compiler/device/collectives.h"
#include "distributed/elastic/board.h"

namespace strata::distributed {

using SecondsClock = std::function<double()>;

// Of this process, from some start on.
double SteadySeconds();

class WatchedCollectives : public compiler::Collectives {
 public:
  // `collectives` and `slot` (may be null) outlive this.
  WatchedCollectives(compiler::Collectives& collectives, Board::Slot* slot, SecondsClock clock)
      : to_(collectives), slot_(slot), clock_(std::move(clock)), all_(this) {}

  // The phase outside of collectives. Only those called while computing are posted as kCollective: within a save or a
  // load it stays that.
  void SetPhase(Phase phase);
  double waited_seconds() const { return waited_; }

  int rank() const override { return to_.rank(); }
  int size() const override { return to_.size(); }
  absl::Status AllReduce(void* data, int64_t count, chips::DType dtype,
                         compiler::Reduction reduction) override;
  absl::Status AllGather(const void* input, void* output, int64_t count,
                         chips::DType dtype) override;
  absl::Status ReduceScatter(const void* input, void* output, int64_t count, chips::DType dtype,
                             compiler::Reduction reduction) override;
  absl::Status Broadcast(void* data, int64_t count, chips::DType dtype, int root) override;
  absl::Status Barrier() override;
  absl::Status Reduce(void* data, int64_t count, chips::DType dtype, compiler::Reduction reduction,
                      int root) override;
  absl::Status Gather(const void* input, void* output, int64_t count, chips::DType dtype,
                      int root) override;
  absl::Status Scatter(const void* input, void* output, int64_t count, chips::DType dtype,
                       int root) override;
  absl::Status AllToAll(const void* input, void* output, int64_t count,
                        chips::DType dtype) override;
  absl::Status AllToAllV(const void* input, absl::Span<const int64_t> send_counts, void* output,
                         absl::Span<const int64_t> receive_counts, chips::DType dtype) override;
  absl::Status Send(const void* data, int64_t count, chips::DType dtype, int peer) override;
  absl::Status Recv(void* data, int64_t count, chips::DType dtype, int peer) override;
  absl::Status Permute(const void* input, void* output, int64_t count, chips::DType dtype,
                       int64_t offset) override;
  // Watched as well, and owned by this.
  absl::StatusOr<Collectives*> Group(absl::string_view axes) override;

 private:
  class Wait;
  WatchedCollectives(compiler::Collectives& group, WatchedCollectives* all)
      : to_(group), slot_(all->slot_), clock_(all->clock_), all_(all) {}

  compiler::Collectives& to_;
  Board::Slot* const slot_;
  const SecondsClock clock_;
  WatchedCollectives* const all_;  // which keeps the phase and the time; of a group, its maker
  Phase phase_ = Phase::kStart;
  double waited_ = 0;
  std::mutex mutex_;  // of groups_: a device asks for them from two threads
  std::map<std::string, std::unique_ptr<WatchedCollectives>> groups_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_WATCHED_COLLECTIVES_H_
