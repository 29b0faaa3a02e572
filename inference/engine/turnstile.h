// Turnstile: a fair mutex. Threads pass in the order in which they arrived (std::mutex makes no such promise).
#ifndef STRATA_INFERENCE_ENGINE_TURNSTILE_H_
#define STRATA_INFERENCE_ENGINE_TURNSTILE_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace strata::inference {

// Meets the standard's BasicLockable, so std::lock_guard works on it.
class Turnstile {
 public:
  void lock() {
    std::unique_lock<std::mutex> hold(mutex_);
    const uint64_t ticket = next_ticket_++;
    changed_.wait(hold, [&] { return now_serving_ == ticket; });
  }
  void unlock() {
    std::lock_guard<std::mutex> hold(mutex_);
    ++now_serving_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t next_ticket_ = 0;
  uint64_t now_serving_ = 0;
};

// A counting gate, first come first served: at most `limit` are inside.
class Gate {
 public:
  explicit Gate(int64_t limit) : limit_(limit) {}
  void Enter() {
    std::unique_lock<std::mutex> hold(mutex_);
    const uint64_t ticket = next_ticket_++;
    changed_.wait(hold, [&] { return now_serving_ == ticket && inside_ < limit_; });
    ++now_serving_;
    ++inside_;
    changed_.notify_all();
  }
  void Leave() {
    std::lock_guard<std::mutex> hold(mutex_);
    --inside_;
    changed_.notify_all();
  }

 private:
  const int64_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t next_ticket_ = 0;
  uint64_t now_serving_ = 0;
  int64_t inside_ = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_TURNSTILE_H_
