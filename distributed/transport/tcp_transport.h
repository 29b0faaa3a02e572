// The tcp transport: ranks are processes, on one machine or many, that talk over sockets.
//
//   RANK=0 WORLD_SIZE=2 MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 ./train --transport=tcp   # here
//   RANK=1 WORLD_SIZE=2 MASTER_ADDR=10.0.0.1 MASTER_PORT=29500 ./train --transport=tcp   # there
//
// Rank 0 listens at MASTER_PORT; the others connect until they are let in or the time is over, and
// each says hello with magic, version, rank, size and run (hello.h). When all have come, rank 0
// closes the port and tells everybody where everybody listens; then every two ranks have a
// connection of their own, IPv4 or IPv6 as MASTER_ADDR resolves, and no port is open any more.
//
// A peer that is killed is UNAVAILABLE at once, as the kernel closes its connections; a machine that
// is cut off, after some 15 s of silence or at the time-out, whichever is first. Nothing is
// encrypted or proved: run it in a network of your own.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_TCP_TRANSPORT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_TCP_TRANSPORT_H_

#include <memory>

#include "base/status.h"
#include "distributed/transport/launch_env.h"
#include "distributed/transport/world.h"

namespace strata::distributed {

// The run that `env` tells of: rank, size, master_address and master_port, run_id, timeout (for the
// meeting, and of the transport). DEADLINE_EXCEEDED names who did not come, or what a rank met at
// the address; FAILED_PRECONDITION why rank 0 refused this one; INVALID_ARGUMENT what is not set.
absl::StatusOr<std::unique_ptr<World>> TcpWorld(const LaunchEnv& env);

// Adds "tcp" to WorldRegistry(): the run that the environment tells of (launch_env.h). Without a
// launcher it is a run of one rank.
void RegisterTcpTransport();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_TCP_TRANSPORT_H_
