// Sends the requests of a load at their times and takes what each saw.
//
//   STRATA_ASSIGN_OR_RETURN(auto target, CompletionTarget::Create("http://127.0.0.1:8000", {}));
//   WallClock clock;
//   const LoadRun run = RunLoad(*target, requests, times, {.max_concurrency = 16}, &clock);
//   const ServingMeasures measures = Summarize(run.timings, run.duration, {});
//
// Each request under way has a thread, as it waits for its stream most of the time. With `max_concurrency` a request whose
// time has come waits until another ends; its own clock starts when it is sent (as in `vllm bench serve`).
#ifndef STRATA_INFERENCE_LOAD_LOAD_GENERATOR_H_
#define STRATA_INFERENCE_LOAD_LOAD_GENERATOR_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "inference/load/load_requests.h"
#include "inference/load/request_timing.h"

namespace strata::inference {

// The time of a run, in seconds. Thread-safe.
class LoadClock {
 public:
  virtual ~LoadClock() = default;
  virtual double Now() const = 0;
  virtual void SleepUntil(double time) = 0;
};

// Real time since it was made.
class WallClock : public LoadClock {
 public:
  double Now() const override;
  void SleepUntil(double time) override;

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// What takes requests: a server, or an engine in this process. Thread-safe.
class LoadTarget {
 public:
  virtual ~LoadTarget() = default;
  // Returns when the answer has ended; failures are in the timing.
  virtual RequestTiming Send(const LoadRequest& request, const LoadClock& clock) = 0;
};

struct LoadProgress {
  int64_t sent = 0;
  int64_t done = 0;  // failed ones too
  int64_t failed = 0;
  int64_t output_tokens = 0;
  double seconds = 0;  // since the run began
};

struct LoadOptions {
  int64_t max_concurrency = 0;  // 0: no limit but that of threads (4096)
  // After each request; one call at a time. May be empty.
  std::function<void(const LoadProgress&)> on_progress = {};
};

struct LoadRun {
  std::vector<RequestTiming> timings;  // in the order of the requests
  double duration = 0;                 // from the first sending to the last answer
};

// `times` are as many as `requests`, in order, in seconds from the call on.
LoadRun RunLoad(LoadTarget& target, absl::Span<const LoadRequest> requests,
                absl::Span<const double> times, const LoadOptions& options, LoadClock* clock);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_LOAD_LOAD_GENERATOR_H_
