#include "distributed/transport/nccl_transport.h"

#include "base/status_matchers.h"

namespace strata::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A GPU takes part in a communicator once, so more ranks than one need as many GPUs: those are for
// the suite of processes.
TEST(NcclTransportTest, ARankOrWhatIsMissing) {
  const absl::StatusOr<std::unique_ptr<World>> world = NcclWorld(LaunchEnv());
  if (world.ok()) {
    EXPECT_EQ((*world)->local[0]->size(), 1);
    EXPECT_OK((*world)->local[0]->Barrier());
    return;
  }
  EXPECT_THAT(world.status(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       AllOf(HasSubstr("nccl: "), HasSubstr("use tcp"))));
}

TEST(NcclTransportTest, IsRegisteredAnyhow) {
  RegisterNcclTransport();
  EXPECT_THAT(WorldRegistry().Create("nccl", 1000),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("nccl: 1000 ranks are asked for, but this run has 1")));
}

}  // namespace
}  // namespace strata::distributed
