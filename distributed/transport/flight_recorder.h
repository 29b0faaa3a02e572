// FlightRecorder: the last operations of one rank, kept so that a run that ends in an error can say
// what every rank was doing. RecordedCollectives (recorded_collectives.h) fills it in.
//
//   FlightRecorder recorder({.rank = 3});
//   const int64_t op = recorder.Begin({"all_reduce", "dp", 1000, chips::F32, "sum"});
//   recorder.End(op, collectives.AllReduce(...));
//   std::cerr << recorder.ToText();
//
//     rank 3: the last 2 of 41 operations
//       #40  all_reduce of 1000 f32 (sum), group 'dp' #12   done     3.120541 s + 88.1 us
//       #41  all_gather of 250 f32, group 'tp' #29          running  3.121003 s
//
// An operation costs two looks at the clock and a few stores; nothing is allocated but for group
// names longer than 15 letters. One thread at a time.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_FLIGHT_RECORDER_H_
#define STRATA_DISTRIBUTED_TRANSPORT_FLIGHT_RECORDER_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "chips/numerics/dtype.h"

namespace strata::distributed {

// What is called.
struct Operation {
  const char* name = "";  // "all_reduce"; lives for ever
  std::string group;      // mesh axes; "" for all ranks
  int64_t count = 0;      // elements as the call names them; -1 when it differs from rank to rank
  chips::DType dtype = chips::DTYPE_UNSPECIFIED;
  const char* detail = "";  // "sum"; lives for ever
  int64_t number = -1;      // root, peer or offset; -1 for none
  bool pair = false;        // between two ranks, not all of the group
  int64_t sequence = 0;     // of the group's calls from 1 on; pairs have none
};

struct FlightRecord {
  enum class State { kRunning, kDone, kFailed };

  Operation operation;
  State state = State::kRunning;
  std::chrono::nanoseconds start{0}, end{0};  // since the recorder was made
  std::string error;
};

// "all_reduce of 1000 f32 (sum), group 'dp' #12".
std::string Describe(const Operation& operation);

class FlightRecorder {
 public:
  struct Options {
    int rank = 0;
    int64_t capacity = 64;       // operations kept, at least 1
    std::string dump_directory;  // where Dump() writes; "" for nowhere
  };

  explicit FlightRecorder(Options options);

  int rank() const { return options_.rank; }

  // The number of the operation, from 1 on.
  int64_t Begin(Operation operation);
  void End(int64_t number, const absl::Status& status);

  int64_t count() const { return count_; }
  // The operation that runs, or the last one. nullptr before the first.
  const FlightRecord* last() const;
  // Those kept, the oldest first.
  std::vector<const FlightRecord*> records() const;

  std::string ToText() const;
  // One object: {"rank": 3, "operations": 41, "records": [{"number": 40, "name": "all_reduce", ...}]}.
  std::string ToJson() const;

  // Writes flight_rank3.txt and flight_rank3.json into the dump directory, if there is one; makes it
  // if need be.
  absl::Status Dump() const;

 private:
  FlightRecord& At(int64_t number) { return ring_[static_cast<size_t>(number - 1) % ring_.size()]; }
  const FlightRecord& At(int64_t number) const {
    return ring_[static_cast<size_t>(number - 1) % ring_.size()];
  }
  int64_t first() const;
  std::chrono::nanoseconds Now() const;

  Options options_;
  std::chrono::steady_clock::time_point begin_;
  std::vector<FlightRecord> ring_;
  int64_t count_ = 0;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_FLIGHT_RECORDER_H_
