// KeepAlive: lets streams that have been silent for long say that they live, so that proxies and clients do not give up.
//
//   KeepAlive keep_alive(std::chrono::seconds(15));
//   keep_alive.Add(stream);       // std::weak_ptr: a stream that is gone is forgotten
//
// One thread. Thread-safe.
#ifndef STRATA_INFERENCE_SERVER_KEEP_ALIVE_H_
#define STRATA_INFERENCE_SERVER_KEEP_ALIVE_H_

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace strata::inference {

class Pinged {
 public:
  virtual ~Pinged() = default;
  // Says something if nothing was said since `now - silence`.
  virtual void Ping(std::chrono::steady_clock::time_point now,
                    std::chrono::steady_clock::duration silence) = 0;
};

class KeepAlive {
 public:
  // Streams are asked four times an interval. An interval of 0 turns it off.
  explicit KeepAlive(std::chrono::milliseconds interval);
  ~KeepAlive();
  KeepAlive(const KeepAlive&) = delete;
  KeepAlive& operator=(const KeepAlive&) = delete;

  void Add(std::weak_ptr<Pinged> stream);

 private:
  void Loop();

  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::weak_ptr<Pinged>> streams_;
  bool stop_ = false;
  std::thread thread_;  // last
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_KEEP_ALIVE_H_
