#include "compiler/device/collective_queue.h"

#include <utility>

namespace strata::compiler {

CollectiveQueue::CollectiveQueue() : thread_([this] { Work(); }) {}

CollectiveQueue::~CollectiveQueue() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  posted_.notify_one();
  thread_.join();
}

int64_t CollectiveQueue::Post(std::function<absl::Status()> call) {
  int64_t number = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    calls_.push_back(std::move(call));
    number = posted_count_++;
  }
  posted_.notify_one();
  return number;
}

absl::Status CollectiveQueue::Wait(int64_t call) {
  std::unique_lock<std::mutex> lock(mutex_);
  ended_.wait(lock, [&] { return ended_count_ > call; });
  return status_;
}

absl::Status CollectiveQueue::Drain(std::vector<Span>* spans) {
  std::unique_lock<std::mutex> lock(mutex_);
  ended_.wait(lock, [&] { return ended_count_ == posted_count_; });
  posted_count_ = ended_count_ = 0;
  spans->clear();
  spans->swap(spans_);
  return std::exchange(status_, absl::OkStatus());
}

void CollectiveQueue::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    posted_.wait(lock, [&] { return closing_ || !calls_.empty(); });
    if (closing_) return;
    const std::function<absl::Status()> call = std::move(calls_.front());
    calls_.pop_front();
    Span span = {Clock::now(), Clock::now()};
    if (status_.ok()) {
      lock.unlock();
      const absl::Status status = call();
      span.end = Clock::now();
      lock.lock();
      status_ = status;
    }
    spans_.push_back(span);
    ++ended_count_;
    ended_.notify_all();
  }
}

}  // namespace strata::compiler
