#include "distributed/transport/shm_transport.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/transport/fork_ranks.h"
#include "distributed/transport/transport_conformance.h"

namespace strata::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
constexpr auto kDeadline = absl::StatusCode::kDeadlineExceeded;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::vector<TransportCase> Cases() {
  std::vector<TransportCase> cases;
  for (int ranks : {1, 2, 3, 5, 9}) {
    cases.push_back({absl::StrCat("shm", ranks), ranks, [ranks] { return ShmThreads(ranks); }});
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Shm, TransportConformance, testing::ValuesIn(Cases()),
                         TransportCaseName());

// A ring of messages for ever, until somebody is gone.
absl::Status GoRound(Transport& t, size_t bytes, const std::function<void(int)>& at_round) {
  std::string data(bytes, 'x');
  for (int round = 0;; ++round) {
    at_round(round);
    STRATA_RETURN_IF_ERROR(
        t.SendRecv({(t.rank() + 1) % t.size(), 1, data.data(), bytes},
                   {(t.rank() + t.size() - 1) % t.size(), 1, data.data(), bytes}));
  }
}

TEST(ShmTransportTest, ProcessesThatAreKilledAreNoticed) {
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{1} << 20}) {
    const auto ends = ForkRanks(3, [bytes](const LaunchEnv& env) -> absl::Status {
      STRATA_ASSIGN_OR_RETURN(const auto world, ShmWorld(env));
      return GoRound(*world->local[0], bytes, [&](int round) {
        if (env.rank == 2 && round == 10) raise(SIGKILL);
      });
    });
    EXPECT_EQ(ends[2].signal, SIGKILL);
    EXPECT_THAT(ends[0].status, StatusIs(kUnavailable, HasSubstr("rank 2 has left the run")));
    EXPECT_THAT(ends[1].status, StatusIs(kUnavailable, HasSubstr("has left the run")));
  }
}

TEST(ShmTransportTest, ASenderHearsThatItsReceiverWasKilled) {
  const auto ends = ForkRanks(2, [](const LaunchEnv& env) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto world, ShmWorld(env));
    if (env.rank == 1) raise(SIGKILL);
    const std::string much(8 << 20, 'x');
    return world->local[0]->Send({1, 1, much.data(), much.size()});
  });
  EXPECT_THAT(ends[0].status,
              StatusIs(kUnavailable, AllOf(HasSubstr("rank 1 has left the run: its process"),
                                           HasSubstr("was it killed?"))));
}

int FilesOfOurs() {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    files += absl::StrContains(entry.path().string(), "strata");
  }
  return files;
}

TEST(ShmTransportTest, NothingIsLeftBehind) {
  const auto ends = ForkRanks(2, [](const LaunchEnv& env) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto world, ShmWorld(env));
    EXPECT_EQ(FilesOfOurs(), 0);
    STRATA_RETURN_IF_ERROR(world->local[0]->Barrier());
    raise(SIGKILL);
    return absl::OkStatus();
  });
  for (const RankEnd& end : ends) EXPECT_EQ(end.signal, SIGKILL);
  EXPECT_EQ(FilesOfOurs(), 0);
}

TEST(ShmTransportTest, RanksThatDoNotComeAreNamed) {
  const auto ends = ForkRanks(3, [](LaunchEnv env) -> absl::Status {
    if (env.rank == 2) return absl::OkStatus();
    if (env.rank == 0) env.timeout = std::chrono::milliseconds(300);
    return ShmWorld(env).status();
  });
  EXPECT_THAT(ends[0].status,
              StatusIs(kDeadline, HasSubstr("1 of 3 ranks did not come in time: 2")));
  EXPECT_THAT(ends[1].status, StatusIs(kFailedPrecondition, HasSubstr("did not come in time: 2")));
}

TEST(ShmTransportTest, ARankMayDieAndComeAgainBeforeTheRunBegins) {
  const auto ends = ForkRanks(3, [](const LaunchEnv& env) -> absl::Status {
    if (env.rank == 1) {
      const pid_t first_try = fork();
      if (first_try == 0) _exit(ShmWorld(env).ok());
      usleep(50000);
      kill(first_try, SIGKILL);
      waitpid(first_try, nullptr, 0);
    }
    if (env.rank == 2) usleep(200000);  // so that rank 1's first try waits for it
    STRATA_ASSIGN_OR_RETURN(const auto world, ShmWorld(env));
    return world->local[0]->Barrier();
  });
  for (const RankEnd& end : ends) EXPECT_OK(end.status);
}

TEST(ShmTransportTest, AllRanksMustBeHere) {
  LaunchEnv env;
  env.size = 4;
  env.local_size = 2;
  EXPECT_THAT(ShmWorld(env),
              StatusIs(kInvalid, HasSubstr("only 2 of 4 ranks are on this machine; use tcp")));
  EXPECT_THAT(ShmThreads(0), StatusIs(kInvalid, HasSubstr("give 1 to 256")));
  EXPECT_THAT(ShmThreads(257), StatusIs(kInvalid, HasSubstr("give 1 to 256")));
}

}  // namespace
}  // namespace strata::distributed
