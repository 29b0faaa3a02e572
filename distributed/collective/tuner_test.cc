// The tuner's formulas against what the algorithms do, message by message in virtual time; and its choice against the
// best of all.
#include "distributed/collective/tuner.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/collective/algorithm_collectives.h"
#include "distributed/collective/algorithm_table.h"
#include "distributed/collective/virtual_time.h"
#include "distributed/transport/null_transport.h"
#include "distributed/transport/thread_transport.h"

namespace strata::distributed {
namespace {

using compiler::Reduction;

// A slow link, so that few bytes are much.
Tuning SlowLink() {
  Tuning tuning;
  tuning.link = {1e-6, 1e-9, 2e-10};
  tuning.block_bytes = 16 << 10;
  return tuning;
}

absl::Status Do(AlgorithmCollectives& c, Verb verb, int64_t count) {
  const chips::DType f32 = chips::F32;
  std::vector<float> in(static_cast<size_t>(count * c.size())), out = in;
  switch (verb) {
    case Verb::kAllReduce:
      return c.AllReduce(in.data(), count, f32, Reduction::kSum);
    case Verb::kReduceScatter:
      return c.ReduceScatter(in.data(), out.data(), count, f32, Reduction::kSum);
    case Verb::kAllGather:
      return c.AllGather(in.data(), out.data(), count, f32);
    case Verb::kBroadcast:
      return c.Broadcast(in.data(), count, f32, 0);
    case Verb::kReduce:
      return c.Reduce(in.data(), count, f32, Reduction::kSum, 0);
    case Verb::kScatter:
      return c.Scatter(in.data(), out.data(), count, f32, 0);
    case Verb::kGather:
      return c.Gather(in.data(), out.data(), count, f32, 0);
    case Verb::kAllToAll:
      return c.AllToAll(in.data(), out.data(), count, f32);
    case Verb::kAllToAllV: {
      const std::vector<int64_t> counts(static_cast<size_t>(c.size()), count);
      return c.AllToAllV(in.data(), counts, out.data(), counts, f32);
    }
  }
  return absl::InternalError("a verb that is none");
}

// Elements of a call: few, and many in as many blocks.
std::vector<int64_t> Counts(Verb verb, int n) {
  const bool whole = verb == Verb::kAllReduce || verb == Verb::kBroadcast || verb == Verb::kReduce;
  const int64_t large = 24 << 10;  // 96 KiB
  return {whole ? n : 1, 1040 / (whole ? 1 : n), large / (whole ? 1 : n)};
}

// Until the last rank has done its part, of each of the counts.
std::vector<double> Replay(const Algorithm& row, int n, const std::vector<int64_t>& counts) {
  std::vector<double> seconds(counts.size(), 0);
  std::mutex mutex;
  EXPECT_OK(RunThreadRanks(n, [&](Transport& transport) -> absl::Status {
    VirtualTime clock(transport, SlowLink().link);
    AlgorithmCollectives c(clock, {.algorithm = std::string(row.name), .tuning = SlowLink()});
    for (size_t k = 0; k < counts.size(); ++k) {
      clock.Reset();
      STRATA_RETURN_IF_ERROR(Do(c, row.verb, counts[k]));
      STRATA_RETURN_IF_ERROR(transport.Barrier());  // not on the clock
      std::lock_guard<std::mutex> lock(mutex);
      seconds[k] = std::max(seconds[k], clock.seconds());
    }
    return absl::OkStatus();
  }));
  return seconds;
}

// Of all_to_all_v, the count is of all ranks together.
CallShape ShapeOf(Verb verb, int n, int64_t count) {
  return {n, verb == Verb::kAllToAllV ? count * n * (n - 1) : count, 4, SlowLink()};
}

class TunerTest : public testing::TestWithParam<Verb> {};

TEST_P(TunerTest, FormulasSayWhatMessagesTakeAndTheChoiceIsTheBest) {
  const Verb verb = GetParam();
  for (int n : {2, 3, 4, 6, 8, 13, 16}) {
    const std::vector<int64_t> counts = Counts(verb, n);
    std::map<absl::string_view, std::vector<double>> replayed;
    for (const Algorithm& row : AlgorithmTable()) {
      if (row.verb != verb || !row.takes(n, SlowLink())) continue;
      replayed[row.name] = Replay(row, n, counts);
    }
    for (size_t k = 0; k < counts.size(); ++k) {
      const CallShape shape = ShapeOf(verb, n, counts[k]);
      double best = 1e9;
      for (const auto& [name, seconds] : replayed) {
        best = std::min(best, seconds[k]);
        STRATA_ASSERT_OK_AND_ASSIGN(const Algorithm* row, FindAlgorithm(verb, name));
        const double formula = row->cost(shape).Seconds(shape.tuning.link);
        EXPECT_NEAR(seconds[k] / formula, 1, 0.05)
            << name << " " << VerbName(verb) << " of " << counts[k] << ", ranks " << n;
      }
      const Algorithm& pick = PickAlgorithm(verb, shape);
      EXPECT_LE(replayed[pick.name][k], 1.05 * best)
          << pick.name << " " << VerbName(verb) << " of " << counts[k] << ", ranks " << n;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Verbs, TunerTest, testing::ValuesIn(Verbs().begin(), Verbs().end()),
                         [](const testing::TestParamInfo<Verb>& info) {
                           return std::string(VerbName(info.param));
                         });

TEST(Tuner, MeasuresTheSameLinkOnAllRanks) {
  EXPECT_OK(RunThreadRanks(3, [](Transport& transport) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const LinkModel link, MeasureLink(transport));
    EXPECT_GT(link.alpha_seconds, 0);
    EXPECT_GT(link.beta_seconds_per_byte, 0);
    EXPECT_GT(link.gamma_seconds_per_byte, 0);
    LinkModel next;
    STRATA_RETURN_IF_ERROR(
        transport.SendRecv({(transport.rank() + 1) % 3, 7, &link, sizeof(link)},
                           {(transport.rank() + 2) % 3, 7, &next, sizeof(next)}));
    EXPECT_EQ(next.alpha_seconds, link.alpha_seconds);
    EXPECT_EQ(next.beta_seconds_per_byte, link.beta_seconds_per_byte);
    EXPECT_EQ(next.gamma_seconds_per_byte, link.gamma_seconds_per_byte);
    return absl::OkStatus();
  }));
}

TEST(Tuner, OneRankHasTheTypicalLink) {
  NullTransport alone;
  STRATA_ASSERT_OK_AND_ASSIGN(const LinkModel link, MeasureLink(alone));
  EXPECT_EQ(link.alpha_seconds, TypicalLink("null").alpha_seconds);
}

TEST(Tuner, LittleDataGoesByFewMessagesAndMuchByFewBytes) {
  CallShape shape = {.ranks = 16, .count = 16};
  EXPECT_EQ(PickAlgorithm(Verb::kAllReduce, shape).name, "recursive_doubling");
  EXPECT_EQ(PickAlgorithm(Verb::kBroadcast, shape).name, "binomial");
  shape.count = 16 << 20;
  EXPECT_EQ(PickAlgorithm(Verb::kAllReduce, shape).name, "halving_doubling");
}

}  // namespace
}  // namespace strata::distributed
