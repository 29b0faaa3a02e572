#include "distributed/transport/launch_env.h"

#include <map>
#include <string>

#include "base/status_matchers.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
using Variables = std::map<std::string, std::string>;

absl::StatusOr<LaunchEnv> From(const Variables& variables) {
  return FromVariables([&](const char* name) -> const char* {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  });
}

TEST(LaunchEnvTest, AloneWithoutLauncher) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv env, From({}));
  EXPECT_EQ(env.launcher, "none");
  EXPECT_EQ(env.rank, 0);
  EXPECT_EQ(env.size, 1);
  EXPECT_EQ(env.local_rank, 0);
  EXPECT_EQ(env.master_address, "");
  EXPECT_EQ(env.master_port, 0);
}

TEST(LaunchEnvTest, ReadsEachConvention) {
  const std::map<std::string, Variables> launches = {
      {"env", {{"RANK", "5"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}}},
      {"mpirun",
       {{"OMPI_COMM_WORLD_RANK", "5"},
        {"OMPI_COMM_WORLD_SIZE", "8"},
        {"OMPI_COMM_WORLD_LOCAL_RANK", "1"}}},
      {"srun", {{"SLURM_PROCID", "5"}, {"SLURM_NTASKS", "8"}, {"SLURM_LOCALID", "1"}}},
  };
  for (const auto& [launcher, variables] : launches) {
    STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv env, From(variables));
    EXPECT_EQ(env.launcher, launcher);
    EXPECT_EQ(env.rank, 5);
    EXPECT_EQ(env.size, 8);
    EXPECT_EQ(env.local_rank, 1);
  }
}

TEST(LaunchEnvTest, TheFirstConventionCounts) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv env, From({{"OMPI_COMM_WORLD_RANK", "1"},
                                                         {"OMPI_COMM_WORLD_SIZE", "2"},
                                                         {"SLURM_PROCID", "0"},
                                                         {"SLURM_NTASKS", "1"}}));
  EXPECT_EQ(env.launcher, "mpirun");
  EXPECT_EQ(env.rank, 1);
}

TEST(LaunchEnvTest, SlurmAllocationIsNotALaunch) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv env, From({{"SLURM_NTASKS", "16"}}));
  EXPECT_EQ(env.size, 1);
}

TEST(LaunchEnvTest, Rendezvous) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv env,
                              From({{"MASTER_ADDR", "node0"}, {"MASTER_PORT", "29500"}}));
  EXPECT_EQ(env.master_address, "node0");
  EXPECT_EQ(env.master_port, 29500);
}

TEST(LaunchEnvTest, FaultsNameTheVariable) {
  const std::pair<Variables, const char*> faults[] = {
      {{{"RANK", "0"}}, "WORLD_SIZE: is not set, but RANK is"},
      {{{"RANK", "2"}, {"WORLD_SIZE", "2"}}, "RANK: '2' is not a whole number in [0, 2)"},
      {{{"RANK", "-1"}, {"WORLD_SIZE", "2"}}, "RANK: '-1'"},
      {{{"RANK", "one"}, {"WORLD_SIZE", "2"}}, "RANK: 'one'"},
      {{{"RANK", ""}, {"WORLD_SIZE", "2"}}, "RANK: ''"},
      {{{"RANK", "0"}, {"WORLD_SIZE", "0"}}, "WORLD_SIZE: '0'"},
      {{{"RANK", "0"}, {"WORLD_SIZE", "99999999999"}}, "WORLD_SIZE: '99999999999'"},
      {{{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "x"}}, "LOCAL_RANK: 'x'"},
      {{{"SLURM_PROCID", "0"}}, "SLURM_NTASKS: is not set"},
      {{{"MASTER_PORT", "70000"}}, "MASTER_PORT: '70000'"},
  };
  for (const auto& [variables, message] : faults) {
    EXPECT_THAT(From(variables), StatusIs(kInvalid, HasSubstr(message)));
  }
}

}  // namespace
}  // namespace strata::distributed
