// The ranks of one run that this process started: their output line by line, their ends in the order they came, and an
// end for all of them, whatever they do.
//
//   STRATA_ASSIGN_OR_RETURN(auto group, ProcessGroup::Start(std::move(processes), sink));
//   while (group->running() > 0) {
//     for (const RankExit& exit : group->Wait(std::chrono::milliseconds(100))) ...
//   }
//
// For one thread, which must outlive the group: the ranks die with it.
#ifndef STRATA_DISTRIBUTED_LAUNCH_PROCESS_GROUP_H_
#define STRATA_DISTRIBUTED_LAUNCH_PROCESS_GROUP_H_

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "distributed/launch/rank_process.h"

namespace strata::distributed {

// How a rank ended.
struct RankExit {
  int rank = 0;
  int code = 0;                         // of exit(); 0 when a signal ended it
  int signal = 0;                       // that ended it; 0 when it called exit()
  std::vector<std::string> last_lines;  // of its output, oldest first; empty when not captured

  bool failed() const { return code != 0 || signal != 0; }
  int shell_code() const { return signal != 0 ? 128 + signal : code; }
};

// "rank 2 was ended by signal 9 (Killed)", "rank 0 exited with 3".
std::string Describe(const RankExit& exit);

class ProcessGroup {
 public:
  using Duration = std::chrono::milliseconds;
  enum class Stream { kOutput, kError };
  // Is given each line without its end; a last line without an end, too.
  using LineSink = std::function<void(int rank, Stream stream, absl::string_view line)>;

  static constexpr size_t kLastLines = 10;

  // Starts all; when one cannot be started those before it are killed and the error names its rank. Without a sink the
  // ranks write where this process does.
  static absl::StatusOr<std::unique_ptr<ProcessGroup>> Start(
      const std::vector<RankProcess>& processes, LineSink sink);
  ~ProcessGroup();  // kills what runs
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  // Passes output on until a rank ends, `wake_fd` (when not -1) can be read or the time is over. Those that ended, with
  // all their output passed on before.
  std::vector<RankExit> Wait(Duration timeout, int wake_fd = -1);

  // Of `exits`, which Wait() gave, the rank that failed first, as far as that can be told; none when none failed. A signal
  // is never the consequence of another's failure, an exit code may be: peers may hear of a dying process before the
  // system reports its end. So when there are exit codes only, others are waited for kSettle long.
  static constexpr Duration kSettle{100};
  std::optional<RankExit> FirstFailure(const std::vector<RankExit>& exits);

  // Asks all that run to end (SIGTERM), kills those that have not within `grace`, and gives their exits.
  std::vector<RankExit> Stop(Duration grace);

  void Signal(int signal);                // to all that run, and what they started
  void SignalRank(int rank, int signal);  // nothing when it does not run
  int running() const;

 private:
  struct Channel {
    int fd = -1;
    Stream stream;
    std::string line;  // what came since the last line's end
  };
  struct Child {
    int rank = 0;
    pid_t pid = -1;
    int exit_fd = -1;
    Channel channels[2];
    std::deque<std::string> last_lines;
  };

  explicit ProcessGroup(LineSink sink) : sink_(std::move(sink)) {}
  void Drain(Child* child, Channel* channel);
  void Pass(Child* child, Channel* channel, absl::string_view line);
  // Ranks that have ended by now.
  std::vector<RankExit> Reap();
  void Poll(Duration timeout, int wake_fd);

  LineSink sink_;
  std::vector<Child> children_;  // that run
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_LAUNCH_PROCESS_GROUP_H_
