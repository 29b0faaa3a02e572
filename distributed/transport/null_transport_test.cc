#include "distributed/transport/null_transport.h"

#include "base/status_matchers.h"
#include "distributed/transport/transport_conformance.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<World>> MakeNull() {
  RegisterNullTransport();
  return WorldRegistry().Create("null", 1);
}
INSTANTIATE_TEST_SUITE_P(Null, TransportConformance,
                         testing::Values(TransportCase{"null", 1, MakeNull}), TransportCaseName());

TEST(NullTransportTest, HasOneRank) {
  RegisterNullTransport();
  EXPECT_OK(WorldRegistry().Create("null", 0));
  EXPECT_THAT(
      WorldRegistry().Create("null", 2),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 rank, not 2; use thread or mpi")));
}

}  // namespace
}  // namespace strata::distributed
