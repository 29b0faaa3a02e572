// RequestSlots: bounds how many requests are under way, and waits until none is.
//
//   RequestSlots slots(256);
//   std::shared_ptr<void> slot = slots.Take();     // null: none is free
//   ... slot.reset() ends the request ...
//   slots.WaitUntilFree();
//
// Thread-safe. Slots may outlive the RequestSlots.
#ifndef STRATA_INFERENCE_SERVER_REQUEST_SLOTS_H_
#define STRATA_INFERENCE_SERVER_REQUEST_SLOTS_H_

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

namespace strata::inference {

class RequestSlots {
 public:
  explicit RequestSlots(size_t most) : most_(most), state_(std::make_shared<State>()) {}

  std::shared_ptr<void> Take() {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    if (state_->taken >= most_) return nullptr;
    ++state_->taken;
    return {static_cast<void*>(state_.get()), [state = state_](void*) {
              const std::lock_guard<std::mutex> guard(state->mutex);
              if (--state->taken == 0) state->changed.notify_all();
            }};
  }

  void WaitUntilFree() {
    std::unique_lock<std::mutex> lock(state_->mutex);
    state_->changed.wait(lock, [this] { return state_->taken == 0; });
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    size_t taken = 0;
  };
  const size_t most_;
  const std::shared_ptr<State> state_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_REQUEST_SLOTS_H_
