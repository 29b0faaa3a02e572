// LaunchEnv: which rank of how many this process was started as, by whichever launcher.
//
//   STRATA_ASSIGN_OR_RETURN(LaunchEnv env, FromEnvironment());
//   if (env.rank == 0) Report();
//
// Read in this order; the first whose rank variable is set counts:
//   RANK, WORLD_SIZE, LOCAL_RANK                                    torchrun and scripts by hand
//   OMPI_COMM_WORLD_RANK, OMPI_COMM_WORLD_SIZE, OMPI_COMM_WORLD_LOCAL_RANK    Open MPI's mpirun
//   SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID                       Slurm's srun
// None: one rank. MASTER_ADDR and MASTER_PORT are read beside any of them.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_LAUNCH_ENV_H_
#define STRATA_DISTRIBUTED_TRANSPORT_LAUNCH_ENV_H_

#include <functional>
#include <string>

#include "base/status.h"

namespace strata::distributed {

struct LaunchEnv {
  std::string launcher = "none";  // "env", "mpirun", "srun"
  int rank = 0;                   // [0, size)
  int size = 1;
  int local_rank = 0;          // on this machine, [0, size); 0 when the launcher does not say
  std::string master_address;  // "" when not given
  int master_port = 0;         // 0 when not given
};

// INVALID_ARGUMENT names the variable, its value and what it must be.
absl::StatusOr<LaunchEnv> FromEnvironment();

// The same with variables from elsewhere: nullptr for one that is not set.
absl::StatusOr<LaunchEnv> FromVariables(const std::function<const char*(const char*)>& variable);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_LAUNCH_ENV_H_
