// WorkerPool: a fixed number of threads that take tasks from a bounded queue, first come, first served.
//
//   WorkerPool pool(/*threads=*/4, /*max_queued=*/64);
//   if (!pool.Submit([] { Work(); })) SayBusy();
//
// Thread-safe. Tasks must not throw.
#ifndef STRATA_INFERENCE_SERVER_WORKER_POOL_H_
#define STRATA_INFERENCE_SERVER_WORKER_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace strata::inference {

class WorkerPool {
 public:
  WorkerPool(int threads, size_t max_queued);
  // Stops.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False, and the task is dropped, when the queue is full or the pool has stopped.
  bool Submit(std::function<void()> task);

  // Tasks that wait for a thread.
  size_t queued() const;

  // Drops the tasks that wait and returns when those that run are done. Idempotent.
  void Stop();

 private:
  void Run();

  const size_t max_queued_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stopped_ = false;
  size_t idle_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_WORKER_POOL_H_
