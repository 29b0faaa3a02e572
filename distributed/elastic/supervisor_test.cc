#include "distributed/elastic/supervisor.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "distributed/elastic/tiny_processes.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SupervisorTest : public testing::Test {
 protected:
  static constexpr int64_t kSteps = 24;

  SupervisorTest() {
    options_.transport = "tcp";
    options_.poll = std::chrono::milliseconds(1);
    run_.steps = kSteps;
    run_.save_every = 4;
  }

  absl::StatusOr<std::vector<double>> Train(const std::string& name) {
    run_.root = JoinPath(
        testing::TempDir(),
        absl::StrCat(testing::UnitTest::GetInstance()->current_test_info()->name(), "_", name));
    std::filesystem::remove_all(run_.root);
    STRATA_ASSIGN_OR_RETURN(const auto record, LossRecord::Create(kSteps));
    run_.record = record.get();
    STRATA_ASSIGN_OR_RETURN(outcomes_, Supervise(options_, TinyRankMain(run_)));
    EXPECT_EQ(record->different(), 0);
    return record->losses();
  }

  SupervisorOptions options_;
  TinyRun run_;
  std::vector<GenerationOutcome> outcomes_;
};

// Two of eight ranks are lost, six go on, later there is room for eight again: the losses have the bits of a run on eight
// and of a run on one.
TEST_F(SupervisorTest, EightSixEight) {
  options_.ranks = 1;
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> alone, Train("alone"));
  options_.ranks = 8;
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> undisturbed, Train("undisturbed"));
  EXPECT_EQ(undisturbed, alone);
  EXPECT_LT(alone.back(), alone.front());

  options_.max_restarts = 1;
  options_.grace = std::chrono::milliseconds(0);
  bool killed = false, back = false;
  options_.inject = [&](int generation, ProcessGroup& group, Board& board) {
    if (generation != 0 || killed || board.slot(0).step() < 7) return;
    killed = true;
    group.SignalRank(6, SIGKILL);
    group.SignalRank(7, SIGKILL);
  };
  options_.room = [&](int, Board& board) {
    back = back || (killed && board.slot(0).step() >= 14);
    return killed && !back ? 6 : 8;
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> elastic, Train("elastic"));
  EXPECT_EQ(elastic, undisturbed);
  ASSERT_EQ(outcomes_.size(), 3u);
  EXPECT_TRUE(outcomes_[0].failed || outcomes_[0].resized);
  EXPECT_TRUE(outcomes_[1].resized);
  EXPECT_EQ(outcomes_[0].ranks, 8);
  EXPECT_EQ(outcomes_[1].ranks, 6);
  EXPECT_EQ(outcomes_[2].ranks, 8);
}

TEST_F(SupervisorTest, NamesAndReplacesARankThatHangs) {
  options_.ranks = 3;
  options_.max_restarts = 1;
  options_.silence = std::chrono::milliseconds(1500);
  run_.change_trainee = [](const Seat& seat, ShardTraineeOptions& trainee) {
    if (seat.generation != 0 || seat.rank != 1) return;
    trainee.tap = [](int64_t step, const char* where, absl::Span<float>) {
      if (step == 6 && std::strcmp(where, "leaf") == 0)
        while (true) pause();
    };
  };
  ASSERT_OK(Train("hangs"));
  ASSERT_EQ(outcomes_.size(), 2u);
  EXPECT_TRUE(outcomes_[0].silent);
  EXPECT_EQ(outcomes_[0].first.rank, 1);
  EXPECT_THAT(Describe(outcomes_[0]),
              HasSubstr("rank 1 was ended by signal 9 (Killed), being silent, in phase compute of "
                        "step 6"));
}

TEST_F(SupervisorTest, AFlippedBitEndsTheGenerationAndIsNamed) {
  options_.ranks = 4;
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> sound, Train("sound"));
  options_.max_restarts = 1;
  run_.change_trainee = [](const Seat& seat, ShardTraineeOptions& trainee) {
    if (seat.generation != 0 || seat.rank != 2) return;
    trainee.tap = [](int64_t step, const char* where, absl::Span<float> values) {
      if (step == 10 && std::strcmp(where, "sent") == 0) values[3] = -values[3];
    };
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> flipped, Train("flipped"));
  EXPECT_EQ(flipped, sound);
  ASSERT_EQ(outcomes_.size(), 2u);
  EXPECT_EQ(outcomes_[0].culprit, 2);
  EXPECT_THAT(outcomes_[0].reason, AllOf(HasSubstr("step 10"), HasSubstr("rank 2's part")));
}

TEST_F(SupervisorTest, GivesUpWithTheReason) {
  options_.ranks = 2;
  options_.max_restarts = 2;
  int starts = 0;
  options_.inject = [&](int generation, ProcessGroup&, Board&) { starts = generation + 1; };
  const auto fail = [](const Seat& seat) -> absl::Status {
    if (seat.rank == 1) return absl::InvalidArgumentError("the recipe is wrong");
    while (true) pause();
  };
  EXPECT_THAT(Supervise(options_, fail),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("generation 2 failed and no restart is left"),
                             HasSubstr("rank 1 exited with 2"), HasSubstr("the recipe is wrong"))));
  options_.ranks = 0;
  EXPECT_THAT(Supervise(options_, fail),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ranks: is 0")));
  options_.ranks = 1;
  options_.max_restarts = -1;
  EXPECT_THAT(Supervise(options_, fail),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("max_restarts: is -1")));
}

}  // namespace
}  // namespace strata::distributed
