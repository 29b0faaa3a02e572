// RequestTiming: what one request of a load saw; StreamTimer makes it from the arrival of chunks.
//
//   StreamTimer timer(clock.Now());
//   ... for each streamed chunk:  timer.OnChunk(clock.Now());
//   RequestTiming timing = timer.Finish(prompt_tokens, output_tokens);
//
// Definitions are those of `vllm bench serve`: seconds from the sending of the request, on the client's side.
#ifndef STRATA_INFERENCE_LOAD_REQUEST_TIMING_H_
#define STRATA_INFERENCE_LOAD_REQUEST_TIMING_H_

#include <cstdint>
#include <string>
#include <vector>

namespace strata::inference {

struct RequestTiming {
  bool success = false;
  std::string error = {};  // of what failed
  int64_t prompt_tokens = 0;
  int64_t output_tokens = 0;
  double start = 0;               // when it was sent, on the clock of the run
  double ttft = 0;                // to the first chunk
  double latency = 0;             // to the last chunk (of what failed: to the failure)
  std::vector<double> gaps = {};  // between consecutive chunks
};

class StreamTimer {
 public:
  explicit StreamTimer(double start) { timing_.start = start; }

  void OnChunk(double now) {
    const double since = now - timing_.start;
    if (chunks_++ == 0) {
      timing_.ttft = since;
    } else {
      timing_.gaps.push_back(since - timing_.latency);
    }
    timing_.latency = since;
  }

  int64_t chunks() const { return chunks_; }

  // A stream without a chunk is a failure. Token counts of 0 mean that the server gave none: one a chunk is assumed for
  // the output.
  RequestTiming Finish(int64_t prompt_tokens, int64_t output_tokens) const {
    if (chunks_ == 0) return Fail("no token came", timing_.start);
    RequestTiming timing = timing_;
    timing.success = true;
    timing.prompt_tokens = prompt_tokens;
    timing.output_tokens = output_tokens > 0 ? output_tokens : chunks_;
    return timing;
  }

  RequestTiming Fail(std::string error, double now) const {
    RequestTiming timing = timing_;
    timing.error = std::move(error);
    timing.latency = now - timing_.start;
    return timing;
  }

 private:
  RequestTiming timing_;
  int64_t chunks_ = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_LOAD_REQUEST_TIMING_H_
