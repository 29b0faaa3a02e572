#include "distributed/checkpoint/checkpointer.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/file.h"
#include "base/status_matchers.h"
#include "distributed/checkpoint/store.h"
#include "distributed/checkpoint/stored_checkpoint.h"
#include "distributed/checkpoint/test_state.h"
#include "framework/data/safetensors.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using graph::HostTensor;
using ::testing::HasSubstr;

Checkpointer::Options Small(const std::string& root) {
  Checkpointer::Options options;
  options.root = root;
  options.block_bytes = 4096;
  return options;
}

// Saves the steps, each of the state of that seed.
absl::Status SaveSteps(const Checkpointer::Options& options, const Layout& layout,
                       const std::vector<int64_t>& steps) {
  return OnRanks(layout.ranks, [&](compiler::Collectives& ranks) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open(options, ranks));
    for (int64_t step : steps) {
      const GlobalState state = SmallState(static_cast<uint64_t>(step));
      STRATA_RETURN_IF_ERROR(
          saver->Save(step, CutState(state, layout, ranks.rank()), {{"step", absl::StrCat(step)}}));
    }
    return saver->Wait();
  });
}

// Loads the newest on `layout` and compares it with the state of its step.
absl::Status LoadAndCompare(const std::string& root, const Layout& layout, int64_t step) {
  const GlobalState state = SmallState(static_cast<uint64_t>(step));
  return OnRanks(layout.ranks, [&](compiler::Collectives& ranks) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const GoodCheckpoint good, LatestGood(root, ranks));
    STRATA_ASSIGN_OR_RETURN(const StoredCheckpoint stored, StoredCheckpoint::Open(good.folder));
    EXPECT_EQ(stored.step(), step);
    EXPECT_EQ(stored.extra().at("step"), absl::StrCat(step));
    const std::vector<ShardedTensor> want = CutState(state, layout, ranks.rank());
    std::vector<ShardedTensor> got = EmptyLike(want);
    STRATA_RETURN_IF_ERROR(stored.Load(absl::MakeSpan(got)));
    EXPECT_TRUE(SameBits(got, want)) << "rank " << ranks.rank();
    return absl::OkStatus();
  });
}

TEST(CheckpointerTest, LoadsOnAnyMeshWhatAnyMeshSaved) {
  std::mt19937_64 random(1);
  const GlobalState shapes = SmallState(0);
  for (int round = 0; round < 25; ++round) {
    const std::string root = FreshFolder("any_mesh");
    const Layout from = RandomLayout(shapes, 1 + static_cast<int>(random() % 5), random);
    ASSERT_OK(SaveSteps(Small(root), from, {round}));
    for (int again = 0; again < 2; ++again) {
      const Layout to = RandomLayout(shapes, 1 + static_cast<int>(random() % 6), random);
      ASSERT_OK(LoadAndCompare(root, to, round));
    }
  }
}

TEST(CheckpointerTest, KeepsTheNewest) {
  const std::string root = FreshFolder("keep");
  const Layout layout = RowLayout(SmallState(0), 3);
  Checkpointer::Options options = Small(root);
  options.keep = 2;
  ASSERT_OK(SaveSteps(options, layout, {100, 200, 300, 400}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Commits commits, ListCommits(root));
  ASSERT_EQ(commits.whole.size(), 2u);
  EXPECT_EQ(commits.whole[0].step, 400);
  EXPECT_EQ(commits.whole[1].step, 300);
  // A run that went back: newer is what was saved later.
  ASSERT_OK(SaveSteps(options, layout, {150}));
  ASSERT_OK(LoadAndCompare(root, RowLayout(SmallState(0), 2), 150));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, ListFolder(root));
  EXPECT_EQ(names.size(), 3u) << "two checkpoints and the lock";
}

TEST(CheckpointerTest, AnyReaderOfSafetensorsOpensTheFiles) {
  const std::string root = FreshFolder("safetensors");
  ASSERT_OK(SaveSteps(Small(root), RowLayout(SmallState(0), 2), {7}));
  STRATA_ASSERT_OK_AND_ASSIGN(const GoodCheckpoint good, LatestGood(root));
  STRATA_ASSERT_OK_AND_ASSIGN(const StoredCheckpoint stored, StoredCheckpoint::Open(good.folder));
  ASSERT_EQ(stored.manifest().files_size(), 2);
  STRATA_ASSERT_OK_AND_ASSIGN(
      const auto file,
      framework::OpenSafetensors(JoinPath(good.folder, stored.manifest().files(0).name())));
  EXPECT_TRUE(file.Has("wte[0:18, 0:48]"));
  STRATA_ASSERT_OK_AND_ASSIGN(const HostTensor count, stored.LoadWhole("count"));
  EXPECT_TRUE(SameBits(count, SmallState(7)["count"]));
}

TEST(CheckpointerTest, TrainingMayChangeTheStateAtOnce) {
  const std::string root = FreshFolder("snapshot");
  const GlobalState state = SmallState(5);
  const Layout layout = RowLayout(state, 2);
  ASSERT_OK(OnRanks(2, [&](compiler::Collectives& ranks) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open(Small(root), ranks));
    std::vector<ShardedTensor> mine = CutState(state, layout, ranks.rank());
    STRATA_RETURN_IF_ERROR(saver->Save(5, mine, {{"step", "5"}}));
    for (ShardedTensor& tensor : mine) {
      std::fill_n(tensor.local.data<char>(), tensor.local.size_bytes(), '\0');
    }
    STRATA_RETURN_IF_ERROR(saver->Wait());
    EXPECT_EQ(saver->last_report().step, 5);
    EXPECT_GT(saver->last_report().bytes_copied, 0u);
    EXPECT_EQ(saver->last_report().bytes_written, saver->last_report().bytes_copied);
    return absl::OkStatus();
  }));
  ASSERT_OK(LoadAndCompare(root, layout, 5));
}

// Of one rank: SmallState(1) with `changed` from another seed.
std::vector<ShardedTensor> StateWithChanged(const std::vector<std::string>& changed) {
  GlobalState state = SmallState(1);
  for (const std::string& name : changed) state[name] = SmallState(2)[name];
  return CutState(state, RowLayout(state, 1), 0);
}

TEST(CheckpointerTest, LinksWhatDidNotChange) {
  const std::string root = FreshFolder("incremental");
  Checkpointer::Options options = Small(root);
  options.keep = 1;
  options.full_every = 4;
  ASSERT_OK(OnRanks(1, [&](compiler::Collectives& ranks) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open(options, ranks));
    const auto written = [&](int64_t step, const std::vector<std::string>& changed) -> uint64_t {
      EXPECT_OK(saver->Save(step, StateWithChanged(changed)));
      EXPECT_OK(saver->Wait());
      EXPECT_OK(saver->last_report().cleanup);
      return saver->last_report().bytes_written;
    };
    const uint64_t all = written(0, {});
    EXPECT_EQ(written(1, {}), 0u);
    EXPECT_EQ(written(2, {"wte"}), 37u * 48 * 4);
    EXPECT_EQ(saver->last_report().bytes_kept, all - 37 * 48 * 4);
    // The older folders are gone; their bytes are not.
    STRATA_ASSIGN_OR_RETURN(const GoodCheckpoint good, LatestGood(root));
    STRATA_ASSIGN_OR_RETURN(const StoredCheckpoint stored, StoredCheckpoint::Open(good.folder));
    std::vector<ShardedTensor> got = EmptyLike(StateWithChanged({}));
    EXPECT_OK(stored.Load(absl::MakeSpan(got)));
    EXPECT_TRUE(SameBits(got, StateWithChanged({"wte"})));
    EXPECT_EQ(stored.manifest().files_size(), 2);
    EXPECT_EQ(written(3, {"wte"}), 0u);
    EXPECT_EQ(written(4, {"wte"}), all) << "the fourth after a full one is full";
    EXPECT_EQ(written(5, {"wte"}), 0u);
    // The user takes the last one away: all is written again.
    std::filesystem::remove_all(saver->last_report().folder);
    EXPECT_EQ(written(6, {"wte"}), all);
    return absl::OkStatus();
  }));
}

// What an earlier run left may have been damaged since: its file is not linked.
TEST(CheckpointerTest, TheFirstSaveOfARunIsFull) {
  const std::string root = FreshFolder("full_at_first");
  for (int run = 0; run < 2; ++run) {
    ASSERT_OK(OnRanks(1, [&](compiler::Collectives& ranks) -> absl::Status {
      STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open(Small(root), ranks));
      for (bool first : {true, false}) {
        STRATA_RETURN_IF_ERROR(saver->Save(1, StateWithChanged({})));
        STRATA_RETURN_IF_ERROR(saver->Wait());
        EXPECT_EQ(saver->last_report().bytes_kept == 0, first);
        EXPECT_EQ(saver->last_report().bytes_written == 0, !first);
      }
      return absl::OkStatus();
    }));
  }
}

TEST(CheckpointerTest, CellsMayChangeFromSaveToSave) {
  const std::string root = FreshFolder("other_cells");
  const GlobalState state = SmallState(3);
  ASSERT_OK(OnRanks(3, [&](compiler::Collectives& ranks) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open(Small(root), ranks));
    std::mt19937_64 same(1);
    for (int64_t step = 0; step < 6; ++step) {
      const Layout layout = step < 2 ? RowLayout(state, 3) : RandomLayout(state, 3, same);
      STRATA_RETURN_IF_ERROR(
          saver->Save(3, CutState(state, layout, ranks.rank()), {{"step", "3"}}));
    }
    return saver->Wait();
  }));
  ASSERT_OK(LoadAndCompare(root, RowLayout(state, 2), 3));
}

TEST(CheckpointerTest, AllRanksGetTheErrorOfOne) {
  const std::string root = FreshFolder("one_is_wrong");
  const GlobalState state = SmallState(1);
  const Layout layout = RowLayout(state, 3);
  ASSERT_OK(OnRanks(3, [&](compiler::Collectives& ranks) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open(Small(root), ranks));
    std::vector<ShardedTensor> mine = CutState(state, layout, ranks.rank());
    const auto refuses = [&](const std::vector<ShardedTensor>& tensors, const char* message) {
      EXPECT_THAT(saver->Save(1, tensors),
                  StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
    };
    std::vector<ShardedTensor> spoilt = mine;
    if (ranks.rank() == 1) spoilt[0].offset[0] = 1000;
    refuses(spoilt, "rank 1: tensor 'bias': dim 0: cell of 4 elements at 1000 is not inside");
    spoilt = mine;
    if (ranks.rank() == 2) spoilt.erase(spoilt.begin());
    refuses(spoilt, "tensor 'bias' of all ranks: no cell holds element [8] of [13]");
    EXPECT_THAT(saver->Save(ranks.rank(), mine),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("rank 1 saves step 1, rank 0 step 0")));
    EXPECT_THAT(saver->Save(-1, mine),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("step -1 is below 0")));
    // And goes on.
    STRATA_RETURN_IF_ERROR(saver->Save(1, mine, {{"step", "1"}}));
    return saver->Wait();
  }));
  ASSERT_OK(LoadAndCompare(root, layout, 1));
}

TEST(CheckpointerTest, RefusesASecondSaver) {
  const std::string root = FreshFolder("two_savers");
  Checkpointer::Options options = Small(root);
  options.lock_patience = std::chrono::milliseconds(30);
  ASSERT_OK(OnRanks(1, [&](compiler::Collectives& ranks) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto first, Checkpointer::Open(options, ranks));
    EXPECT_THAT(
        Checkpointer::Open(options, ranks),
        StatusIs(absl::StatusCode::kFailedPrecondition,
                 HasSubstr(absl::StrCat(root, ": another run saves checkpoints here (it holds"))));
    return absl::OkStatus();
  }));
  ASSERT_OK(SaveSteps(options, RowLayout(SmallState(0), 2), {1}));
}

TEST(CheckpointerTest, RefusesOptionsThatMakeNoSense) {
  const auto error = [](void (*spoil)(Checkpointer::Options&), const char* message) {
    Checkpointer::Options options = Small(FreshFolder("options"));
    spoil(options);
    EXPECT_THAT(SaveSteps(options, RowLayout(SmallState(0), 1), {}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  error([](Checkpointer::Options& o) { o.root.clear(); }, "root: give a folder");
  error([](Checkpointer::Options& o) { o.keep = 0; }, "keep: must be at least 1");
  error([](Checkpointer::Options& o) { o.full_every = 0; }, "full_every: must be at least 1");
  error([](Checkpointer::Options& o) { o.block_bytes = 5000; }, "block_bytes: 5000 is no power");
}

}  // namespace
}  // namespace strata::distributed
