#include "distributed/transport/tcp_transport.h"

#include <signal.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/transport/fork_ranks.h"
#include "distributed/transport/free_port.h"
#include "distributed/transport/meeting.h"
#include "distributed/transport/transport_conformance.h"

namespace strata::distributed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
constexpr auto kDeadline = absl::StatusCode::kDeadlineExceeded;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

LaunchEnv Env(int rank, int size, int port, const std::string& address = "127.0.0.1") {
  LaunchEnv env;
  env.launcher = "env";
  env.rank = rank;
  env.size = size;
  env.master_address = address;
  env.master_port = port;
  env.run_id = "test";
  env.timeout = std::chrono::seconds(20);
  return env;
}

// The ranks of a run, all in this process.
std::vector<absl::StatusOr<std::unique_ptr<World>>> Meet(const std::vector<LaunchEnv>& envs) {
  std::vector<absl::StatusOr<std::unique_ptr<World>>> worlds(envs.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < envs.size(); ++i) {
    threads.emplace_back([&, i] { worlds[i] = TcpWorld(envs[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  return worlds;
}

absl::StatusOr<std::unique_ptr<World>> WholeWorld(int ranks, const std::string& address) {
  STRATA_ASSIGN_OR_RETURN(const int port, FreePort());
  std::vector<LaunchEnv> envs;
  for (int rank = 0; rank < ranks; ++rank) envs.push_back(Env(rank, ranks, port, address));
  auto whole = std::make_unique<World>();
  for (auto& world : Meet(envs)) {
    STRATA_RETURN_IF_ERROR(world.status());
    whole->local.push_back(std::move((*world)->local[0]));
  }
  return whole;
}

std::vector<TransportCase> Cases() {
  std::vector<TransportCase> cases;
  for (int ranks : {1, 2, 3, 5}) {
    cases.push_back(
        {absl::StrCat("tcp", ranks), ranks, [ranks] { return WholeWorld(ranks, "127.0.0.1"); }});
  }
  cases.push_back({"tcp3v6", 3, [] { return WholeWorld(3, "::1"); }});
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Tcp, TransportConformance, testing::ValuesIn(Cases()),
                         TransportCaseName());

TEST(TcpTransportTest, AHostNameWillDo) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto world, WholeWorld(2, "localhost"));
  EXPECT_OK(RunRanks(*world, [](Transport& t) { return t.Barrier(); }));
}

TEST(TcpTransportTest, OneRunAfterAnotherMeetsAtOnePort) {
  STRATA_ASSERT_OK_AND_ASSIGN(const int port, FreePort());
  const auto rank = [&](int me) -> absl::Status {
    for (int run = 0; run < 5; ++run) {
      STRATA_ASSIGN_OR_RETURN(const auto world, TcpWorld(Env(me, 2, port)));
      STRATA_RETURN_IF_ERROR(world->local[0]->Barrier());
    }
    return absl::OkStatus();
  };
  absl::Status other;
  std::thread thread([&] { other = rank(1); });
  EXPECT_OK(rank(0));
  thread.join();
  EXPECT_OK(other);
}

// What strangers send to rank 0's port costs the run nothing.
TEST(TcpTransportTest, GarbageAtThePortIsRefused) {
  STRATA_ASSERT_OK_AND_ASSIGN(const int port, FreePort());
  absl::StatusOr<std::unique_ptr<World>> host = absl::CancelledError("");
  std::thread thread([&] { host = TcpWorld(Env(0, 2, port)); });
  const MeetingTime soon = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto connect = [&]() -> Socket {
    while (true) {
      const auto addresses = Resolve("127.0.0.1", port);
      absl::StatusOr<Socket> socket = StartConnect((*addresses)[0]);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (socket.ok() && ConnectError(*socket).ok()) return *std::move(socket);
    }
  };
  std::vector<Socket> strangers;
  const std::string messages[] = {"",
                                  "GET / HTTP/1.1\r\n\r\n",
                                  std::string(4096, '\xff'),
                                  "STRAT",
                                  std::string("STRATA\2\0", 8) + std::string(88, '\0'),
                                  std::string("STRATA\1\0", 8) + std::string(88, '\xff')};
  for (const std::string& message : messages) {
    strangers.push_back(connect());
    SendAll(strangers.back(), message, soon).IgnoreError();
  }
  strangers.erase(strangers.begin() + 3);  // one that goes in the middle of a hello
  STRATA_ASSERT_OK_AND_ASSIGN(const auto guest, TcpWorld(Env(1, 2, port)));
  thread.join();
  ASSERT_OK(host);
  std::thread peer([&] { EXPECT_OK((*host)->local[0]->Barrier()); });
  EXPECT_OK(guest->local[0]->Barrier());
  peer.join();
}

TEST(TcpTransportTest, WhoDoesNotFitIsToldWhy) {
  STRATA_ASSERT_OK_AND_ASSIGN(const int port, FreePort());
  std::vector<LaunchEnv> envs = {Env(0, 2, port), Env(1, 3, port)};
  envs[0].timeout = std::chrono::seconds(1);
  auto worlds = Meet(envs);
  EXPECT_THAT(worlds[0].status(),
              StatusIs(kDeadline, AllOf(HasSubstr("1 of 2 ranks did not come in time: 1"),
                                        HasSubstr("1 connections were refused"))));
  EXPECT_THAT(worlds[1].status(),
              StatusIs(kFailedPrecondition, HasSubstr("this run has 2 ranks, rank 1 says 3")));
  envs = {Env(0, 2, port), Env(1, 2, port)};
  for (LaunchEnv& env : envs) env.timeout = std::chrono::milliseconds(500);
  envs[1].run_id = "other";
  worlds = Meet(envs);
  EXPECT_THAT(worlds[1].status(),
              StatusIs(kDeadline, AllOf(HasSubstr("did not join rank 0 at 127.0.0.1"))));
  EXPECT_THAT(worlds[0].status(), StatusIs(kDeadline, HasSubstr("run 'test' meets here")));
}

TEST(TcpTransportTest, TwoOfOneRank) {
  STRATA_ASSERT_OK_AND_ASSIGN(const int port, FreePort());
  std::vector<LaunchEnv> envs = {Env(0, 3, port), Env(1, 3, port), Env(1, 3, port)};
  envs[0].timeout = std::chrono::seconds(1);
  const auto worlds = Meet(envs);
  EXPECT_THAT(worlds[0].status(), StatusIs(kDeadline, HasSubstr("did not come in time: 2")));
  // The other of the two hears that the meeting failed.
  for (int i : {1, 2})
    EXPECT_THAT(worlds[i].status(), StatusIs(kFailedPrecondition, HasSubstr("rank 0: "))) << i;
}

TEST(TcpTransportTest, NobodyThere) {
  STRATA_ASSERT_OK_AND_ASSIGN(const int port, FreePort());
  LaunchEnv env = Env(1, 2, port);
  env.timeout = std::chrono::milliseconds(100);
  EXPECT_THAT(TcpWorld(env),
              StatusIs(kDeadline, AllOf(HasSubstr("rank 1: did not join rank 0 at 127.0.0.1"),
                                        HasSubstr("Connection refused"))));
  env.master_address.clear();
  EXPECT_THAT(TcpWorld(env), StatusIs(kInvalid, HasSubstr("MASTER_ADDR is not set")));
}

TEST(TcpTransportTest, ProcessesThatAreKilledAreNoticedAtOnce) {
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{1} << 20}) {
    const auto ends = ForkRanks(3, [bytes](const LaunchEnv& env) -> absl::Status {
      STRATA_ASSIGN_OR_RETURN(const auto world, TcpWorld(env));
      Transport& t = *world->local[0];
      std::string data(bytes, 'x');
      for (int i = 0;; ++i) {
        if (t.rank() == 2 && i == 10) raise(SIGKILL);
        STRATA_RETURN_IF_ERROR(t.SendRecv({(t.rank() + 1) % 3, 1, data.data(), bytes},
                                          {(t.rank() + 2) % 3, 1, data.data(), bytes}));
      }
    });
    EXPECT_EQ(ends[2].signal, SIGKILL);
    EXPECT_THAT(ends[0].status, StatusIs(kUnavailable, HasSubstr("rank 2 has left the run")));
    EXPECT_THAT(ends[1].status, StatusIs(kUnavailable, HasSubstr("has left the run")));
  }
}

TEST(TcpTransportTest, AStoppedProcessIsATimeOut) {
  const auto ends = ForkRanks(2, [](const LaunchEnv& env) -> absl::Status {
    STRATA_ASSIGN_OR_RETURN(const auto world, TcpWorld(env));
    Transport& t = *world->local[0];
    t.set_timeout(std::chrono::milliseconds(300));
    const pid_t me = getpid();
    pid_t peer = 0;
    STRATA_RETURN_IF_ERROR(
        t.SendRecv({1 - t.rank(), 1, &me, sizeof(me)}, {1 - t.rank(), 1, &peer, sizeof(peer)}));
    if (t.rank() == 1) {
      raise(SIGSTOP);
      return absl::OkStatus();
    }
    char byte = 0;
    const absl::Status status = t.Recv({1, 2, &byte, 1});
    kill(peer, SIGKILL);
    return status;
  });
  EXPECT_THAT(ends[0].status, StatusIs(kDeadline, HasSubstr("receive of 1 bytes from rank 1")));
}

}  // namespace
}  // namespace strata::distributed
