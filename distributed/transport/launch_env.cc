#include "distributed/transport/launch_env.h"

#include <cstdlib>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

struct Convention {
  const char* launcher;
  const char* rank;
  const char* size;
  const char* local_rank;
};

constexpr Convention kConventions[] = {
    {"env", "RANK", "WORLD_SIZE", "LOCAL_RANK"},
    {"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
    {"srun", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"},
};

using Variables = std::function<const char*(const char*)>;

// An integer in [low, high).
absl::StatusOr<int> Number(const char* name, const char* text, int low, int high) {
  int number = 0;
  if (absl::SimpleAtoi(text, &number) && number >= low && number < high) return number;
  return absl::InvalidArgumentError(absl::StrCat("environment variable ", name, ": '", text,
                                                 "' is not a whole number in [", low, ", ", high,
                                                 ")"));
}

absl::Status ReadRanks(const Convention& names, const Variables& variable, LaunchEnv* env) {
  env->launcher = names.launcher;
  const char* size = variable(names.size);
  if (size == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("environment variable ", names.size,
                                                   ": is not set, but ", names.rank,
                                                   " is; set both or neither"));
  }
  STRATA_ASSIGN_OR_RETURN(env->size, Number(names.size, size, 1, std::numeric_limits<int>::max()));
  STRATA_ASSIGN_OR_RETURN(env->rank, Number(names.rank, variable(names.rank), 0, env->size));
  if (const char* local = variable(names.local_rank)) {
    STRATA_ASSIGN_OR_RETURN(env->local_rank, Number(names.local_rank, local, 0, env->size));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LaunchEnv> FromVariables(const Variables& variable) {
  LaunchEnv env;
  for (const Convention& names : kConventions) {
    if (variable(names.rank) == nullptr) continue;
    STRATA_RETURN_IF_ERROR(ReadRanks(names, variable, &env));
    break;
  }
  if (const char* address = variable("MASTER_ADDR")) env.master_address = address;
  if (const char* port = variable("MASTER_PORT")) {
    STRATA_ASSIGN_OR_RETURN(env.master_port, Number("MASTER_PORT", port, 1, 65536));
  }
  return env;
}

absl::StatusOr<LaunchEnv> FromEnvironment() {
  return FromVariables([](const char* name) -> const char* { return std::getenv(name); });
}

}  // namespace strata::distributed
