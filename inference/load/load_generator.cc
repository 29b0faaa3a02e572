#include "inference/load/load_generator.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace strata::inference {
namespace {

constexpr int64_t kMostThreads = 4096;

// Threads that take the indices of requests from a queue; one more is started whenever none is free.
class Senders {
 public:
  Senders(LoadTarget& target, absl::Span<const LoadRequest> requests, const LoadOptions& options,
          const LoadClock& clock)
      : target_(target),
        requests_(requests),
        options_(options),
        clock_(clock),
        begin_(clock.Now()),
        limit_(options.max_concurrency > 0 ? std::min(options.max_concurrency, kMostThreads)
                                           : kMostThreads),
        timings_(requests.size()) {}

  void Queue(size_t index) {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(index);
    ++progress_.sent;
    if (static_cast<int64_t>(queue_.size()) > idle_ &&
        static_cast<int64_t>(threads_.size()) < limit_) {
      threads_.emplace_back([this] { Run(); });
    }
    changed_.notify_one();
  }

  // Waits for all answers.
  std::vector<RequestTiming> Finish() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
      changed_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
    return std::move(timings_);
  }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      ++idle_;
      changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
      --idle_;
      if (queue_.empty()) return;
      const size_t index = queue_.front();
      queue_.pop_front();
      lock.unlock();
      RequestTiming timing = target_.Send(requests_[index], clock_);
      lock.lock();
      Record(index, std::move(timing));
    }
  }

  void Record(size_t index, RequestTiming timing) {
    ++progress_.done;
    if (!timing.success) ++progress_.failed;
    progress_.output_tokens += timing.success ? timing.output_tokens : 0;
    progress_.seconds = clock_.Now() - begin_;
    timings_[index] = std::move(timing);
    if (options_.on_progress) options_.on_progress(progress_);
  }

  LoadTarget& target_;
  const absl::Span<const LoadRequest> requests_;
  const LoadOptions& options_;
  const LoadClock& clock_;
  const double begin_;
  const int64_t limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<size_t> queue_;
  std::vector<RequestTiming> timings_;
  LoadProgress progress_;
  int64_t idle_ = 0;
  bool closed_ = false;
  std::vector<std::thread> threads_;  // last: they use the rest
};

}  // namespace

double WallClock::Now() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void WallClock::SleepUntil(double time) {
  std::this_thread::sleep_until(start_ +
                                std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                    std::chrono::duration<double>(time)));
}

LoadRun RunLoad(LoadTarget& target, absl::Span<const LoadRequest> requests,
                absl::Span<const double> times, const LoadOptions& options, LoadClock* clock) {
  const double begin = clock->Now();
  Senders senders(target, requests, options, *clock);
  for (size_t i = 0; i < requests.size(); ++i) {
    clock->SleepUntil(begin + times[i]);
    senders.Queue(i);
  }
  LoadRun run;
  run.timings = senders.Finish();
  run.duration = clock->Now() - begin;
  return run;
}

}  // namespace strata::inference
