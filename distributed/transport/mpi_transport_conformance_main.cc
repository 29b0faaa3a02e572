// One rank of the conformance suite under mpirun; alone, a run of one rank.
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/transport/launch_env.h"
#include "distributed/transport/mpi_transport.h"
#include "distributed/transport/transport_conformance.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;

int Ranks() {
  const absl::StatusOr<LaunchEnv> env = FromEnvironment();
  return env.ok() ? env->size : 0;
}

absl::StatusOr<std::unique_ptr<World>> MakeMpi() {
  RegisterMpiTransport();
  return WorldRegistry().Create("mpi", Ranks());
}
INSTANTIATE_TEST_SUITE_P(Mpi, TransportConformance,
                         testing::Values(TransportCase{absl::StrCat("mpi", Ranks()), Ranks(),
                                                       MakeMpi}),
                         TransportCaseName());

TEST(MpiTransportTest, LauncherAndMpiAgree) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchEnv env, FromEnvironment());
  STRATA_ASSERT_OK_AND_ASSIGN(const auto world, MakeMpi());
  ASSERT_EQ(world->local.size(), 1u);
  EXPECT_EQ(world->local[0]->rank(), env.rank);
  EXPECT_EQ(world->local[0]->size(), env.size);
}

TEST(MpiTransportTest, RefusesAnotherNumberOfRanks) {
  RegisterMpiTransport();
  EXPECT_THAT(WorldRegistry().Create("mpi", Ranks() + 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("start it with: mpirun -n")));
}

}  // namespace
}  // namespace strata::distributed
