// A connection between every two ranks of a run, by the meeting at MASTER_ADDR and MASTER_PORT.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_TCP_MESH_H_
#define STRATA_DISTRIBUTED_TRANSPORT_TCP_MESH_H_

#include <vector>

#include "base/status.h"
#include "distributed/transport/launch_env.h"
#include "distributed/transport/socket.h"

namespace strata::distributed {

// One socket a rank; this rank's own is closed. Errors: see TcpWorld().
absl::StatusOr<std::vector<Socket>> ConnectMesh(const LaunchEnv& env);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_TCP_MESH_H_
