#include "distributed/launch/process_group.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Stream = ProcessGroup::Stream;

RankProcess Shell(int rank, const std::string& script) {
  RankProcess process;
  process.rank = rank;
  process.argv = {"/bin/sh", "-c", script};
  return process;
}

// A pipe whose write end the processes inherit: it reads as ended when the last of them is gone.
struct Lifeline {
  int fds[2];
  Lifeline() { EXPECT_EQ(pipe(fds), 0); }
  ~Lifeline() { close(fds[0]); }
  bool AllGone() {
    close(fds[1]);
    pollfd p = {fds[0], POLLIN, 0};
    char byte;
    return poll(&p, 1, 20000) == 1 && read(fds[0], &byte, 1) == 0;
  }
};

class ProcessGroupTest : public testing::Test {
 protected:
  void Start(const std::vector<RankProcess>& processes) {
    auto group =
        ProcessGroup::Start(processes, [this](int rank, Stream stream, absl::string_view line) {
          lines_[{rank, stream}].emplace_back(line);
        });
    ASSERT_OK(group);
    group_ = *std::move(group);
  }
  std::map<int, RankExit> WaitForAll() {
    std::map<int, RankExit> all;
    while (group_->running() > 0)
      for (RankExit& exit : group_->Wait(milliseconds(1000))) all[exit.rank] = exit;
    return all;
  }

  std::map<std::pair<int, Stream>, std::vector<std::string>> lines_;
  std::unique_ptr<ProcessGroup> group_;
};

TEST_F(ProcessGroupTest, PassesLinesAndExits) {
  RankProcess first = Shell(0, "echo one; echo $WHO; printf 'no end'");
  first.environment = {{"WHO", "me and you"}};
  Start({first, Shell(1, "echo bad >&2; exit 3"), Shell(2, "kill -9 $$")});
  std::map<int, RankExit> exits = WaitForAll();
  EXPECT_THAT((lines_[{0, Stream::kOutput}]), ElementsAre("one", "me and you", "no end"));
  EXPECT_THAT((lines_[{1, Stream::kError}]), ElementsAre("bad"));
  EXPECT_FALSE(exits[0].failed());
  EXPECT_EQ(exits[1].shell_code(), 3);
  EXPECT_THAT(exits[1].last_lines, ElementsAre("bad"));
  EXPECT_EQ(Describe(exits[1]), "rank 1 exited with 3");
  EXPECT_EQ(exits[2].shell_code(), 137);
  EXPECT_EQ(Describe(exits[2]), "rank 2 was ended by signal 9 (Killed)");
}

TEST_F(ProcessGroupTest, KeepsTheLastLines) {
  Start({Shell(0, "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done")});
  const std::map<int, RankExit> exits = WaitForAll();
  EXPECT_EQ((lines_[{0, Stream::kOutput}].size()), 5000u);
  ASSERT_EQ(exits.at(0).last_lines.size(), ProcessGroup::kLastLines);
  EXPECT_EQ(exits.at(0).last_lines.back(), "line 4999");
}

TEST_F(ProcessGroupTest, ARankThatNeverStopsTalkingDoesNotHideTheOthers) {
  Start({Shell(0, "exec yes"), Shell(1, "exit 3")});
  std::vector<RankExit> exits;
  while (exits.empty()) exits = group_->Wait(milliseconds(100));
  EXPECT_EQ(exits[0].rank, 1);
  EXPECT_EQ(group_->Stop(milliseconds(5000)).at(0).signal, SIGTERM);
}

TEST_F(ProcessGroupTest, StopAsksAndThenKills) {
  Start({Shell(0, "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"),
         Shell(1, "trap '' TERM; echo up; while :; do sleep 0.01; done")});
  while (lines_.size() < 2) group_->Wait(milliseconds(10));
  const std::vector<RankExit> exits = group_->Stop(milliseconds(300));
  ASSERT_EQ(exits.size(), 2u);
  EXPECT_THAT((lines_[{0, Stream::kOutput}]), ElementsAre("up", "bye"));
  EXPECT_EQ(exits[0].rank, 0);
  EXPECT_EQ(exits[1].signal, SIGKILL);
}

// A rank that hears of another's death may be gone before it.
TEST_F(ProcessGroupTest, ASignalIsNoConsequence) {
  Start({Shell(0, "exit 1"), Shell(1, "sleep 0.03; kill -9 $$"), Shell(2, "exec sleep 1000")});
  std::vector<RankExit> exits;
  while (exits.empty()) exits = group_->Wait(milliseconds(1000));
  EXPECT_EQ(group_->FirstFailure(exits)->rank, 1);
  group_->Stop(milliseconds(0));
  Start({Shell(0, "exit 0"), Shell(1, "exit 4")});
  std::vector<RankExit> all;
  while (group_->running() > 0)
    for (const RankExit& exit : group_->Wait(milliseconds(1000))) all.push_back(exit);
  EXPECT_EQ(group_->FirstFailure(all)->rank, 1);
  EXPECT_FALSE(group_->FirstFailure({}).has_value());
}

TEST_F(ProcessGroupTest, WhatARankStartedEndsWithIt) {
  Lifeline lifeline;
  Start({Shell(0, "sleep 1000 & exit 5")});
  EXPECT_EQ(WaitForAll().at(0).code, 5);
  EXPECT_TRUE(lifeline.AllGone());
}

TEST_F(ProcessGroupTest, RanksDieWithTheLauncher) {
  Lifeline lifeline;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t launcher = fork();
  if (launcher == 0) {
    auto group = ProcessGroup::Start({Shell(0, "exec sleep 1000")}, nullptr);
    const char byte = group.ok() ? 'y' : 'n';
    if (write(ready[1], &byte, 1) == 1) pause();
    _exit(1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  kill(launcher, SIGKILL);
  waitpid(launcher, nullptr, 0);
  close(ready[0]), close(ready[1]);
  EXPECT_TRUE(lifeline.AllGone());
}

TEST_F(ProcessGroupTest, GoneWithTheGroup) {
  Lifeline lifeline;
  Start({Shell(0, "sleep 1000"), Shell(1, "trap '' TERM INT; sleep 1000; sleep 1000")});
  group_.reset();
  EXPECT_TRUE(lifeline.AllGone());
}

TEST_F(ProcessGroupTest, FunctionsInForks) {
  RankProcess process;
  process.rank = 4;
  process.environment = {{"WHO", "a fork"}};
  process.body = [] {
    std::printf("%s\n", std::getenv("WHO"));
    return 7;
  };
  Start({process});
  EXPECT_EQ(WaitForAll().at(4).code, 7);
  EXPECT_THAT((lines_[{4, Stream::kOutput}]), ElementsAre("a fork"));
}

TEST_F(ProcessGroupTest, WakesForAnother) {
  int wake[2];
  ASSERT_EQ(pipe(wake), 0);
  ASSERT_EQ(write(wake[1], "x", 1), 1);
  RankProcess sleep;
  sleep.argv = {"sleep", "1000"};
  Start({sleep});
  EXPECT_TRUE(group_->Wait(milliseconds(60000), wake[0]).empty());
  group_->SignalRank(1, SIGKILL);  // nobody
  EXPECT_EQ(group_->running(), 1);
  group_->SignalRank(0, SIGINT);
  EXPECT_EQ(WaitForAll().at(0).signal, SIGINT);
  close(wake[0]), close(wake[1]);
}

TEST_F(ProcessGroupTest, NamesTheRankThatCannotStart) {
  RankProcess none;
  none.rank = 1;
  none.argv = {"/no/such/program"};
  EXPECT_THAT(ProcessGroup::Start({Shell(0, "sleep 1000"), none}, nullptr),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("rank 1: cannot run '/no/such/program'"),
                             HasSubstr("No such file"))));
  none.argv.clear();
  EXPECT_THAT(ProcessGroup::Start({none}, nullptr),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("rank 1: the command is")));
}

}  // namespace
}  // namespace strata::distributed
