#include "distributed/launch/launch.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using Stream = ProcessGroup::Stream;

class LaunchTest : public testing::Test {
 protected:
  LaunchTest() {
    options_.grace = std::chrono::milliseconds(2000);
    folder_ =
        JoinPath(testing::TempDir(), testing::UnitTest::GetInstance()->current_test_info()->name());
    EXPECT_OK(MakeDirectories(folder_));
  }
  absl::StatusOr<LaunchResult> Shell(int ranks, const std::string& script) {
    options_.ranks = ranks;
    options_.command = {"/bin/sh", "-c", script, folder_};
    return Launch(options_, [this](Stream stream, absl::string_view line) {
      (stream == Stream::kOutput ? out_ : err_).emplace_back(line);
    });
  }
  std::string Errors() const { return absl::StrJoin(err_, "\n"); }

  LaunchOptions options_;
  std::string folder_;
  std::vector<std::string> out_, err_;
};

TEST_F(LaunchTest, GivesTorchrunsVariables) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const LaunchResult result,
      Shell(2,
            "echo $RANK/$WORLD_SIZE $LOCAL_RANK/$LOCAL_WORLD_SIZE node $GROUP_RANK $MASTER_ADDR "
            "$STRATA_TRANSPORT generation $STRATA_GENERATION; test $MASTER_PORT -gt 0"));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(out_, UnorderedElementsAre("[0] 0/2 0/2 node 0 127.0.0.1 tcp generation 0",
                                         "[1] 1/2 1/2 node 0 127.0.0.1 tcp generation 0"));
}

// Ranks of two runs that meet by chance notice it.
TEST_F(LaunchTest, EachRunHasAnIdOfItsOwn) {
  options_.prefix = false;
  for (int run = 0; run < 2; ++run) ASSERT_OK(Shell(2, "echo $TORCHELASTIC_RUN_ID"));
  ASSERT_EQ(out_.size(), 4u);
  EXPECT_THAT(out_[0], HasSubstr("strata-"));
  EXPECT_EQ(out_[0], out_[1]);
  EXPECT_NE(out_[0], out_[2]);
}

TEST_F(LaunchTest, OneOfSeveralMachines) {
  options_.nodes = 3, options_.node_rank = 2, options_.master_address = "10.1.2.3";
  options_.prefix = false, options_.transport = "mpi";
  ASSERT_OK(Shell(2,
                  "echo $RANK/$WORLD_SIZE $LOCAL_RANK $MASTER_ADDR:$MASTER_PORT "
                  "$STRATA_TRANSPORT"));
  EXPECT_THAT(out_, UnorderedElementsAre("4/6 0 10.1.2.3:29500 mpi", "5/6 1 10.1.2.3:29500 mpi"));
}

TEST_F(LaunchTest, OutputOfTheFirstRankOrNone) {
  options_.output = LaunchOptions::Output::kFirst;
  ASSERT_OK(Shell(3, "echo $RANK; echo e$RANK >&2"));
  EXPECT_THAT(out_, UnorderedElementsAre("[0] 0"));
  EXPECT_THAT(err_, UnorderedElementsAre("[0] e0"));
  options_.output = LaunchOptions::Output::kNone;
  ASSERT_OK(Shell(3, "echo $RANK"));
  EXPECT_EQ(out_.size(), 1u);
}

TEST_F(LaunchTest, NamesTheFirstFailureAndEndsTheOthers) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchResult result,
                              Shell(3,
                                    "if [ $RANK = 1 ]; then echo the reason >&2; exit 42; fi; "
                                    "exec sleep 1000"));
  EXPECT_EQ(result.exit_code, 42);
  ASSERT_EQ(result.generations.size(), 1u);
  EXPECT_EQ(result.generations[0].first.rank, 1);
  EXPECT_EQ(result.generations[0].others, 2);
  EXPECT_THAT(Errors(),
              AllOf(HasSubstr("rank 1 exited with 42 in generation 0; ending the other 2"),
                    HasSubstr("launch:   [1] the reason")));
}

TEST_F(LaunchTest, SaysWhichSignal) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchResult result, Shell(1, "kill -SEGV $$"));
  EXPECT_EQ(result.exit_code, 139);
  EXPECT_THAT(Errors(), HasSubstr("rank 0 was ended by signal 11 (Segmentation fault)"));
}

TEST_F(LaunchTest, RestartsAllRanks) {
  options_.max_restarts = 3;
  STRATA_ASSERT_OK_AND_ASSIGN(
      const LaunchResult result,
      Shell(2,
            "echo g$STRATA_GENERATION of $WORLD_SIZE; "
            "if [ $STRATA_GENERATION -lt 2 ]; then [ $RANK = 1 ] && kill -9 $$; exec sleep "
            "1000; fi"));
  EXPECT_EQ(result.exit_code, 0);
  ASSERT_EQ(result.generations.size(), 3u);
  EXPECT_EQ(result.generations[1].first.signal, SIGKILL);
  EXPECT_FALSE(result.generations[2].failed);
  EXPECT_THAT(out_, AllOf(Contains("[0] g2 of 2"), Contains("[1] g2 of 2")));
  EXPECT_THAT(Errors(), HasSubstr("generation 2 starts with 2 ranks, restarts left: 1"));
}

TEST_F(LaunchTest, GivesUpWhenNoRestartIsLeft) {
  options_.max_restarts = 2;
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchResult result, Shell(2, "exit 3"));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.generations.size(), 3u);
}

TEST_F(LaunchTest, ShrinksToTheFewest) {
  options_.max_restarts = 3, options_.min_ranks = 2;
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchResult result, Shell(4, "exit 1"));
  std::vector<int> sizes;
  for (const GenerationReport& g : result.generations) sizes.push_back(g.ranks);
  EXPECT_THAT(sizes, ::testing::ElementsAre(4, 3, 2, 2));
}

TEST_F(LaunchTest, GrowsWhenThereIsRoom) {
  options_.discovery = absl::StrCat("cat ", folder_, "/room");
  options_.min_ranks = 1, options_.max_ranks = 3;
  ASSERT_OK(WriteFileAtomic(JoinPath(folder_, "room"), "1"));
  // The only rank makes room; three end by themselves.
  STRATA_ASSERT_OK_AND_ASSIGN(const LaunchResult result,
                              Shell(2,
                                    "if [ $WORLD_SIZE = 1 ]; then echo 9 > $0/room; exec sleep "
                                    "1000; fi; echo of $WORLD_SIZE"));
  EXPECT_EQ(result.exit_code, 0);
  ASSERT_EQ(result.generations.size(), 2u);
  EXPECT_TRUE(result.generations[0].resized);
  EXPECT_THAT(out_, Contains("[2] of 3"));
  ASSERT_OK(WriteFileAtomic(JoinPath(folder_, "room"), "0"));
  EXPECT_THAT(Shell(2, "true"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("lower --min")));
  options_.discovery = "echo many";
  EXPECT_THAT(Shell(2, "true"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("printed 'many'")));
  options_.discovery = "sleep 1000";
  options_.discovery_patience = std::chrono::milliseconds(100);
  EXPECT_THAT(Shell(2, "true"),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("more than 0.1 s")));
  options_.discovery = "trap '' TERM; while true; do sleep 0.1; done";  // has to be killed
  EXPECT_THAT(Shell(2, "true"),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("more than 0.1 s")));
  options_.discovery = "sleep 1000 & wait";  // what it started holds its output open
  EXPECT_THAT(Shell(2, "true"),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("more than 0.1 s")));
}

// The command has ended and has said its number; what it left behind holds its output open, also out
// of its process group.
TEST_F(LaunchTest, DoesNotWaitForWhatDiscoveryLeavesBehind) {
  options_.min_ranks = 1, options_.max_ranks = 3;
  for (const char* command : {"sleep 1000 & echo 2", "setsid sleep 5 & printf 2"}) {
    SCOPED_TRACE(command);
    out_.clear();
    options_.discovery = command;
    STRATA_ASSERT_OK_AND_ASSIGN(const LaunchResult result, Shell(1, "echo of $WORLD_SIZE"));
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(out_, UnorderedElementsAre("[0] of 2", "[1] of 2"));
  }
}

TEST_F(LaunchTest, PassesSignalsOn) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string up = JoinPath(folder_, absl::StrCat("up", signal));
    int end[2];
    ASSERT_EQ(pipe(end), 0);
    const pid_t launcher = fork();
    if (launcher == 0) {
      close(end[0]);
      const auto result = Shell(2, absl::StrCat("trap 'exit 9' INT TERM; echo >> ", up,
                                                "; while :; do sleep 0.01; done"));
      _exit(result.ok() ? result->exit_code : 1);
    }
    close(end[1]);
    // A line a rank that has its trap.
    while (!FileExists(up) || ReadFile(up)->size() < 2) usleep(1000);
    kill(launcher, signal);
    int state = 0;
    ASSERT_EQ(waitpid(launcher, &state, 0), launcher);
    EXPECT_TRUE(WIFEXITED(state));
    EXPECT_EQ(WEXITSTATUS(state), 128 + signal);
    char byte;
    EXPECT_EQ(read(end[0], &byte, 1), 0);  // nobody holds the other end: no orphan
    close(end[0]);
  }
}

TEST_F(LaunchTest, BadOptions) {
  const auto refused = [this](const std::string& message) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message));
  };
  const LaunchOptions good = options_;
  const auto expect = [&](const std::string& message) {
    EXPECT_THAT(Shell(options_.ranks, "true"), refused(message));
    options_ = good;
  };
  EXPECT_THAT(Launch(options_), refused("name a command after --"));
  options_.ranks = 0;
  expect("-n: is 0, but must be in [1, 4096]");
  options_.nodes = 0;
  expect("--nnodes: is 0");
  options_.nodes = 2, options_.node_rank = 2;
  expect("--node-rank: is 2, but must be in [0, 1]");
  options_.nodes = 2;
  expect("--master-addr: is not set");
  options_.timeout_seconds = -2;
  expect("--timeout: is -2");
  options_.timeout_seconds = 1000000;  // no rank would take it
  expect("--timeout: is 1000000");
  options_.nodes = 2, options_.master_address = "10.0.0.1", options_.min_ranks = 1;
  expect("start them anew with another --nnodes");
  options_.master_port = 70000;
  expect("--master-port: is 70000");
  options_.max_restarts = -1;
  expect("--max-restarts: is -1");
  options_.grace = std::chrono::milliseconds(-500);
  expect("--grace: is -0.5");
  options_.ranks = 2, options_.min_ranks = 3;
  expect("--min-ranks: is 3, but must be in [1, 2]");
  options_.ranks = 2, options_.max_ranks = 1;
  expect("--max-ranks: is 1");
  options_.max_ranks = 4;
  expect("--discovery=COMMAND");
  options_.command = {"/no/such/program"};
  EXPECT_THAT(Launch(options_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("rank 0: cannot run")));
}

}  // namespace
}  // namespace strata::distributed
