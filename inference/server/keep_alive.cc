#include "inference/server/keep_alive.h"

#include <algorithm>
#include <utility>

namespace strata::inference {

KeepAlive::KeepAlive(std::chrono::milliseconds interval) : interval_(interval) {
  if (interval_.count() > 0) thread_ = std::thread([this] { Loop(); });
}

KeepAlive::~KeepAlive() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void KeepAlive::Add(std::weak_ptr<Pinged> stream) {
  if (interval_.count() <= 0) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  streams_.push_back(std::move(stream));
  changed_.notify_all();
}

void KeepAlive::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !streams_.empty(); });
    if (changed_.wait_for(lock, interval_ / 4, [this] { return stop_; })) return;
    std::vector<std::shared_ptr<Pinged>> alive;
    for (const auto& weak : streams_) {
      if (auto stream = weak.lock()) alive.push_back(std::move(stream));
    }
    streams_.assign(alive.begin(), alive.end());
    lock.unlock();  // streams go, if they do, without the lock
    for (const auto& stream : alive) stream->Ping(std::chrono::steady_clock::now(), interval_);
    alive.clear();
    lock.lock();
  }
}

}  // namespace strata::inference
