// One rank as a child process: a program, or a function in a forked copy of this process.
//
//   RankProcess process{.rank = 2, .argv = {"strata", "train", "r.textproto"}, .environment = {{"RANK", "2"}}};
//   STRATA_ASSIGN_OR_RETURN(StartedProcess started, StartProcess(process, /*capture=*/true));
//
// The child leads a process group of its own, so that what it starts ends with it, and dies with the thread that started
// it (PR_SET_PDEATHSIG): a launcher that is killed leaves no orphan.
#ifndef STRATA_DISTRIBUTED_LAUNCH_RANK_PROCESS_H_
#define STRATA_DISTRIBUTED_LAUNCH_RANK_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace strata::distributed {

struct RankProcess {
  int rank = 0;
  std::vector<std::string> argv;  // the program, looked up on PATH, and its arguments
  // Set beside this process's variables, over those of the same name.
  std::vector<std::pair<std::string, std::string>> environment;
  // Instead of argv: what the child does before it exits with the result. The child is a fork: it has this thread only,
  // so no other thread of this process may hold a lock at that moment.
  std::function<int()> body;
};

struct StartedProcess {
  pid_t pid = -1;
  int exit_fd = -1;  // readable once the process ended (a pidfd); -1 where the kernel has none
  int out_fd =
      -1;  // read ends of its standard output and error, non-blocking; -1 when not captured
  int err_fd = -1;
};

// Starts it with an empty standard input (/dev/null). With `capture` its output goes to pipes, else where this process's
// goes. NOT_FOUND when the program cannot be run, INVALID_ARGUMENT when there is nothing to run.
absl::StatusOr<StartedProcess> StartProcess(const RankProcess& process, bool capture);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_LAUNCH_RANK_PROCESS_H_
