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

TEST(LaunchEnvTest, RanksOfThisMachine) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const LaunchEnv env,
      From({{"RANK", "5"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}, {"LOCAL_WORLD_SIZE", "4"}}));
  EXPECT_EQ(env.local_size, 4);
}

TEST(LaunchEnvTest, MpirunOnOneMachineMeetsThere) {
  Variables variables = {{"OMPI_COMM_WORLD_RANK", "1"},
                         {"OMPI_COMM_WORLD_SIZE", "2"},
                         {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                         {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                         {"PMIX_NAMESPACE", "155713537"}};
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv env, From(variables));
  EXPECT_EQ(env.local_size, 2);
  EXPECT_EQ(env.master_address, "127.0.0.1");
  EXPECT_GE(env.master_port, 20000);
  EXPECT_LT(env.master_port, 30000);
  EXPECT_EQ(env.run_id, "155713537");
  variables["PMIX_NAMESPACE"] = "155713538";
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv other, From(variables));
  EXPECT_NE(env.master_port, other.master_port);
  variables["OMPI_COMM_WORLD_SIZE"] = "4";  // two machines: nothing says where rank 0 is
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv many, From(variables));
  EXPECT_EQ(many.master_address, "");
}

TEST(LaunchEnvTest, SlurmMeetsAtTheFirstHost) {
  Variables variables = {{"SLURM_PROCID", "3"},  {"SLURM_NTASKS", "8"},
                         {"SLURM_LOCALID", "1"}, {"SLURM_JOB_ID", "4711"},
                         {"SLURM_STEP_ID", "2"}, {"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.9"}};
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv launch_node, From(variables));
  EXPECT_EQ(launch_node.master_address, "10.0.0.9");
  EXPECT_EQ(launch_node.run_id, "4711.2");
  variables["SLURM_NODELIST"] = "node[003-005,9],gpu1";
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv listed, From(variables));
  EXPECT_EQ(listed.master_address, "node003");
  variables["MASTER_ADDR"] = "10.1.1.1";
  variables["MASTER_PORT"] = "29500";
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv given, From(variables));
  EXPECT_EQ(given.master_address, "10.1.1.1");
  EXPECT_EQ(given.master_port, 29500);
}

TEST(LaunchEnvTest, FirstHostOfAList) {
  const std::pair<const char*, const char*> lists[] = {{"", ""},
                                                       {"node7", "node7"},
                                                       {"a,b", "a"},
                                                       {"n[1-4]", "n1"},
                                                       {"rack[2-3]n[007,9]", "rack2n007"},
                                                       {"n[12]-ib,m1", "n12-ib"},
                                                       {"n[", "n"},
                                                       {"]x", "x"}};
  for (const auto& [list, host] : lists) EXPECT_EQ(FirstHost(list), host) << list;
}

TEST(LaunchEnvTest, GenerationsAreDifferentRuns) {
  const Variables one = {{"RANK", "0"},
                         {"WORLD_SIZE", "1"},
                         {"TORCHELASTIC_RUN_ID", "job"},
                         {"STRATA_GENERATION", "3"}};
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv env, From(one));
  EXPECT_EQ(env.run_id, "job.g3");
}

TEST(LaunchEnvTest, Timeout) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv env, From({{"STRATA_TIMEOUT", "7"}}));
  EXPECT_EQ(env.timeout, std::chrono::seconds(7));
}

TEST(LaunchEnvTest, ProgramAndLauncherMustAgree) {
  LaunchEnv env;
  env.size = 4;
  EXPECT_OK(CheckRanks("tcp", 0, env));
  EXPECT_OK(CheckRanks("tcp", 4, env));
  EXPECT_THAT(CheckRanks("tcp", 2, env),
              StatusIs(kInvalid, HasSubstr("tcp: 2 ranks are asked for, but this run has 4")));
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
      {{{"STRATA_TIMEOUT", "soon"}}, "STRATA_TIMEOUT: 'soon'"},
      {{{"RANK", "3"}, {"WORLD_SIZE", "4"}, {"LOCAL_RANK", "1"}, {"LOCAL_WORLD_SIZE", "1"}},
       "LOCAL_WORLD_SIZE: '1' is not a whole number in [2, 5)"},
  };
  for (const auto& [variables, message] : faults) {
    EXPECT_THAT(From(variables), StatusIs(kInvalid, HasSubstr(message)));
  }
}

}  // namespace
}  // namespace strata::distributed
