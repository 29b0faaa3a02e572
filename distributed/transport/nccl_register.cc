// What is the same with and without NCCL.
#include "distributed/transport/nccl_transport.h"

namespace strata::distributed {
namespace {

absl::StatusOr<std::unique_ptr<World>> MakeWorld(int ranks) {
  STRATA_ASSIGN_OR_RETURN(const LaunchEnv env, FromEnvironment());
  STRATA_RETURN_IF_ERROR(CheckRanks("nccl", ranks, env));
  return NcclWorld(env);
}

}  // namespace

void RegisterNcclTransport() { WorldRegistry().Register("nccl", MakeWorld); }

}  // namespace strata::distributed
