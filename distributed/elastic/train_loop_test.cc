// Elastic training on ranks that are threads: the same bits for every number of ranks, and faults that are named.
#include "distributed/elastic/train_loop.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/collective/algorithm_collectives.h"
#include "distributed/elastic/memory_commits.h"
#include "distributed/elastic/tiny_training.h"
#include "distributed/transport/thread_transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Curve = std::map<int64_t, double>;  // step: loss

// Trains on `ranks` threads from the last commit on to step `to`, and records what rank 0 saw; all must see the same.
absl::Status Train(int ranks, int64_t to, MemoryCommits& commits, Curve* curve,
                   const std::function<ShardTraineeOptions(int rank)>& options = nullptr,
                   const std::function<void(int rank, ElasticRun&)>& change = nullptr) {
  std::mutex mutex;
  return RunThreadRanks(ranks, [&](Transport& transport) {
    AlgorithmCollectives collectives(transport, {.algorithm = "ring"});
    ElasticRun run;
    run.steps = to;
    run.save_every = 4;
    run.on_step = [&](int64_t step, double loss) {
      std::lock_guard<std::mutex> lock(mutex);
      const auto [it, fresh] = curve->insert({step, loss});
      if (!fresh) {
        EXPECT_EQ(it->second, loss) << "step " << step << " on " << transport.rank();
      }
    };
    if (change) change(transport.rank(), run);
    return TrainElastic(TinyTrainee(options ? options(transport.rank()) : ShardTraineeOptions{}),
                        commits.factory(), collectives, run);
  });
}

TEST(TrainLoopTest, TheCurveDoesNotDependOnTheNumberOfRanks) {
  Curve alone;
  MemoryCommits commits;
  ASSERT_OK(Train(1, 20, commits, &alone));
  EXPECT_EQ(alone.size(), 20u);
  EXPECT_LT(alone[20], 0.8 * alone[1]);
  EXPECT_EQ(commits.saves(), 5);
  for (const int ranks : {2, 3, 4, 5, 8}) {
    MemoryCommits other;
    Curve curve;
    ASSERT_OK(Train(ranks, 20, other, &curve));
    EXPECT_EQ(curve, alone) << ranks << " ranks";  // every bit
  }
}

TEST(TrainLoopTest, EightSixEight) {
  Curve undisturbed, elastic;
  MemoryCommits one, two;
  ASSERT_OK(Train(8, 16, one, &undisturbed));
  ASSERT_OK(Train(8, 5, two, &elastic));
  ASSERT_OK(Train(6, 11, two, &elastic));
  ASSERT_OK(Train(8, 16, two, &elastic));
  EXPECT_EQ(elastic, undisturbed);
}

TEST(TrainLoopTest, NothingToDo) {
  Curve curve;
  MemoryCommits commits;
  ASSERT_OK(Train(2, 4, commits, &curve));
  ASSERT_OK(Train(2, 4, commits, &curve));
  EXPECT_EQ(commits.saves(), 1);
}

TEST(TrainLoopTest, MoreRanksThanMicroShards) {
  Curve curve;
  MemoryCommits commits;
  const auto few = [](int) {
    ShardTraineeOptions options;
    options.shards = 2;
    return options;
  };
  ASSERT_OK(Train(2, 2, commits, &curve, few));
  EXPECT_THAT(Train(3, 4, commits, &curve, few), StatusIs(absl::StatusCode::kInvalidArgument,
                                                          HasSubstr("2 micro-shards for 3 ranks")));
}

// One bit of rank `guilty` flips at step 6, in the memory that `where` names; whether for one evaluation or from then on.
struct Flip {
  const char* where;
  int guilty;
  int bit = 0;
  bool stays = false;
  int audit_every = 0;
};

struct Found {
  absl::Status status;
  int culprit = -1;
  Curve curve;
};

Found TrainWith(const Flip& flip, int ranks) {
  Found found;
  MemoryCommits commits;
  auto board = *Board::Create(ranks);
  std::atomic<bool> done = false;
  found.status = Train(
      ranks, 8, commits, &found.curve,
      [&](int rank) {
        ShardTraineeOptions options;
        options.audit_every = flip.audit_every;
        options.tap = [&, rank](int64_t step, const char* where, absl::Span<float> values) {
          if (step != 6 || rank != flip.guilty || std::strcmp(where, flip.where) != 0) return;
          if (!flip.stays && done.exchange(true)) return;
          uint32_t bits;
          std::memcpy(&bits, &values[values.size() / 2], sizeof(bits));
          bits ^= 1u << flip.bit;
          std::memcpy(&values[values.size() / 2], &bits, sizeof(bits));
        };
        return options;
      },
      [&](int rank, ElasticRun& run) { run.slot = &board->slot(rank); });
  for (int rank = 0; rank < ranks; ++rank) {
    EXPECT_FALSE(board->slot(rank).reason().empty());  // all ranks stop
    EXPECT_EQ(board->slot(rank).culprit(), board->slot(0).culprit());
  }
  found.culprit = board->slot(0).culprit();
  return found;
}

TEST(TrainLoopTest, NamesWhoseBitFlipped) {
  for (int guilty = 0; guilty < 4; ++guilty) {
    for (const int bit : {0, 12, 30}) {
      const Found sent = TrainWith({"sent", guilty, bit}, 4);
      EXPECT_THAT(sent.status,
                  StatusIs(absl::StatusCode::kDataLoss,
                           AllOf(HasSubstr("step 6"),
                                 HasSubstr(absl::StrCat("rank ", guilty, "'s part")))));
      EXPECT_EQ(sent.culprit, guilty);
      EXPECT_EQ(sent.curve.size(), 5u);  // the step was not applied
      const Found sum = TrainWith({"sum", guilty, bit}, 4);
      EXPECT_THAT(sum.status,
                  StatusIs(absl::StatusCode::kDataLoss,
                           HasSubstr(absl::StrCat("rank ", guilty, " has other bits in the sum"))));
      EXPECT_EQ(sum.culprit, guilty);
      const Found received = TrainWith({"received", guilty, bit}, 4);
      EXPECT_THAT(received.status,
                  StatusIs(absl::StatusCode::kDataLoss, HasSubstr("with other bits")));
      EXPECT_EQ(received.culprit, guilty);
    }
  }
}

TEST(TrainLoopTest, AuditNamesWhoComputedWrong) {
  for (int guilty = 0; guilty < 3; ++guilty) {
    for (const bool stays : {false, true}) {
      const Found found = TrainWith({"leaf", guilty, 3, stays, 2}, 3);
      EXPECT_THAT(found.status, StatusIs(absl::StatusCode::kDataLoss,
                                         HasSubstr(absl::StrCat("rank ", guilty, " is wrong"))));
      EXPECT_EQ(found.culprit, guilty);
    }
  }
}

TEST(TrainLoopTest, TwoRanksDetectButCannotName) {
  const Found found = TrainWith({"sum", 1, 5}, 2);
  EXPECT_THAT(found.status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no majority")));
  EXPECT_EQ(found.culprit, -1);
  EXPECT_THAT(TrainWith({"leaf", 1, 5, true, 3}, 2).status,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no majority")));
}

// What the header says is not seen: a leaf that is wrong before any checksum, in a step without audit.
TEST(TrainLoopTest, WhatNobodySees) {
  Curve sound, curve;
  MemoryCommits one, two;
  ASSERT_OK(Train(3, 8, one, &sound));
  const auto wrong = [](int rank) {
    ShardTraineeOptions options;
    options.tap = [rank](int64_t step, const char* where, absl::Span<float> values) {
      if (step == 6 && rank == 1 && std::strcmp(where, "leaf") == 0) values[0] += 1;
    };
    return options;
  };
  ASSERT_OK(Train(3, 8, two, &curve, wrong));
  EXPECT_EQ(curve[6], sound[6]);
  EXPECT_NE(curve[7], sound[7]);
}

// Time as told: a tick a call, and what a rank's micro-shards take.
TEST(TrainLoopTest, NamesTheStraggler) {
  std::mutex mutex;
  std::map<int, int> named;
  MemoryCommits commits;
  Curve curve;
  std::vector<double> now(4, 0);
  ASSERT_OK(Train(
      4, 20, commits, &curve,
      [&](int rank) {
        ShardTraineeOptions options;
        options.tap = [&, rank](int64_t, const char* where, absl::Span<float>) {
          if (std::strcmp(where, "leaf") == 0) now[static_cast<size_t>(rank)] += rank == 2 ? 3 : 1;
        };
        return options;
      },
      [&](int rank, ElasticRun& run) {
        run.clock = [&now, rank] { return now[static_cast<size_t>(rank)]; };
        run.on_straggler = [&](int64_t, const Straggler& straggler) {
          std::lock_guard<std::mutex> lock(mutex);
          ++named[straggler.rank];
          EXPECT_NEAR(straggler.seconds / straggler.typical, 3, 1e-9);
        };
      }));
  EXPECT_THAT(named, ::testing::ElementsAre(::testing::Pair(2, 4 * 13)));  // from step 8 on
}

}  // namespace
}  // namespace strata::distributed
