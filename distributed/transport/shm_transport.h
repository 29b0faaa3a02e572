// The shm transport: ranks are processes of one machine that share memory.
//
//   RANK=0 WORLD_SIZE=2 ./train --transport=shm & RANK=1 WORLD_SIZE=2 ./train --transport=shm
//
// Rank 0 makes the memory and hands it to the others over a local socket, whose name follows from
// the user, the run and MASTER_ADDR and MASTER_PORT. Neither has a name in a file system: nothing is
// left in /dev/shm or /tmp, whoever is killed when. From then on a message is copied into a ring
// (256 KiB for up to 8 ranks) and out of it, or reduced in place; a rank that waits does so awake
// for some 30 us, then on a futex. A peer that is killed is UNAVAILABLE within some 20 ms.
//
// The ranks must see each other's process ids: not in containers of their own. Use tcp there.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_SHM_TRANSPORT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_SHM_TRANSPORT_H_

#include <memory>

#include "base/status.h"
#include "distributed/transport/launch_env.h"
#include "distributed/transport/world.h"

namespace strata::distributed {

// The run that `env` tells of. DEADLINE_EXCEEDED names who did not come, FAILED_PRECONDITION why
// rank 0 refused this one, INVALID_ARGUMENT when not all ranks are on this machine.
absl::StatusOr<std::unique_ptr<World>> ShmWorld(const LaunchEnv& env);

// All ranks in this process, for tests of what goes through the memory.
absl::StatusOr<std::unique_ptr<World>> ShmThreads(int ranks);

// Adds "shm" to WorldRegistry(): the run that the environment tells of (launch_env.h). Without a
// launcher it is a run of one rank.
void RegisterShmTransport();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_SHM_TRANSPORT_H_
