// CollectiveQueue: a thread that makes a rank's collective calls one after the other, while the caller computes.
#ifndef STRATA_COMPILER_DEVICE_COLLECTIVE_QUEUE_H_
#define STRATA_COMPILER_DEVICE_COLLECTIVE_QUEUE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/status.h"

namespace strata::compiler {

class CollectiveQueue {
 public:
  using Clock = std::chrono::steady_clock;
  struct Span {
    Clock::time_point begin, end;
  };

  CollectiveQueue();
  ~CollectiveQueue();  // waits for the call that runs; drops the others
  CollectiveQueue(const CollectiveQueue&) = delete;
  CollectiveQueue& operator=(const CollectiveQueue&) = delete;

  // Calls run in the order of Post(), each after all before it. Returns the call's number: 0, 1, ... since Drain().
  int64_t Post(std::function<absl::Status()> call);
  // Until that call has ended. The first error of any call; after one, later calls are not made.
  absl::Status Wait(int64_t call);
  // Waits for all, and starts anew: the first error, and when each call ran.
  absl::Status Drain(std::vector<Span>* spans);

 private:
  void Work();

  std::mutex mutex_;
  std::condition_variable posted_, ended_;
  std::deque<std::function<absl::Status()>> calls_;
  int64_t posted_count_ = 0, ended_count_ = 0;
  absl::Status status_;
  std::vector<Span> spans_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_COLLECTIVE_QUEUE_H_
