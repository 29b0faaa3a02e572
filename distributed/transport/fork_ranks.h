// ForkRanks: the ranks of a test as processes of their own, that may be killed.
//
//   const std::vector<RankEnd> ends = ForkRanks(2, [](const LaunchEnv& env) -> absl::Status {
//     STRATA_ASSIGN_OR_RETURN(auto world, TcpWorld(env));
//     if (env.rank == 1) raise(SIGKILL);
//     return world->local[0]->Barrier();
//   });
//   EXPECT_EQ(ends[1].signal, SIGKILL);
//   EXPECT_THAT(ends[0].status, StatusIs(absl::StatusCode::kUnavailable));
//
// To be called while the process has one thread, as it forks.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_FORK_RANKS_H_
#define STRATA_DISTRIBUTED_TRANSPORT_FORK_RANKS_H_

#include <functional>
#include <vector>

#include "base/status.h"
#include "distributed/transport/launch_env.h"

namespace strata::distributed {

struct RankEnd {
  absl::Status status;  // what the body returned; CANCELLED when it did not return
  int signal = 0;       // that ended the process; 0 for none
};

// One a rank, when all have ended. The environment of each says this machine, a free port, a run of
// its own and a time-out of 20 s.
std::vector<RankEnd> ForkRanks(int ranks,
                               const std::function<absl::Status(const LaunchEnv&)>& body);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_FORK_RANKS_H_
