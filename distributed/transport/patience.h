// Patience: the deadline of one call, set when the call first has to wait in earnest, so that a call
// that need not wait reads no clock.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_PATIENCE_H_
#define STRATA_DISTRIBUTED_TRANSPORT_PATIENCE_H_

#include <chrono>

namespace strata::distributed {

class Patience {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Patience(Clock::duration timeout) : timeout_(timeout) {}

  Clock::time_point deadline() {
    if (!started_) deadline_ = Clock::now() + timeout_;
    started_ = true;
    return deadline_;
  }

  // False while nobody has asked for the deadline.
  bool Over() const { return started_ && Clock::now() >= deadline_; }

 private:
  Clock::duration timeout_;
  Clock::time_point deadline_;
  bool started_ = false;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_PATIENCE_H_
