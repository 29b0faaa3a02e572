// Reading of checkpoints that are not as they were written.
#include "distributed/checkpoint/stored_checkpoint.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "distributed/checkpoint/checkpointer.h"
#include "distributed/checkpoint/file_calls.h"
#include "distributed/checkpoint/manifest.h"
#include "distributed/checkpoint/store.h"
#include "distributed/checkpoint/test_state.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using checkpoint::Manifest;
using graph::HostTensor;
using ::testing::AllOf;
using ::testing::HasSubstr;
constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

// Checkpoints of steps 1 and 2 in a fresh folder, each all of its own bytes. What is changed of a copy is no matter.
class StoredCheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = FreshFolder("stored");
    ASSERT_OK(OnRanks(2, [&](compiler::Collectives& ranks) -> absl::Status {
      Checkpointer::Options options;
      options.root = root_;
      options.block_bytes = 4096;
      options.full_every = 1;
      STRATA_ASSIGN_OR_RETURN(const auto saver, Checkpointer::Open(options, ranks));
      for (int64_t step : {1, 2}) {
        const GlobalState state = SmallState(static_cast<uint64_t>(step));
        STRATA_RETURN_IF_ERROR(
            saver->Save(step, CutState(state, RowLayout(state, ranks.size()), ranks.rank())));
      }
      return saver->Wait();
    }));
    STRATA_ASSERT_OK_AND_ASSIGN(const Commits commits, ListCommits(root_));
    ASSERT_EQ(commits.whole.size(), 2u);
    newest_ = commits.whole[0].folder;
    older_ = commits.whole[1].folder;
  }

  // Of the newest.
  std::string PathOf(const std::string& name) const { return JoinPath(newest_, name); }
  Manifest manifest() const { return ReadManifest(newest_).value(); }
  const checkpoint::Cell& CellOf(const Manifest& manifest, const std::string& name) const {
    const auto it = std::find_if(manifest.tensors().begin(), manifest.tensors().end(),
                                 [&](const auto& t) { return t.name() == name; });
    return it->cells(0);
  }

  static void Flip(const std::string& path, uint64_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }

  // The newest is passed over, for that reason.
  void ExpectFallsBack(absl::StatusCode code, const std::string& message) const {
    STRATA_ASSERT_OK_AND_ASSIGN(const GoodCheckpoint good, LatestGood(root_));
    EXPECT_EQ(good.folder, older_);
    ASSERT_EQ(good.passed_over.size(), 1u);
    EXPECT_THAT(good.passed_over[0], StatusIs(code, HasSubstr(message)));
    EXPECT_OK(OnRanks(3, [&](compiler::Collectives& ranks) -> absl::Status {
      STRATA_ASSIGN_OR_RETURN(const GoodCheckpoint agreed, LatestGood(root_, ranks));
      EXPECT_EQ(agreed.folder, older_);
      return absl::OkStatus();
    }));
  }

  std::string root_, newest_, older_;
};

TEST_F(StoredCheckpointTest, AFlippedBitIsFoundWhereverItIs) {
  std::mt19937_64 random(1);
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, ListFolder(newest_));
  for (int round = 0; round < 60; ++round) {
    const std::string path = PathOf(names[random() % names.size()]);
    const uint64_t at = random() % FileBytes(path).value();
    Flip(path, at);
    STRATA_ASSERT_OK_AND_ASSIGN(const GoodCheckpoint good, LatestGood(root_));
    EXPECT_EQ(good.folder, older_) << path << ", byte " << at;
    Flip(path, at);
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const GoodCheckpoint good, LatestGood(root_));
  EXPECT_EQ(good.folder, newest_);
}

TEST_F(StoredCheckpointTest, DamageIsNamedAndHarmsOnlyItsBlock) {
  const Manifest manifest = this->manifest();
  const checkpoint::Cell& cell = CellOf(manifest, "wte");  // rows 0 .. 18 of [37, 48], f32
  ASSERT_EQ(BoxOf(cell).ToString(), "[0:18, 0:48]");
  const std::string path = PathOf(manifest.files(static_cast<int>(cell.file())).name());
  Flip(path, cell.begin() + 100);
  STRATA_ASSERT_OK_AND_ASSIGN(const StoredCheckpoint stored, StoredCheckpoint::Open(newest_));
  const HostTensor whole = SmallState(2)["wte"];
  const auto rows = [&](int64_t begin, int64_t count) {
    ShardedTensor part = {"wte", {37, 48}, {begin, 0}, HostTensor::Zeros(chips::F32, {count, 48})};
    const absl::Status status = stored.Load(absl::MakeSpan(&part, 1));
    if (status.ok()) {
      EXPECT_EQ(
          std::memcmp(part.local.raw(), whole.data<float>() + begin * 48, part.local.size_bytes()),
          0);
    }
    return status;
  };
  // 4096 bytes are 21 1/3 rows: the cell has one block. The other cell is not read for this.
  EXPECT_THAT(
      rows(17, 2),
      StatusIs(kDataLoss, AllOf(HasSubstr(path), HasSubstr("tensor 'wte', cell [0:18, 0:48]"),
                                HasSubstr(absl::StrCat("bytes ", cell.begin(), " .. ")))));
  EXPECT_OK(rows(18, 19));
  EXPECT_THAT(stored.Verify(), StatusIs(kDataLoss, HasSubstr(path)));
  ExpectFallsBack(kDataLoss, "do not match their checksum");
}

TEST_F(StoredCheckpointTest, MissingAndTruncatedFiles) {
  const std::string path = PathOf(manifest().files(0).name());
  const std::string copy = FreshFolder("copy");
  std::filesystem::copy(path, copy);
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{7}, FileBytes(path).value() - 1}) {
    std::filesystem::resize_file(path, bytes);
    EXPECT_THAT(StoredCheckpoint::Open(newest_),
                StatusIs(kDataLoss, HasSubstr(absl::StrCat(path, ": has ", bytes, " bytes, not"))));
    ExpectFallsBack(kDataLoss, "is it truncated?");
  }
  std::filesystem::remove(path);
  EXPECT_THAT(StoredCheckpoint::Open(newest_),
              StatusIs(kDataLoss, HasSubstr(path + ": is missing")));
  ExpectFallsBack(kDataLoss, "is missing");
  // It comes back, and goes again while it is open.
  std::filesystem::copy(copy, path);
  STRATA_ASSERT_OK_AND_ASSIGN(const StoredCheckpoint stored, StoredCheckpoint::Open(newest_));
  EXPECT_OK(stored.Verify());
  std::filesystem::resize_file(path, 300);
  EXPECT_THAT(stored.LoadWhole("wte"), StatusIs(kDataLoss, HasSubstr("is truncated: has no byte")));
  std::filesystem::remove(path);
  EXPECT_THAT(stored.LoadWhole("wte"), StatusIs(kDataLoss, HasSubstr(path + ": is missing")));
}

TEST_F(StoredCheckpointTest, OtherVersionsAreNeitherReadNorTakenAway) {
  const std::string path = PathOf(kManifestName);
  const std::string text = ReadFile(path).value();
  for (const char* version : {"manifest 0 ", "manifest 2 "}) {
    ASSERT_OK(WriteFileAtomic(path, absl::StrReplaceAll(text, {{"manifest 1 ", version}})));
    EXPECT_THAT(
        StoredCheckpoint::Open(newest_),
        StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("this build reads version 1: ")));
    ExpectFallsBack(absl::StatusCode::kFailedPrecondition, path);
    ASSERT_OK(RemoveDeadSaves(root_));
    ASSERT_OK(RetainNewest(root_, 1));
    EXPECT_TRUE(FileExists(path));
  }
}

TEST_F(StoredCheckpointTest, SaysWhyNothingCanBeLoaded) {
  std::filesystem::remove(PathOf(manifest().files(0).name()));
  std::filesystem::remove_all(older_);
  EXPECT_THAT(
      LatestGood(root_),
      StatusIs(kDataLoss, AllOf(HasSubstr(root_ + ": holds no checkpoint that can be loaded; "),
                                HasSubstr("is missing"), HasSubstr("put a good copy there"))));
  std::filesystem::remove_all(newest_);
  EXPECT_THAT(LatestGood(root_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(root_ + ": holds no checkpoint")));
  EXPECT_THAT(LatestGood(root_ + "/nowhere"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("nowhere: cannot list")));
  EXPECT_THAT(StoredCheckpoint::Open(root_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(root_)));
}

TEST_F(StoredCheckpointTest, RefusesTensorsOfAnotherKind) {
  STRATA_ASSERT_OK_AND_ASSIGN(const StoredCheckpoint stored, StoredCheckpoint::Open(newest_));
  const auto error = [&](ShardedTensor wanted, absl::StatusCode code, const char* message) {
    EXPECT_THAT(stored.Load(absl::MakeSpan(&wanted, 1)), StatusIs(code, HasSubstr(message)));
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  error(WholeTensor("wtf", HostTensor::Zeros(chips::F32, {2})), absl::StatusCode::kNotFound,
        "has no tensor 'wtf' among its 7");
  error(WholeTensor("wte", HostTensor::Zeros(chips::BF16, {37, 48})), kInvalid,
        "tensor 'wte': is f32[37, 48], not bf16[37, 48]");
  error(WholeTensor("wte", HostTensor::Zeros(chips::F32, {48, 37})), kInvalid, "not f32[48, 37]");
  error({"wte", {37, 48}, {37, 0}, HostTensor::Zeros(chips::F32, {1, 48})}, kInvalid,
        "is not inside");
}

TEST_F(StoredCheckpointTest, RetentionCountsWholeCheckpointsOnly) {
  std::filesystem::remove(PathOf(manifest().files(0).name()));
  ASSERT_OK(RetainNewest(root_, 1));
  EXPECT_TRUE(FileExists(older_)) << "the newest good one stays";
  ExpectFallsBack(kDataLoss, "is missing");
}

TEST_F(StoredCheckpointTest, DeadSavesAreToldFromOtherThings) {
  const std::string dead = JoinPath(root_, "step-00000009.0badcafe");
  for (const char* name : {"step-9", "step-00000009.0badcafe.bak", "notes"}) {
    ASSERT_OK(MakeDirectories(JoinPath(root_, name)));
  }
  ASSERT_OK(MakeDirectories(dead));
  for (const std::string& path : {JoinPath(dead, "rank-00000.part"), PathOf("rank-00000.part"),
                                  PathOf("manifest.textproto.tmp.17"), PathOf("notes.txt")}) {
    ASSERT_OK(WriteFileAtomic(path, "x"));
  }
  ASSERT_OK(RemoveDeadSaves(root_));
  EXPECT_FALSE(FileExists(dead));
  EXPECT_FALSE(FileExists(PathOf("rank-00000.part")));
  EXPECT_FALSE(FileExists(PathOf("manifest.textproto.tmp.17")));
  EXPECT_TRUE(FileExists(PathOf("notes.txt")));
  for (const char* name : {"step-9", "step-00000009.0badcafe.bak", "notes"}) {
    EXPECT_TRUE(FileExists(JoinPath(root_, name))) << name;
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const GoodCheckpoint good, LatestGood(root_));
  EXPECT_EQ(good.folder, newest_);
}

}  // namespace
}  // namespace strata::distributed
