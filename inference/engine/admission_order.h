// AdmissionOrder: in which order requests are served, as one number a request that never changes: the smaller goes
// first. By priority, then fair between users, then first come first served; and nobody starves.
//
//   AdmissionOrder order;
//   const int64_t key = order.Enter(/*user=*/"alice", /*priority=*/0);
//   ...
//   order.Admitted(key, 0);   // it runs now
//
// The number is a start tag of start-time fair queueing (Goyal, Vin and Cheng 1996): a user's next request starts
// kShare after his last one or at the virtual time, whichever is later; virtual time moves with the requests that are
// admitted, and by one with each arrival. So a user with a hundred requests at once waits behind the first request of
// another. A priority moves the tag by kLevel a step (smaller priorities first, as vLLM has it). Tags of new requests
// grow without bound, so only finitely many are ever ahead of one: none waits for ever. Requests of one user and one
// priority keep their order. Not thread-safe.
#ifndef STRATA_INFERENCE_ENGINE_ADMISSION_ORDER_H_
#define STRATA_INFERENCE_ENGINE_ADMISSION_ORDER_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

namespace strata::inference {

class AdmissionOrder {
 public:
  static constexpr int64_t kShare = 64;  // virtual time a request takes of its user's share
  static constexpr int64_t kLevel = 256 * kShare;            // what one level of priority is worth
  static constexpr int64_t kMaxPriority = int64_t{1} << 20;  // and down to minus that

  int64_t Enter(const std::string& user, int64_t priority) {
    ++now_;
    ForgetThePast();
    int64_t& next = next_[user];
    const int64_t start = std::max(now_, next);
    next = start + kShare;
    return start + priority * kLevel;
  }

  void Admitted(int64_t key, int64_t priority) { now_ = std::max(now_, key - priority * kLevel); }

  int64_t users() const { return static_cast<int64_t>(next_.size()); }  // that are remembered

 private:
  // A user whose next tag is not ahead of the virtual time is as good as new.
  void ForgetThePast() {
    if (next_.size() < forget_at_) return;
    for (auto it = next_.begin(); it != next_.end();)
      it = it->second <= now_ ? next_.erase(it) : std::next(it);
    forget_at_ = std::max<size_t>(1024, 2 * next_.size());
  }

  int64_t now_ = 0;                      // virtual time
  std::map<std::string, int64_t> next_;  // earliest tag of the user's next request
  size_t forget_at_ = 1024;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_ADMISSION_ORDER_H_
