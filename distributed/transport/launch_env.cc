#include "distributed/transport/launch_env.h"

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace strata::distributed {
namespace {

struct Convention {
  const char* launcher;
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* local_size;        // nullptr: the launcher has none
  std::vector<const char*> run;  // all that are set, joined
};

const std::vector<Convention>& Conventions() {
  static const auto* conventions = new std::vector<Convention>{
      {"env", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", {"TORCHELASTIC_RUN_ID"}},
      {"mpirun",
       "OMPI_COMM_WORLD_RANK",
       "OMPI_COMM_WORLD_SIZE",
       "OMPI_COMM_WORLD_LOCAL_RANK",
       "OMPI_COMM_WORLD_LOCAL_SIZE",
       {"PMIX_NAMESPACE"}},
      {"srun",
       "SLURM_PROCID",
       "SLURM_NTASKS",
       "SLURM_LOCALID",
       nullptr,
       {"SLURM_JOB_ID", "SLURM_STEP_ID"}},
  };
  return *conventions;
}

using Variables = std::function<const char*(const char*)>;

// An integer in [low, high).
absl::StatusOr<int> Number(const char* name, const char* text, int low, int high) {
  int number = 0;
  if (absl::SimpleAtoi(text, &number) && number >= low && number < high) return number;
  return absl::InvalidArgumentError(absl::StrCat("environment variable ", name, ": '", text,
                                                 "' is not a whole number in [", low, ", ", high,
                                                 ")"));
}

const char* FirstSet(const Variables& variable, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = variable(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return nullptr;
}

std::string RunId(const Convention& names, const Variables& variable) {
  std::vector<std::string> parts;
  for (const char* name : names.run) {
    if (const char* value = variable(name)) parts.push_back(value);
  }
  if (const char* generation =
          FirstSet(variable, {"STRATA_GENERATION", "TORCHELASTIC_RESTART_COUNT"})) {
    parts.push_back(absl::StrCat("g", generation));
  }
  return absl::StrJoin(parts, ".");
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
  const char* local_size = names.local_size == nullptr ? nullptr : variable(names.local_size);
  if (local_size != nullptr) {
    STRATA_ASSIGN_OR_RETURN(
        env->local_size, Number(names.local_size, local_size, env->local_rank + 1, env->size + 1));
  }
  env->run_id = RunId(names, variable);
  return absl::OkStatus();
}

// FNV-1a: all ranks come to the same port, runs at the same time mostly to different ones.
int PortOf(absl::string_view run_id) {
  uint32_t hash = 2166136261u;
  for (char c : run_id) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return 20000 + static_cast<int>(hash % 10000);
}

// What the launcher's own variables tell of where rank 0 is.
void GuessMaster(const Variables& variable, LaunchEnv* env) {
  if (env->launcher == "mpirun" && env->local_size == env->size) {
    env->master_address = "127.0.0.1";
  }
  if (env->launcher == "srun") {
    const char* hosts =
        FirstSet(variable, {"SLURM_STEP_NODELIST", "SLURM_NODELIST", "SLURM_JOB_NODELIST"});
    const char* launch_node = FirstSet(variable, {"SLURM_LAUNCH_NODE_IPADDR"});
    if (launch_node != nullptr) env->master_address = launch_node;
    if (hosts != nullptr) env->master_address = FirstHost(hosts);
  }
  if (env->launcher == "mpirun" || env->launcher == "srun") env->master_port = PortOf(env->run_id);
}

}  // namespace

absl::StatusOr<LaunchEnv> FromVariables(const Variables& variable) {
  LaunchEnv env;
  for (const Convention& names : Conventions()) {
    if (variable(names.rank) == nullptr) continue;
    STRATA_RETURN_IF_ERROR(ReadRanks(names, variable, &env));
    break;
  }
  GuessMaster(variable, &env);
  if (const char* address = variable("MASTER_ADDR")) env.master_address = address;
  if (const char* port = variable("MASTER_PORT")) {
    STRATA_ASSIGN_OR_RETURN(env.master_port, Number("MASTER_PORT", port, 1, 65536));
  }
  if (const char* timeout = variable("STRATA_TIMEOUT")) {
    STRATA_ASSIGN_OR_RETURN(const int seconds, Number("STRATA_TIMEOUT", timeout, 1, 1000000));
    env.timeout = std::chrono::seconds(seconds);
  }
  return env;
}

absl::StatusOr<LaunchEnv> FromEnvironment() {
  return FromVariables([](const char* name) -> const char* { return std::getenv(name); });
}

absl::Status CheckRanks(absl::string_view transport, int ranks, const LaunchEnv& env) {
  if (ranks == 0 || ranks == env.size) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      transport, ": ", ranks, " ranks are asked for, but this run has ", env.size,
      "; start it with: strata launch -n ", ranks, ", or set RANK and WORLD_SIZE in each process"));
}

std::string FirstHost(absl::string_view host_list) {
  std::string host;
  bool in_brackets = false, skips = false;
  for (char c : host_list) {
    if (c == '[') {
      in_brackets = true;
    } else if (c == ']') {
      in_brackets = skips = false;
    } else if (in_brackets) {
      skips = skips || c == '-' || c == ',';
      if (!skips) host += c;
    } else if (c == ',') {
      break;
    } else {
      host += c;
    }
  }
  return host;
}

}  // namespace strata::distributed
