#include "distributed/transport/thread_transport.h"

#include <atomic>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "distributed/transport/transport_conformance.h"

namespace strata::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<TransportCase> Cases() {
  std::vector<TransportCase> cases;
  for (int ranks : {1, 2, 3, 4, 5, 8}) {
    cases.push_back({absl::StrCat("thread", ranks), ranks, [ranks] { return ThreadWorld(ranks); }});
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Thread, TransportConformance, testing::ValuesIn(Cases()),
                         TransportCaseName());

TEST(ThreadTransportTest, BarrierHoldsEarlyRanks) {
  constexpr int kRanks = 5;
  std::atomic<int> arrived{0};
  EXPECT_OK(RunThreadRanks(kRanks, [&](Transport& t) {
    for (int round = 1; round <= 50; ++round) {
      ++arrived;
      STRATA_RETURN_IF_ERROR(t.Barrier());
      if (arrived < kRanks * round)
        return absl::InternalError("a rank passed a barrier before all had come");
      STRATA_RETURN_IF_ERROR(t.Barrier());
    }
    return absl::OkStatus();
  }));
}

TEST(ThreadTransportTest, FirstErrorIsReturnedWithItsRank) {
  const absl::Status status = RunThreadRanks(4, [](Transport& t) -> absl::Status {
    if (t.rank() == 2) return absl::DataLossError("checkpoint: torn");
    return t.Barrier();  // fails as a consequence
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "rank 2: checkpoint: torn"));
}

TEST(ThreadTransportTest, RankIsNamedOnce) {
  const absl::Status status = RunThreadRanks(2, [](Transport& t) {
    return t.Send({7, 0, nullptr, 0});
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               AllOf(StartsWith("rank "), HasSubstr("peer 7 is outside [0, 2)"))));
  EXPECT_EQ(status.message().find("rank"), status.message().rfind("rank")) << status;
}

TEST(ThreadTransportTest, RefusesBadWorlds) {
  for (int ranks : {0, -1, 5000}) {
    EXPECT_THAT(ThreadWorld(ranks),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("thread ranks")));
  }
}

TEST(ThreadTransportTest, IsInTheRegistry) {
  RegisterThreadTransport();
  STRATA_ASSERT_OK_AND_ASSIGN(const auto three, WorldRegistry().Create("thread", 3));
  EXPECT_EQ(three->local.size(), 3u);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto one, WorldRegistry().Create("thread", 0));
  EXPECT_EQ(one->local.size(), 1u);
  EXPECT_THAT(WorldRegistry().Create("pigeons", 2),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no transport named 'pigeons'")));
}

}  // namespace
}  // namespace strata::distributed
