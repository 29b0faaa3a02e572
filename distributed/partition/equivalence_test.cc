// On threads: every number of ranks that divides the batch.
#include "distributed/partition/equivalence.h"

#include "base/status_matchers.h"
#include "distributed/collective/register.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

class Equivalence : public testing::TestWithParam<int> {};

TEST_P(Equivalence, InterpretedRanksTrainLikeOne) {
  RegisterAllCollectives();
  for (const char* collectives : {"ring", "reference"}) {
    EXPECT_OK(RunThreadRanks(GetParam(), [&](Transport& transport) {
      return CheckTrainsLikeOneRank(transport, collectives, InterpreterEngine());
    }));
  }
}

TEST_P(Equivalence, CompiledRanksTrainLikeOne) {
  if (GetParam() > 3) GTEST_SKIP() << "compiling for each of so many ranks takes long";
  RegisterAllCollectives();
  EXPECT_OK(RunThreadRanks(GetParam(), [&](Transport& transport) {
    return CheckTrainsLikeOneRank(transport, "ring", CompiledEngine());
  }));
}

INSTANTIATE_TEST_SUITE_P(Ranks, Equivalence, testing::Values(1, 2, 3, 4, 6));

}  // namespace
}  // namespace strata::distributed
