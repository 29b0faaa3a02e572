#include "distributed/elastic/watched_collectives.h"

#include <chrono>

namespace strata::distributed {

double SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class WatchedCollectives::Wait {
 public:
  explicit Wait(WatchedCollectives* watched) : watched_(*watched), start_(watched->clock_()) {
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

}  // namespace strata::distributed
