// What only the ring promises: how much it sends, and to whom.
#include "distributed/collective/ring.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/status_matchers.h"
#include "distributed/collective/reduce.h"
#include "distributed/transport/counting_transport.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

using compiler::Reduction;

// Bytes that all ranks send together in one call.
int64_t BytesOnTheWire(int ranks, const std::function<absl::Status(RingCollectives&)>& call) {
  std::atomic<int64_t> sent{0}, received{0};
  EXPECT_OK(RunThreadRanks(ranks, [&](Transport& transport) -> absl::Status {
    CountingTransport counting(transport);
    RingCollectives ring(counting);
    STRATA_RETURN_IF_ERROR(call(ring));
    sent += counting.count().bytes_sent;
    received += counting.count().bytes_received;
    return absl::OkStatus();
  }));
  EXPECT_EQ(sent, received);
  return sent;
}

TEST(RingTest, SendsWhatItsFormulasSay) {
  for (int n : {1, 2, 3, 4, 5, 8}) {
    for (int64_t count : {0, 1, 2, 3, 7, 8, 9, 1000, 100003}) {
      std::vector<std::vector<float>> big(static_cast<size_t>(n),
                                          std::vector<float>(static_cast<size_t>(n * count)));
      std::vector<std::vector<float>> small(static_cast<size_t>(n),
                                            std::vector<float>(static_cast<size_t>(count)));
      const auto at = [](std::vector<std::vector<float>>& all, RingCollectives& ring) {
        return all[static_cast<size_t>(ring.rank())].data();
      };
      EXPECT_EQ(BytesOnTheWire(n,
                               [&](RingCollectives& ring) {
                                 return ring.AllReduce(at(small, ring), count, chips::F32,
                                                       Reduction::kMean);
                               }),
                2 * (n - 1) * count * 4);
      EXPECT_EQ(BytesOnTheWire(n,
                               [&](RingCollectives& ring) {
                                 return ring.AllGather(at(small, ring), at(big, ring), count,
                                                       chips::F32);
                               }),
                n * (n - 1) * count * 4);
      EXPECT_EQ(BytesOnTheWire(n,
                               [&](RingCollectives& ring) {
                                 return ring.ReduceScatter(at(big, ring), at(small, ring), count,
                                                           chips::F32, Reduction::kSum);
                               }),
                n * (n - 1) * count * 4);
      EXPECT_EQ(BytesOnTheWire(n,
                               [&](RingCollectives& ring) {
                                 return ring.Broadcast(at(small, ring), count, chips::F32, n / 2);
                               }),
                (n - 1) * count * 4);
    }
  }
}

TEST(RingTest, LoadIsEvenOverTheRanks) {
  constexpr int64_t kCount = 100003;
  constexpr int kRanks = 4;
  EXPECT_OK(RunThreadRanks(kRanks, [](Transport& transport) -> absl::Status {
    CountingTransport counting(transport);
    RingCollectives ring(counting);
    std::vector<double> data(kCount);
    STRATA_RETURN_IF_ERROR(ring.AllReduce(data.data(), kCount, chips::F64, Reduction::kSum));
    const double share = 2.0 * (kRanks - 1) / kRanks * kCount * 8;
    EXPECT_NEAR(static_cast<double>(counting.count().bytes_sent), share,
                2 * 8);  // segments differ by one element
    return absl::OkStatus();
  }));
}

TEST(ReduceTest, NanWinsAMaximumFromEitherSide) {
  const float nan = std::nanf("");
  const float a[] = {nan, 1, 3}, b[] = {1, nan, 2};
  float result[3];
  Combine(Reduction::kMax, chips::F32, a, b, result, 3);
  EXPECT_TRUE(std::isnan(result[0]));
  EXPECT_TRUE(std::isnan(result[1]));
  EXPECT_EQ(result[2], 3);
}

}  // namespace
}  // namespace strata::distributed
