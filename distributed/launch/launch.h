// Starts the ranks of a run on this machine and sees them to their end: `strata launch`.
//
//   LaunchOptions options;
//   options.ranks = 4;
//   options.command = {"strata", "train", "recipe.textproto"};
//   STRATA_ASSIGN_OR_RETURN(LaunchResult result, Launch(options));
//   return result.exit_code;
//
// Each rank is a process with the variables of torchrun: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, GROUP_RANK,
// MASTER_ADDR, MASTER_PORT, TORCHELASTIC_RUN_ID; with STRATA_TRANSPORT (what WorldRegistry() is to be asked for) and
// STRATA_GENERATION (0, then one more at each restart), and STRATA_TIMEOUT when it is given. Its output lines are passed
// on as "[RANK] line".
//
// When a rank fails, the others are told to end (SIGTERM) and killed after the grace time; the first failure is reported
// with its rank, its exit status or signal and its last lines. Then the run starts anew, as long as restarts are left:
// all ranks again, a new rendezvous (another MASTER_PORT), the next generation. What the ranks had done is theirs to
// find again: from a checkpoint. With min_ranks < ranks a generation is one rank smaller than the one that failed, but
// never below min_ranks; discovery makes it smaller or larger as the machine has room.
//
// SIGINT, SIGTERM and SIGHUP are passed on to all ranks, which have the grace time to end; a second one kills.
#ifndef STRATA_DISTRIBUTED_LAUNCH_LAUNCH_H_
#define STRATA_DISTRIBUTED_LAUNCH_LAUNCH_H_

#include <functional>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "distributed/launch/launch_options.h"
#include "distributed/launch/process_group.h"

namespace strata::distributed {

// What a generation came to.
struct GenerationReport {
  int ranks = 0;
  bool failed = false;
  bool resized = false;  // ended because discovery found another number
  RankExit first;        // with `failed`
  int others = 0;        // with `failed`: ranks that were ended because of it
};

struct LaunchResult {
  int exit_code =
      0;  // of the last generation's first failure, 128 + signal as a shell has it; 0 when all ended well
  int interrupted = 0;  // the signal that ended the run; 0 when none did
  std::vector<GenerationReport> generations;
};

// Where lines go; tests catch them. By default standard output and standard error, by stream.
using LaunchPrinter = std::function<void(ProcessGroup::Stream stream, absl::string_view line)>;
void PrintLine(ProcessGroup::Stream stream, absl::string_view line);

// INVALID_ARGUMENT names the option that is wrong, by its flag; NOT_FOUND a program that cannot be run. A rank's failure
// is no error here: it is in the result. For the main thread of a program, once at a time.
absl::StatusOr<LaunchResult> Launch(const LaunchOptions& options,
                                    const LaunchPrinter& print = PrintLine);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_LAUNCH_LAUNCH_H_
