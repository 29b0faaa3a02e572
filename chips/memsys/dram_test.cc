#include "chips/memsys/dram.h"

#include <algorithm>
#include <random>

#include "base/status_matchers.h"
#include "chips/memsys/naive_dram.h"
#include "gtest/gtest.h"

namespace strata::chips::memsys {
namespace {

using ::testing::HasSubstr;

// Like DDR4-2400, in cycles of its clock; no refresh.
DramConfig Config(PagePolicy policy = PagePolicy::kOpen) {
  DramConfig config;
  config.banks = 8;
  config.row_bytes = 1024;
  config.burst_bytes = 64;
  config.policy = policy;
  config.t_rcd = 17;
  config.t_cl = 16;
  config.t_rp = 18;
  config.t_ras = 39;
  config.t_rtp = 9;
  config.t_rrd = 5;
  config.t_burst = 4;
  return config;
}

std::vector<int64_t> Serve(const DramConfig& config, const std::vector<DramRequest>& requests) {
  Dram dram = *Dram::Make(config);
  std::vector<int64_t> done;
  for (const DramRequest& request : requests) done.push_back(dram.Serve(request).done);
  return done;
}

// n requests at cycle 0, `stride` bytes apart.
std::vector<DramRequest> Stream(int64_t n, int64_t stride) {
  std::vector<DramRequest> requests;
  for (int64_t i = 0; i < n; ++i) requests.push_back({0, i * stride});
  return requests;
}

constexpr int64_t kRowsOfOneBank = 8 * 1024;  // bytes from a row to the bank's next

TEST(Dram, OneReadActivatesAndReads) { EXPECT_EQ(Serve(Config(), {{5, 0}})[0], 5 + 17 + 16 + 4); }

TEST(Dram, AStreamThroughARowPaysForItOnce) {
  for (const int64_t n : {1, 2, 16}) {
    EXPECT_EQ(Serve(Config(), Stream(n, 64)).back(), 17 + 16 + n * 4);
  }
}

// Open page: the next row's activate waits for t_ras and t_rp. Closed page: the same, whatever the row.
TEST(Dram, RowsOfOneBankFollowOneAnotherAtTheRowCycle) {
  const int64_t row_cycle = std::max<int64_t>(39, 17 + 9) + 18;
  for (const int64_t n : {1, 2, 20}) {
    const int64_t expected = (n - 1) * row_cycle + 17 + 16 + 4;
    EXPECT_EQ(Serve(Config(), Stream(n, kRowsOfOneBank)).back(), expected);
    EXPECT_EQ(Serve(Config(PagePolicy::kClosed), Stream(n, kRowsOfOneBank)).back(), expected);
    EXPECT_EQ(Serve(Config(PagePolicy::kClosed), Stream(n, 0)).back(), expected);
  }
}

// Eight banks in turn hide the row cycle of 57 behind 8 activates, t_rrd apart.
TEST(Dram, BanksInTurnHideTheRowCycle) {
  DramConfig config = Config(PagePolicy::kClosed);
  config.mapping = BankMapping::kBurstsAcrossBanks;
  config.t_rrd = 8;
  for (const int64_t n : {1, 8, 100}) {
    EXPECT_EQ(Serve(config, Stream(n, 64)).back(), (n - 1) * 8 + 17 + 16 + 4);
  }
  config.t_rrd = 2;  // now the row cycle binds: 8 bursts in 57 cycles
  EXPECT_EQ(Serve(config, Stream(81, 64)).back(), 10 * 57 + 17 + 16 + 4);
}

TEST(Dram, StatsTellHitsMissesAndConflicts) {
  Dram dram = *Dram::Make(Config());
  EXPECT_EQ(dram.Serve({0, 0}).outcome, RowOutcome::kMiss);
  EXPECT_EQ(dram.Serve({0, 64}).outcome, RowOutcome::kHit);
  EXPECT_EQ(dram.Serve({0, kRowsOfOneBank}).outcome, RowOutcome::kConflict);
  EXPECT_EQ(dram.Serve({0, 1024}).outcome, RowOutcome::kMiss);
  EXPECT_EQ(dram.stats().hits, 1);
  EXPECT_EQ(dram.stats().misses, 2);
  EXPECT_EQ(dram.stats().conflicts, 1);
}

// A pointer chase: each request leaves when the one before is done; every one finds another row.
TEST(Dram, DependentLoadsPayAConflictOrAMiss) {
  for (const PagePolicy policy : {PagePolicy::kOpen, PagePolicy::kClosed}) {
    Dram dram = *Dram::Make(Config(policy));
    int64_t now = 0;
    const int64_t n = 50;
    for (int64_t i = 0; i < n; ++i) now = dram.Serve({now, i * kRowsOfOneBank}).done;
    const int64_t miss = 17 + 16 + 4;
    // Open: t_ras has 2 cycles to run when the data are there. Closed: so has t_ras, and then t_rp.
    EXPECT_EQ(now, miss + (n - 1) * (2 + 18 + miss));
  }
}

TEST(Dram, ARefreshClosesRowsAndTakesItsTime) {
  DramConfig config = Config();
  config.t_refi = 1000;
  config.t_rfc = 100;
  Dram dram = *Dram::Make(config);
  EXPECT_EQ(dram.Serve({0, 0}).outcome, RowOutcome::kMiss);
  EXPECT_EQ(dram.Serve({999, 0}).done, 999 + 16 + 4);
  const DramResponse after = dram.Serve({1000, 0});
  EXPECT_EQ(after.outcome, RowOutcome::kMiss);
  // Precharge t_rtp after the column at 999, then t_rp, the refresh, and the row again.
  EXPECT_EQ(after.done, 999 + 9 + 18 + 100 + 17 + 16 + 4);
  EXPECT_EQ(dram.Serve({3500, 0}).outcome, RowOutcome::kMiss);
  EXPECT_EQ(dram.stats().refreshes, 3);
}

TEST(Dram, EqualsTheNaiveOneOnRandomTraces) {
  std::mt19937 random(9);
  const auto below = [&](uint32_t n) { return static_cast<int64_t>(random() % n); };
  for (int trial = 0; trial < 400; ++trial) {
    DramConfig config;
    config.banks = 1 + below(5);
    config.burst_bytes = 16;
    config.row_bytes = 16 * (1 + below(4));
    config.policy = below(2) == 0 ? PagePolicy::kOpen : PagePolicy::kClosed;
    config.mapping =
        below(2) == 0 ? BankMapping::kRowsAcrossBanks : BankMapping::kBurstsAcrossBanks;
    config.t_rcd = below(6);
    config.t_cl = below(6);
    config.t_rp = below(6);
    config.t_ras = below(12);
    config.t_rtp = 1 + below(6);
    config.t_rrd = below(5);
    config.t_burst = 1 + below(4);
    config.t_rfc = below(10);
    config.t_refi = below(2) == 0 ? 0
                                  : std::max(config.t_ras, config.t_rcd + config.t_rtp) +
                                        config.t_rp + config.t_rfc + 1 + below(60);
    std::vector<DramRequest> requests;
    int64_t now = 0;
    const uint32_t gap = 1 + random() % 12;
    for (int i = 0; i < 60; ++i) {
      now += below(gap);
      requests.push_back({now, below(600)});
    }
    ASSERT_EQ(Serve(config, requests), NaiveDram(config).Serve(requests)) << "trial " << trial;
  }
}

TEST(Dram, RefusesBrokenConfigsByField) {
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  const auto refused = [](auto change) {
    DramConfig config = Config();
    change(&config);
    return Dram::Make(config).status();
  };
  EXPECT_THAT(refused([](DramConfig* c) { c->banks = 0; }),
              StatusIs(kInvalid, HasSubstr("banks: 0 is below 1")));
  EXPECT_THAT(refused([](DramConfig* c) { c->t_burst = 0; }),
              StatusIs(kInvalid, HasSubstr("t_burst: 0 is below 1")));
  EXPECT_THAT(refused([](DramConfig* c) { c->t_rp = -1; }),
              StatusIs(kInvalid, HasSubstr("t_rp: -1 is below 0")));
  EXPECT_THAT(refused([](DramConfig* c) { c->row_bytes = 1000; }),
              StatusIs(kInvalid, HasSubstr("row_bytes: 1000 is no multiple")));
  EXPECT_THAT(refused([](DramConfig* c) { c->t_refi = 57; }),
              StatusIs(kInvalid, HasSubstr("t_refi: 57 leaves no time")));
}

}  // namespace
}  // namespace strata::chips::memsys
