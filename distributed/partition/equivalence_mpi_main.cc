// One rank of the equivalence test under mpirun.
#include <string>

#include "base/status_matchers.h"
#include "distributed/collective/register.h"
#include "distributed/partition/equivalence.h"

namespace strata::distributed {
namespace {

void Check(const std::string& collectives, const Engine& engine) {
  RegisterAllTransports();
  RegisterAllCollectives();
  STRATA_ASSERT_OK_AND_ASSIGN(const auto world, WorldRegistry().Create("mpi", 0));
  EXPECT_OK(RunRanks(*world, [&](Transport& transport) {
    return CheckTrainsLikeOneRank(transport, collectives, engine);
  }));
}

TEST(MpiEquivalence, RingOverMpi) { Check("ring", InterpreterEngine()); }

TEST(MpiEquivalence, MpisOwnCollectives) { Check("mpi", InterpreterEngine()); }

TEST(MpiEquivalence, CompiledRanks) { Check("ring", CompiledEngine()); }

}  // namespace
}  // namespace strata::distributed
