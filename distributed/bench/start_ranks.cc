#include "distributed/bench/start_ranks.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/transport/free_port.h"
#include "distributed/transport/world.h"

namespace strata::distributed {
namespace {

absl::Status RunRank(const std::string& transport, int ranks,
                     const std::function<absl::Status(Transport&)>& body) {
  STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<World> world,
                          WorldRegistry().Create(transport, ranks));
  return RunRanks(*world, body);
}

void SetLaunch(int rank, int ranks, int port) {
  setenv("RANK", absl::StrCat(rank).c_str(), 1);
  setenv("LOCAL_RANK", absl::StrCat(rank).c_str(), 1);
  setenv("WORLD_SIZE", absl::StrCat(ranks).c_str(), 1);
  setenv("MASTER_ADDR", "127.0.0.1", 1);
  setenv("MASTER_PORT", absl::StrCat(port).c_str(), 1);
}

[[noreturn]] void BeRank(int rank, const std::string& transport, int ranks, int port,
                         const std::function<absl::Status(Transport&)>& body) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  SetLaunch(rank, ranks, port);
  const absl::Status status = RunRank(transport, ranks, body);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::_Exit(status.ok() ? 0 : 1);
}

}  // namespace

void KeepToOneCore(int rank, int ranks) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) < ranks) return;
  int core = -1;
  for (int left = rank; left >= 0; --left) {
    do {
      ++core;
    } while (!CPU_ISSET(core, &allowed));
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  sched_setaffinity(0, sizeof(one), &one);  // it is only about noise
}

absl::Status StartRanks(const std::string& transport, int ranks,
                        const std::function<absl::Status(Transport&)>& body) {
  if (transport == "thread") return RunRank(transport, ranks, body);
  STRATA_ASSIGN_OR_RETURN(const int port, FreePort());
  std::vector<pid_t> others;
  for (int rank = 1; rank < ranks; ++rank) {
    const pid_t child = fork();
    if (child < 0) return absl::UnavailableError("cannot start a process for a rank");
    if (child == 0) BeRank(rank, transport, ranks, port, body);
    others.push_back(child);
  }
  SetLaunch(0, ranks, port);
  absl::Status status = RunRank(transport, ranks, body);
  for (size_t k = 0; k < others.size(); ++k) {
    int end = 0;
    waitpid(others[k], &end, 0);
    if (status.ok() && end != 0)
      status =
          absl::UnavailableError(absl::StrCat("rank ", k + 1, " failed; see its message above"));
  }
  return status;
}

}  // namespace strata::distributed
