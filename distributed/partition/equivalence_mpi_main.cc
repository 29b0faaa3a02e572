// One rank of the equivalence test under mpirun.
#include "base/status_matchers.h"
#include "distributed/collective/register.h"
#include "distributed/partition/equivalence.h"

namespace strata::distributed {
namespace {

TEST(MpiEquivalence, TrainsLikeOneRank) {
  RegisterAllTransports();
  RegisterAllCollectives();
  for (const char* collectives : {"ring", "mpi"}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto world, WorldRegistry().Create("mpi", 0));
    EXPECT_OK(RunRanks(*world, [&](Transport& transport) {
      return CheckTrainsLikeOneRank(transport, collectives);
    }));
  }
}

}  // namespace
}  // namespace strata::distributed
