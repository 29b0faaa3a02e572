// `strata launch` as a user meets it: its exit code, its lines and what it says to bad flags.
#include <string>
#include <vector>

#include "cli/command_fixture.h"
#include "gtest/gtest.h"

namespace strata::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class LaunchCommandTest : public CommandFixture {
 protected:
  static std::string Launch(std::vector<std::string> args, int code) {
    args.insert(args.begin(), "launch");
    return Strata(args, code);
  }
};

TEST_F(LaunchCommandTest, VerbsAndPrograms) {
  EXPECT_THAT(Launch({"-n", "2", "--", "chips"}, 0),
              AllOf(HasSubstr("[0] "), HasSubstr("[1] "), HasSubstr("h100")));
  EXPECT_THAT(Launch({"-n", "2", "--", "sh", "-c", "echo rank $RANK of $WORLD_SIZE"}, 0),
              AllOf(HasSubstr("[0] rank 0 of 2\n"), HasSubstr("[1] rank 1 of 2\n")));
  EXPECT_EQ(Launch({"-n", "2", "--output=first", "--no-prefix", "--", "sh", "-c", "echo $RANK"}, 0),
            "0\n");
  // Flags behind -- are the command's.
  EXPECT_THAT(Launch({"-n", "1", "--", "launch", "-n", "2", "--", "sh", "-c", "echo hi"}, 0),
              AllOf(HasSubstr("[0] [0] hi"), HasSubstr("[0] [1] hi")));
}

TEST_F(LaunchCommandTest, ExitCodeOfTheFirstFailure) {
  EXPECT_THAT(
      Launch({"-n", "3", "--", "sh", "-c", "[ $RANK = 2 ] && exit 77; exec sleep 1000"}, 77),
      HasSubstr("launch: rank 2 exited with 77 in generation 0; ending the other 2"));
  EXPECT_THAT(Launch({"--", "sh", "-c", "kill -9 $$"}, 137), HasSubstr("signal 9 (Killed)"));
  EXPECT_THAT(Launch({"-n", "2", "--max-restarts=1", "--", "sh", "-c",
                      "[ $STRATA_GENERATION = 1 ] || exit 5"},
                     0),
              HasSubstr("generation 1 starts with 2 ranks, restarts left: 0"));
}

TEST_F(LaunchCommandTest, HelpAndBadFlags) {
  EXPECT_THAT(Launch({"--help"}, 0), AllOf(HasSubstr("--max-restarts"), HasSubstr("MASTER_PORT"),
                                           HasSubstr("strata launch -n 4 -- train")));
  EXPECT_THAT(Launch({}, 2), HasSubstr("command is required"));
  EXPECT_THAT(Launch({"-n", "0", "--", "true"}, 2), HasSubstr("-n: is 0"));
  EXPECT_THAT(Launch({"-n", "many", "--", "true"}, 2), HasSubstr("many"));
  EXPECT_THAT(Launch({"--ranked=3", "--", "true"}, 2), HasSubstr("--help"));
  EXPECT_THAT(Launch({"--output=some", "--", "true"}, 2), HasSubstr("some"));
  EXPECT_THAT(Launch({"--timeout=0.5", "--", "true"}, 2), HasSubstr("0.5"));
  EXPECT_THAT(Launch({"--grace=inf", "--", "true"}, 2), HasSubstr("inf"));
  EXPECT_THAT(Launch({"--nnodes=2", "--", "true"}, 2), HasSubstr("--master-addr: is not set"));
  EXPECT_THAT(Launch({"-n", "2", "--min-ranks=3", "--", "true"}, 2),
              HasSubstr("--min-ranks: is 3"));
  EXPECT_THAT(Launch({"--", "no_such_program"}, 2), HasSubstr("cannot run 'no_such_program'"));
}

}  // namespace
}  // namespace strata::cli
