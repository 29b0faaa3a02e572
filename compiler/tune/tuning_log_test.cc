#include "compiler/tune/tuning_log.h"

#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "base/file.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler::tune {
namespace {

using ::testing::HasSubstr;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

const TuningKey kKey = {"gemm f32 NN", "a cpu", "gcc 12"};

std::string FreshPath() {
  static int count = 0;
  return JoinPath(::testing::TempDir(), absl::StrCat("log.", getpid(), ".", count++));
}

TuningRecord Record(const std::string& config, double cost, const std::string& failure = "",
                    bool retimed = false) {
  TuningRecord record;
  record.set_version(1);
  record.set_task(kKey.task);
  record.set_cpu(kKey.cpu);
  record.set_libraries(kKey.libraries);
  record.set_config(config);
  if (failure.empty()) record.set_cost(cost);
  record.set_failure(failure);
  record.set_retimed(retimed);
  return record;
}

TEST(TuningLogTest, WhatIsAppendedIsReadAgain) {
  const std::string path = FreshPath();
  {
    STRATA_ASSERT_OK_AND_ASSIGN(TuningLog log, TuningLog::Open(path));
    EXPECT_TRUE(log.records().empty());
    ASSERT_OK(log.Append(Record("MR=14 \"quoted\"\nnewline", 1.0 / 3)));
    ASSERT_OK(log.Append(Record("MR=6", 0, "it did not compile:\nerror: x")));
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const TuningLog log, TuningLog::Open(path));
  ASSERT_EQ(log.records().size(), 2u);
  EXPECT_EQ(log.records()[0].config(), "MR=14 \"quoted\"\nnewline");
  EXPECT_EQ(log.records()[0].cost(), 1.0 / 3);  // exactly
  EXPECT_EQ(log.records()[1].failure(), "it did not compile:\nerror: x");
  EXPECT_EQ(log.unreadable_lines(), 0);
}

TEST(TuningLogTest, TheTextIsStable) {
  EXPECT_EQ(PrintRecord(Record("MR=14", 0.25, "", true)),
            "version: 1 task: \"gemm f32 NN\" cpu: \"a cpu\" libraries: \"gcc 12\" config: "
            "\"MR=14\" cost: 0.25 retimed: true");
}

TEST(TuningLogTest, TheBestIsTheCheapestOfTheFairest) {
  TuningLog log = TuningLog::InMemory();
  EXPECT_EQ(log.Best(kKey), nullptr);
  ASSERT_OK(log.Append(Record("broken", 0, "wrong results")));
  EXPECT_EQ(log.Best(kKey), nullptr);
  ASSERT_OK(log.Append(Record("slow", 3)));
  ASSERT_OK(log.Append(Record("lucky", 1)));
  EXPECT_EQ(log.Best(kKey)->config(), "lucky");
  ASSERT_OK(log.Append(Record("lucky", 2.5, "", true)));
  ASSERT_OK(log.Append(Record("steady", 2, "", true)));
  EXPECT_EQ(log.Best(kKey)->config(), "steady");
  EXPECT_EQ(log.Records(kKey).size(), 5u);
  ASSERT_OK(log.Append(Record("steady", 0, "wrong results at the end", true)));
  EXPECT_EQ(log.Best(kKey)->config(), "lucky");
  for (TuningKey other : {TuningKey{"gemm", kKey.cpu, kKey.libraries},
                          TuningKey{kKey.task, "another cpu", kKey.libraries},
                          TuningKey{kKey.task, kKey.cpu, "gcc 13"}}) {
    EXPECT_EQ(log.Best(other), nullptr);
    EXPECT_TRUE(log.Records(other).empty());
  }
}

TEST(TuningLogTest, RecordsOfVersion1AreReadAndHaveNoEpilogue) {
  const std::string path = FreshPath();
  ASSERT_OK(WriteFileAtomic(path, absl::StrCat(PrintRecord(Record("old", 2, "", true)), "\n")));
  STRATA_ASSERT_OK_AND_ASSIGN(TuningLog log, TuningLog::Open(path));
  ASSERT_NE(log.Best(kKey), nullptr);
  EXPECT_EQ(log.Best(kKey)->version(), 1u);
  EXPECT_EQ(log.BestWithEpilogue(kKey), nullptr);
  TuningRecord fast = Record("fast", 1, "", true), followed = Record("followed", 1.5, "", true);
  fast.set_epilogue_cost(4);
  followed.set_epilogue_cost(3);
  ASSERT_OK(log.Append(fast));
  ASSERT_OK(log.Append(followed));
  STRATA_ASSERT_OK_AND_ASSIGN(TuningLog again, TuningLog::Open(path));
  EXPECT_EQ(again.unreadable_lines(), 0);
  EXPECT_EQ(again.records()[1].version(), 2u);
  EXPECT_EQ(again.Best(kKey)->config(), "fast");
  EXPECT_EQ(again.BestWithEpilogue(kKey)->config(), "followed");
  ASSERT_OK(again.Append(Record("followed", 0, "wrong results", true)));
  EXPECT_EQ(again.BestWithEpilogue(kKey)->config(), "fast");
  TuningRecord later = Record("later", 1);
  later.set_version(3);
  EXPECT_THAT(ValidateRecord(later), StatusIs(kInvalid, HasSubstr("this program knows 1 and 2")));
}

TEST(TuningLogTest, ATornLineIsCountedAndTheNextRecordStandsAlone) {
  const std::string path = FreshPath();
  const std::string whole = PrintRecord(Record("MR=14", 1));
  ASSERT_OK(WriteFileAtomic(path, absl::StrCat(whole, "\n\nnonsense {\n", whole.substr(0, 40))));
  STRATA_ASSERT_OK_AND_ASSIGN(TuningLog log, TuningLog::Open(path));
  EXPECT_EQ(log.records().size(), 1u);
  EXPECT_EQ(log.unreadable_lines(), 2);
  ASSERT_OK(log.Append(Record("MR=6", 2)));
  STRATA_ASSERT_OK_AND_ASSIGN(const TuningLog again, TuningLog::Open(path));
  EXPECT_EQ(again.records().size(), 2u);
  EXPECT_EQ(again.records()[1].config(), "MR=6");
}

TEST(TuningLogTest, WritersOfSeveralProcessesDoNotMix) {
  const std::string path = FreshPath();
  constexpr int kWriters = 4, kRecords = 50;
  for (int writer = 0; writer < kWriters; ++writer) {
    if (fork() != 0) continue;
    auto log = TuningLog::Open(path);
    bool ok = log.ok();
    for (int i = 0; ok && i < kRecords; ++i)
      ok = log->Append(Record(absl::StrCat("W=", writer, " I=", i), 1, std::string(300, 'x'))).ok();
    _exit(ok ? 0 : 1);
  }
  for (int writer = 0; writer < kWriters; ++writer) {
    int status = 1;
    wait(&status);
    EXPECT_EQ(status, 0);
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const TuningLog log, TuningLog::Open(path));
  EXPECT_EQ(log.records().size(), static_cast<size_t>(kWriters * kRecords));
  EXPECT_EQ(log.unreadable_lines(), 0);
}

TEST(TuningLogTest, FaultsAreNamed) {
  const std::string path = FreshPath();
  ASSERT_OK(WriteFileAtomic(path, "a recipe\nfor bread\n"));
  EXPECT_THAT(TuningLog::Open(path), StatusIs(kInvalid, HasSubstr("is no tuning log")));
  EXPECT_THAT(TuningLog::Open(::testing::TempDir()), StatusIs(kInvalid, HasSubstr("")));
  TuningLog log = TuningLog::InMemory();
  EXPECT_THAT(log.Append(Record("", 1)), StatusIs(kInvalid, HasSubstr("config: is not set")));
  EXPECT_THAT(log.Append(Record("MR=1", 0)), StatusIs(kInvalid, HasSubstr("cost: is 0")));
  TuningRecord nameless = Record("MR=1", 1);
  nameless.clear_task();
  EXPECT_THAT(log.Append(nameless), StatusIs(kInvalid, HasSubstr("task: is not set")));
  STRATA_ASSERT_OK_AND_ASSIGN(TuningLog nowhere, TuningLog::Open("/no/such/folder/log"));
  EXPECT_THAT(
      nowhere.Append(Record("MR=1", 1)),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("/no/such/folder/log: cannot open")));
}

}  // namespace
}  // namespace strata::compiler::tune
