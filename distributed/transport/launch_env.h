// LaunchEnv: which rank of how many this process was started as, by whichever launcher, and where
// the ranks of the run meet.
//
//   STRATA_ASSIGN_OR_RETURN(LaunchEnv env, FromEnvironment());
//   if (env.rank == 0) Report();
//
// Read in this order; the first whose rank variable is set counts:
//   torchrun, `strata launch` and scripts by hand ("env"):
//     RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE; run: TORCHELASTIC_RUN_ID
//   Open MPI's mpirun ("mpirun"):
//     OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK, _LOCAL_SIZE; run: PMIX_NAMESPACE
//   Slurm's srun ("srun"):
//     SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID; run: SLURM_JOB_ID and SLURM_STEP_ID
// None: one rank. Beside any of them:
//   MASTER_ADDR, MASTER_PORT   where rank 0 listens. Without: under mpirun 127.0.0.1 when all ranks
//                              are on one machine; under srun the first host of SLURM_STEP_NODELIST
//                              (or SLURM_NODELIST, SLURM_JOB_NODELIST), or SLURM_LAUNCH_NODE_IPADDR;
//                              and under both a port in [20000, 30000) that follows from the run
//   STRATA_GENERATION (or TORCHELASTIC_RESTART_COUNT)   how often the run was started again: ranks
//                              of different generations do not mix
//   STRATA_TIMEOUT             seconds that a rank waits for others, 300 without
#ifndef STRATA_DISTRIBUTED_TRANSPORT_LAUNCH_ENV_H_
#define STRATA_DISTRIBUTED_TRANSPORT_LAUNCH_ENV_H_

#include <chrono>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::distributed {

struct LaunchEnv {
  std::string launcher = "none";  // "env", "mpirun", "srun"
  int rank = 0;                   // [0, size)
  int size = 1;
  int local_rank = 0;          // on this machine, [0, size); 0 when the launcher does not say
  int local_size = 0;          // ranks on this machine, [0, size]; 0 when the launcher does not say
  std::string master_address;  // "" when not known
  int master_port = 0;         // 0 when not known
  std::string run_id;          // the same on all ranks of a run; "" when nothing says
  std::chrono::nanoseconds timeout = std::chrono::minutes(5);
};

// INVALID_ARGUMENT names the variable, its value and what it must be.
absl::StatusOr<LaunchEnv> FromEnvironment();

// The same with variables from elsewhere: nullptr for one that is not set.
absl::StatusOr<LaunchEnv> FromVariables(const std::function<const char*(const char*)>& variable);

// INVALID_ARGUMENT when a program asks `transport` for another number of ranks than the launcher
// started; 0 asks for none.
absl::Status CheckRanks(absl::string_view transport, int ranks, const LaunchEnv& env);

// The first host of a list as Slurm writes it: "node[003-005,9],gpu1" is "node003".
std::string FirstHost(absl::string_view host_list);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_LAUNCH_ENV_H_
