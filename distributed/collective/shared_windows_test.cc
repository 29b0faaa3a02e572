// What "shared" promises where a call goes wrong: nobody touches memory of a rank that has given up.
#include "distributed/collective/shared_windows.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/status_matchers.h"
#include "distributed/collective/algorithm_collectives.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

using compiler::Reduction;
using ::testing::HasSubstr;

void AwaitTrue(const std::atomic<bool>& flag) {
  while (!flag) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST(SharedWindowsTest, LatePeerLeavesTheMemoryOfWhoGaveUpAlone) {
  std::atomic<bool> gave_up{false}, came{false};
  EXPECT_OK(RunThreadRanks(2, [&](Transport& transport) -> absl::Status {
    AlgorithmCollectives c(transport, {.algorithm = "shared"});
    std::vector<float> data(1000, 1.0f);
    STRATA_RETURN_IF_ERROR(c.AllReduce(data.data(), 1000, chips::F32, Reduction::kSum));
    EXPECT_EQ(data[999], 2.0f);
    if (transport.rank() == 0) {
      transport.set_timeout(std::chrono::milliseconds(20));
      EXPECT_THAT(c.AllReduce(data.data(), 1000, chips::F32, Reduction::kSum),
                  StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("shared all_reduce")));
      gave_up = true;
      AwaitTrue(came);
      for (float x : data) EXPECT_EQ(x, 2.0f);
      return absl::OkStatus();
    }
    AwaitTrue(gave_up);
    const absl::Status late = c.AllReduce(data.data(), 1000, chips::F32, Reduction::kSum);
    EXPECT_THAT(late, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("rank 0 has given up")));
    came = true;
    return absl::OkStatus();
  }));
}

TEST(SharedWindowsTest, RanksThatDisagreeSayAboutWhat) {
  EXPECT_OK(RunThreadRanks(2, [](Transport& transport) -> absl::Status {
    AlgorithmCollectives c(transport, {.algorithm = "shared"});
    std::vector<float> data(10, 1.0f);
    const bool first = transport.rank() == 0;
    EXPECT_THAT(c.AllReduce(data.data(), first ? 10 : 9, chips::F32, Reduction::kSum),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("calls with")));
    EXPECT_EQ(data[0], 1.0f);
    EXPECT_THAT(c.AllReduce(data.data(), 10, chips::F32, first ? Reduction::kMax : Reduction::kSum),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("another dtype, reduction or root")));
    EXPECT_EQ(data[0], 1.0f);
    return absl::OkStatus();
  }));
}

}  // namespace
}  // namespace strata::distributed
