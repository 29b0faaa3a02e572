// One rank of the conformance suite as a process (process_main.cc), over the transport that
// STRATA_TRANSPORT names.
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/transport/launch_env.h"
#include "distributed/transport/shm_transport.h"
#include "distributed/transport/tcp_transport.h"
#include "distributed/transport/transport_conformance.h"

namespace strata::distributed {
namespace {

// The generator of cases runs when the process is a rank already.
TransportCase Case() {
  const char* transport = std::getenv("STRATA_TRANSPORT");
  const std::string name = transport == nullptr ? "tcp" : transport;
  const absl::StatusOr<LaunchEnv> env = FromEnvironment();
  const int ranks = env.ok() ? env->size : 0;
  return {absl::StrCat(name, ranks), ranks, [name, ranks] {
            RegisterShmTransport();
            RegisterTcpTransport();
            return WorldRegistry().Create(name, ranks);
          }};
}
INSTANTIATE_TEST_SUITE_P(Processes, TransportConformance, testing::Values(Case()),
                         TransportCaseName());

TEST(ProcessTransportTest, RefusesAnotherNumberOfRanks) {
  const TransportCase mine = Case();
  STRATA_ASSERT_OK_AND_ASSIGN(const auto world, mine.make());
  EXPECT_THAT(WorldRegistry().Create(std::getenv("STRATA_TRANSPORT"), mine.ranks + 1),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("start it with")));
  EXPECT_OK(world->local[0]->Barrier());
}

}  // namespace
}  // namespace strata::distributed
