// The nccl transport: ranks are processes with a GPU each, and messages go by NCCL: over NVLink
// within a machine, over the network's RDMA between machines.
//
//   strata launch -n 8 -- train recipe.textproto --transport=nccl
//
// Control goes by tcp (tcp_transport.h): the meeting, and a small message before each large one
// that says tag and size, as NCCL itself knows neither; so errors are those of tcp, and a peer that
// is killed is noticed there. Messages of at most kNcclSmallBytes go by tcp altogether. Larger ones
// are copied to the GPU and from it, as the contract's memory is the host's.
//
// It is compiled where CUDA and NCCL are (third_party/cuda), and the libraries are loaded when a run
// asks for them, so that programs start on machines without a GPU. Elsewhere it is registered all
// the same, and says what is missing.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_NCCL_TRANSPORT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_NCCL_TRANSPORT_H_

#include <cstddef>
#include <memory>

#include "base/status.h"
#include "distributed/transport/launch_env.h"
#include "distributed/transport/world.h"

namespace strata::distributed {

inline constexpr size_t kNcclSmallBytes = 64 << 10;

// The run that `env` tells of; rank r uses GPU local_rank of its machine. FAILED_PRECONDITION says
// what is missing and where to get it: the libraries when this was built, or now, or a GPU. Others:
// see TcpWorld().
absl::StatusOr<std::unique_ptr<World>> NcclWorld(const LaunchEnv& env);

// Adds "nccl" to WorldRegistry().
void RegisterNcclTransport();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_NCCL_TRANSPORT_H_
