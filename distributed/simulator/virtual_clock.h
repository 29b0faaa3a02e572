// VirtualClock: a rank's time in a simulated run, and what it did with it.
#ifndef STRATA_DISTRIBUTED_SIMULATOR_VIRTUAL_CLOCK_H_
#define STRATA_DISTRIBUTED_SIMULATOR_VIRTUAL_CLOCK_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "chips/timeline/timeline.pb.h"

namespace strata::distributed {

// Of one rank's thread.
class VirtualClock {
 public:
  struct Span {
    std::string name;       // "send to 2", "to 2 from 1"
    std::string category;   // of a timeline: "collective", "host"
    double start, end;      // seconds
    double bytes = 0;       // sent and received
    std::string link = {};  // the level that it went over: what bounds it
  };

  double now() const { return now_; }  // seconds from the run's beginning

  // The rank computes for so long, under this name.
  void Spend(double seconds, const std::string& name) {
    const double start = now_;
    now_ += seconds;
    if (recording_) spans_.push_back({name, "host", start, now_});
  }

  // It is no earlier than this; where it was, the rank waited.
  void WaitUntil(double seconds) {
    if (seconds > now_) now_ = seconds;
  }

  // From the beginning again, for another measurement in the same run: behind a barrier, so that no message of before
  // is on its way.
  void Restart() {
    now_ = 0;
    spans_.clear();
  }

  void set_recording(bool recording) { recording_ = recording; }
  bool recording() const { return recording_; }
  void Record(Span span) { spans_.push_back(std::move(span)); }
  const std::vector<Span>& spans() const { return spans_; }

 private:
  double now_ = 0;
  bool recording_ = false;
  std::vector<Span> spans_;
};

// A lane a rank; what was recorded, SIMULATED. After the run.
chips::Timeline ToTimeline(const std::string& name, absl::Span<const VirtualClock* const> ranks);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_SIMULATOR_VIRTUAL_CLOCK_H_
