#include "distributed/elastic/watched_collectives.h"

#include <chrono>

namespace strata::distributed {

double SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class WatchedCollectives::Wait {
 public:
  explicit Wait(WatchedCollectives* watched) : watched_(*watched->all_), start_(watched->clock_()) {
    Post(Phase::kCollective);
  }
  ~Wait() {
    watched_.waited_ += watched_.clock_() - start_;
    Post(Phase::kCompute);
  }

 private:
  void Post(Phase phase) {
    if (watched_.slot_ == nullptr) return;
    watched_.slot_->Post(watched_.phase_ == Phase::kCompute ? phase : watched_.phase_);
  }
  WatchedCollectives& watched_;
  const double start_;
};

void WatchedCollectives::SetPhase(Phase phase) {
  phase_ = phase;
  if (slot_ != nullptr) slot_->Post(phase);
}

absl::Status WatchedCollectives::AllReduce(void* data, int64_t count, chips::DType dtype,
                                           compiler::Reduction reduction) {
  Wait wait(this);
  return to_.AllReduce(data, count, dtype, reduction);
}

absl::Status WatchedCollectives::AllGather(const void* input, void* output, int64_t count,
                                           chips::DType dtype) {
  Wait wait(this);
  return to_.AllGather(input, output, count, dtype);
}

absl::Status WatchedCollectives::ReduceScatter(const void* input, void* output, int64_t count,
                                               chips::DType dtype, compiler::Reduction reduction) {
  Wait wait(this);
  return to_.ReduceScatter(input, output, count, dtype, reduction);
}

absl::Status WatchedCollectives::Broadcast(void* data, int64_t count, chips::DType dtype,
                                           int root) {
  Wait wait(this);
  return to_.Broadcast(data, count, dtype, root);
}

absl::Status WatchedCollectives::Barrier() {
  Wait wait(this);
  return to_.Barrier();
}

absl::Status WatchedCollectives::Reduce(void* data, int64_t count, chips::DType dtype,
                                        compiler::Reduction reduction, int root) {
  Wait wait(this);
  return to_.Reduce(data, count, dtype, reduction, root);
}

absl::Status WatchedCollectives::Gather(const void* input, void* output, int64_t count,
                                        chips::DType dtype, int root) {
  Wait wait(this);
  return to_.Gather(input, output, count, dtype, root);
}

absl::Status WatchedCollectives::Scatter(const void* input, void* output, int64_t count,
                                         chips::DType dtype, int root) {
  Wait wait(this);
  return to_.Scatter(input, output, count, dtype, root);
}

absl::Status WatchedCollectives::AllToAll(const void* input, void* output, int64_t count,
                                          chips::DType dtype) {
  Wait wait(this);
  return to_.AllToAll(input, output, count, dtype);
}

absl::Status WatchedCollectives::AllToAllV(const void* input, absl::Span<const int64_t> send_counts,
                                           void* output, absl::Span<const int64_t> receive_counts,
                                           chips::DType dtype) {
  Wait wait(this);
  return to_.AllToAllV(input, send_counts, output, receive_counts, dtype);
}

absl::Status WatchedCollectives::Send(const void* data, int64_t count, chips::DType dtype,
                                      int peer) {
  Wait wait(this);
  return to_.Send(data, count, dtype, peer);
}

absl::Status WatchedCollectives::Recv(void* data, int64_t count, chips::DType dtype, int peer) {
  Wait wait(this);
  return to_.Recv(data, count, dtype, peer);
}

absl::Status WatchedCollectives::Permute(const void* input, void* output, int64_t count,
                                         chips::DType dtype, int64_t offset) {
  Wait wait(this);
  return to_.Permute(input, output, count, dtype, offset);
}

absl::StatusOr<compiler::Collectives*> WatchedCollectives::Group(absl::string_view axes) {
  if (axes.empty()) return this;
  const std::lock_guard<std::mutex> lock(mutex_);
  STRATA_ASSIGN_OR_RETURN(compiler::Collectives* const group, to_.Group(axes));
  std::unique_ptr<WatchedCollectives>& watched = groups_[std::string(axes)];
  if (watched == nullptr) watched.reset(new WatchedCollectives(*group, all_));
  return watched.get();
}

}  // namespace strata::distributed
