// Saves whose file system fails, whose process is killed and whose folders are taken away: whatever happens, the last
// commit loads to the bit, and the run can go on.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "distributed/checkpoint/checkpointer.h"
#include "distributed/checkpoint/file_hook.h"
#include "distributed/checkpoint/manifest.h"
#include "distributed/checkpoint/store.h"
#include "distributed/checkpoint/stored_checkpoint.h"
#include "distributed/checkpoint/test_state.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kRanks = 2;

Checkpointer::Options OptionsOf(const std::string& root) {
  Checkpointer::Options options;
  options.root = root;
  options.keep = 2;
  options.block_bytes = 4096;
  options.part_patience = std::chrono::milliseconds(200);
  return options;
}

// A part of it is the same in every step, so that links are made too.
GlobalState StateOf(int64_t step) {
  GlobalState state = SmallState(static_cast<uint64_t>(step));
  state["wte"] = SmallState(0)["wte"];
  return state;
}

std::vector<ShardedTensor> Mine(int64_t step, const compiler::Collectives& ranks) {
  return CutState(StateOf(step), RowLayout(StateOf(step), ranks.size()), ranks.rank());
}

// A run that saves the steps and ends.
absl::Status SaveSteps(const std::string& root, const std::vector<int64_t>& steps) {
  return OnRanks(kRanks, [&](compiler::Collectives& ranks) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open(OptionsOf(root), ranks));
    for (int64_t step : steps) STRATA_RETURN_IF_ERROR(saver->Save(step, Mine(step, ranks)));
    return saver->Wait();
  });
}

// The step of the newest good checkpoint, whose bits are checked.
absl::StatusOr<int64_t> LoadNewest(const std::string& root) {
  STRATA_ASSIGN_OR_RETURN(const GoodCheckpoint good, LatestGood(root));
  STRATA_ASSIGN_OR_RETURN(const StoredCheckpoint stored, StoredCheckpoint::Open(good.folder));
  for (const auto& [name, tensor] : StateOf(stored.step())) {
    STRATA_ASSIGN_OR_RETURN(const graph::HostTensor got, stored.LoadWhole(name));
    if (!SameBits(got, tensor)) return absl::InternalError(absl::StrCat(name, ": other bits"));
  }
  return stored.step();
}

// A new run saves, and what is left is its and older checkpoints, nothing dead.
void ExpectGoesOn(const std::string& root, int64_t step) {
  ASSERT_OK(SaveSteps(root, {step}));
  STRATA_ASSERT_OK_AND_ASSIGN(const int64_t newest, LoadNewest(root));
  EXPECT_EQ(newest, step);
  STRATA_ASSERT_OK_AND_ASSIGN(const Commits commits, ListCommits(root));
  EXPECT_TRUE(commits.reasons.empty()) << commits.reasons[0];
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, ListFolder(root));
  EXPECT_EQ(names.size(), commits.whole.size() + 1) << "checkpoints and the lock";
  for (const Commit& commit : commits.whole) {
    STRATA_ASSERT_OK_AND_ASSIGN(const auto manifest, ReadManifest(commit.folder));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto files, ListFolder(commit.folder));
    EXPECT_EQ(files.size(), static_cast<size_t>(manifest.files_size()) + 1) << commit.folder;
  }
}

// A copy of a folder with steps 1 and 2, which costs less than saving them.
std::string TwoSteps(const std::string& name) {
  static const std::string* original = [] {
    auto* folder = new std::string(FreshFolder("two_steps"));
    EXPECT_OK(SaveSteps(*folder, {1, 2}));
    return folder;
  }();
  const std::string root = FreshFolder(name);
  std::filesystem::copy(*original, root, std::filesystem::copy_options::recursive);
  return root;
}

TEST(FaultsTest, EveryCallToTheFileSystemMayFail) {
  int failed_saves = 0;
  for (int at = 0;; ++at) {
    const std::string root = TwoSteps("failing");
    const int error = at % 2 == 0 ? ENOSPC : EIO;
    absl::Status status;
    {
      FileHook hook(root, [&](const FileCall& call) { return call.index == at ? error : 0; });
      status = SaveSteps(root, {3, 4});
      if (hook.calls() <= at) break;
    }
    STRATA_ASSERT_OK_AND_ASSIGN(const int64_t newest, LoadNewest(root));
    if (status.ok()) {
      EXPECT_EQ(newest, 4) << "call " << at;
    } else {
      ++failed_saves;
      EXPECT_THAT(std::string(status.message()),
                  AllOf(HasSubstr(root), HasSubstr(std::strerror(error))));
    }
    if (at % 4 == 0) ExpectGoesOn(root, 5);
  }
  EXPECT_GT(failed_saves, 60);
}

TEST(FaultsTest, TheSameRunGoesOnAfterAFailedSave) {
  const std::string root = TwoSteps("failing_once");
  ASSERT_OK(OnRanks(kRanks, [&](compiler::Collectives& ranks) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open(OptionsOf(root), ranks));
    STRATA_RETURN_IF_ERROR(ranks.Barrier());
    std::unique_ptr<FileHook> hook;
    if (ranks.rank() == 0) {
      hook = std::make_unique<FileHook>(root, [](const FileCall& call) {
        const bool is_data =
            call.op == FileOp::kWrite && absl::StrContains(call.path, "rank-00001");
        return is_data ? ENOSPC : 0;
      });
    }
    STRATA_RETURN_IF_ERROR(ranks.Barrier());
    EXPECT_OK(saver->Save(3, Mine(3, ranks))) << "the error comes with the next call";
    EXPECT_THAT(saver->Save(4, Mine(4, ranks)),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         AllOf(HasSubstr("checkpoint of step 3: rank 1: "),
                               HasSubstr("No space left on device; free space there"))));
    hook.reset();
    STRATA_RETURN_IF_ERROR(ranks.Barrier());
    return saver->Save(5, Mine(5, ranks));
  }));
  // That save was not waited for: it is committed or it is not.
  STRATA_ASSERT_OK_AND_ASSIGN(const int64_t newest, LoadNewest(root));
  EXPECT_TRUE(newest == 5 || newest == 2);
  ExpectGoesOn(root, 6);
}

// What a crash of the machine would leave is what was synced: before the manifest gets its name, every file's bytes, every
// name in the folder and the folder's own name must be.
TEST(FaultsTest, EverythingIsDurableBeforeTheCommit) {
  const std::string root = TwoSteps("durable");
  std::set<std::string> unsynced;
  int commits = 0;
  {
    FileHook hook(root, [&](const FileCall& call) {
      const std::string folder = std::filesystem::path(call.path).parent_path().string();
      if (call.op == FileOp::kSync) unsynced.erase(call.path);
      if (call.op == FileOp::kCreate || call.op == FileOp::kWrite) unsynced.insert(call.path);
      if (call.op == FileOp::kLink || call.op == FileOp::kMakeFolder) unsynced.insert(folder);
      if (call.op == FileOp::kRename) {
        EXPECT_EQ(unsynced.count(call.from), 0u) << call.from;
        if (absl::EndsWith(call.path, kManifestName)) {
          ++commits;
          unsynced.erase(JoinPath(root, ".lock"));  // has no bytes
          EXPECT_TRUE(unsynced.empty()) << *unsynced.begin();
        }
        unsynced.insert(folder);
      }
      return 0;
    });
    ASSERT_OK(SaveSteps(root, {3, 4}));
  }
  EXPECT_EQ(commits, 2);
}

// Runs `body` in a process of its own; true when it was killed, false when it ended by itself.
bool IsKilled(const std::function<void()>& body, const std::function<void(pid_t)>& meanwhile) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  if (meanwhile) meanwhile(child);
  int state = 0;
  waitpid(child, &state, 0);
  return WIFSIGNALED(state) && WTERMSIG(state) == SIGKILL;
}

TEST(FaultsTest, KilledBeforeAnyCallToTheFileSystem) {
  bool killed = true;
  std::set<int64_t> seen;
  for (int at = 0; killed; ++at) {
    const std::string root = TwoSteps("killed");
    killed = IsKilled(
        [&] {
          FileHook hook(root, [&](const FileCall& call) {
            if (call.index == at) kill(getpid(), SIGKILL);
            return 0;
          });
          SaveSteps(root, {3, 4}).IgnoreError();
        },
        nullptr);
    STRATA_ASSERT_OK_AND_ASSIGN(const int64_t newest, LoadNewest(root));
    seen.insert(newest);
    if (at % 4 == 0) ExpectGoesOn(root, 5);
  }
  EXPECT_EQ(seen, (std::set<int64_t>{2, 3, 4}));
}

TEST(FaultsTest, KilledAtRandomMoments) {
  std::mt19937_64 random(1);
  const std::string root = FreshFolder("killed_at_random");
  ASSERT_OK(SaveSteps(root, {1}));
  int64_t step = 1;
  for (int round = 0; round < 25; ++round) {
    const auto pause = std::chrono::microseconds(random() % 60'000);
    IsKilled(
        [&] {
          std::vector<int64_t> steps(1000);
          for (size_t i = 0; i < steps.size(); ++i) steps[i] = step + 1 + static_cast<int64_t>(i);
          SaveSteps(root, steps).IgnoreError();
        },
        [&](pid_t child) {
          std::this_thread::sleep_for(pause);
          kill(child, SIGKILL);
        });
    STRATA_ASSERT_OK_AND_ASSIGN(const int64_t newest, LoadNewest(root));
    EXPECT_GE(newest, step) << "what was committed is not lost";
    step = newest;
  }
  ExpectGoesOn(root, step + 1);
}

TEST(FaultsTest, TheFolderIsTakenAwayDuringTheSave) {
  for (const FileOp op : {FileOp::kMakeFolder, FileOp::kWrite, FileOp::kRename}) {
    const std::string root = TwoSteps("taken_away");
    absl::Status status;
    {
      bool done = false;
      FileHook hook(root, [&](const FileCall& call) {
        if (call.op == op && absl::StrContains(call.path, "step-00000003") && !done) {
          done = true;
          std::filesystem::remove_all(call.path.substr(0, call.path.find(".", root.size()) + 9));
        }
        return 0;
      });
      status = SaveSteps(root, {3});
    }
    STRATA_ASSERT_OK_AND_ASSIGN(const int64_t newest, LoadNewest(root));
    EXPECT_EQ(newest, status.ok() ? 3 : 2) << status;
    if (!status.ok()) {
      EXPECT_THAT(std::string(status.message()),
                  AllOf(HasSubstr("checkpoint of step 3"), HasSubstr("the last checkpoint is ")));
    }
    ExpectGoesOn(root, 4);
  }
}

TEST(FaultsTest, TheRootIsTakenAwayBetweenSaves) {
  const std::string root = FreshFolder("root_taken_away");
  ASSERT_OK(OnRanks(1, [&](compiler::Collectives& ranks) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open(OptionsOf(root), ranks));
    for (int64_t step : {1, 2}) {
      STRATA_RETURN_IF_ERROR(saver->Save(step, Mine(step, ranks)));
      STRATA_RETURN_IF_ERROR(saver->Wait());
      EXPECT_EQ(LoadNewest(root).value_or(0), step);
      std::filesystem::remove_all(root);
    }
    return absl::OkStatus();
  }));
}

TEST(FaultsTest, AFolderThatCannotBeWritten) {
  const std::string root = TwoSteps("read_only");
  {
    FileHook hook(root, [](const FileCall& call) {
      return call.op == FileOp::kMakeFolder && absl::StrContains(call.path, "step-") ? EROFS : 0;
    });
    EXPECT_THAT(SaveSteps(root, {3}),
                StatusIs(absl::StatusCode::kPermissionDenied,
                         HasSubstr("Read-only file system; make the folder writable")));
  }
  ExpectGoesOn(root, 4);
}

TEST(FaultsTest, LinksThatCannotBeMadeAreWritten) {
  const std::string root = TwoSteps("no_links");
  int links = 0;
  {
    FileHook hook(root, [&](const FileCall& call) {
      links += call.op == FileOp::kLink;
      return call.op == FileOp::kLink ? EPERM : 0;
    });
    ASSERT_OK(SaveSteps(root, {3, 4}));
  }
  EXPECT_GT(links, 0);
  ExpectGoesOn(root, 5);
}

}  // namespace
}  // namespace strata::distributed
