// One rank of the collectives' conformance suite under mpirun: MPI's own, and ours over MPI's
// messages.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/collective/algorithm_collectives.h"
#include "distributed/collective/collectives_conformance.h"
#include "distributed/collective/registry.h"
#include "distributed/transport/launch_env.h"
#include "distributed/transport/mpi_collectives.h"
#include "distributed/transport/null_transport.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;

std::vector<CollectivesCase> Cases() {
  RegisterMpiTransport();
  RegisterMpiCollectives();
  RegisterAlgorithmCollectives();
  const absl::StatusOr<LaunchEnv> env = FromEnvironment();
  const int ranks = env.ok() ? env->size : 0;
  std::vector<CollectivesCase> cases;
  for (const std::string implementation : {"mpi", "ring", "auto"}) {
    CollectivesCase test;
    test.name = absl::StrCat(implementation, "OnMpi", ranks);
    test.ranks = ranks;
    test.make_world = [ranks] { return WorldRegistry().Create("mpi", ranks); };
    test.make = [implementation](Transport& transport) {
      return CollectivesRegistry().Create(implementation, transport);
    };
    test.finds_disagreement = implementation != "mpi";
    cases.push_back(test);
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Mpi, CollectivesConformance, testing::ValuesIn(Cases()),
                         CollectivesCaseName());

TEST(MpiCollectivesTest, NeedTheMpiTransport) {
  RegisterMpiCollectives();
  NullTransport transport;
  EXPECT_THAT(CollectivesRegistry().Create("mpi", transport),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("need the mpi transport itself, not null")));
}

}  // namespace
}  // namespace strata::distributed
