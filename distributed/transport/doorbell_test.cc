#include "distributed/transport/doorbell.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLong = std::chrono::seconds(60);

TEST(DoorbellTest, WhatIsReadyIsNotWaitedFor) {
  Doorbell bell;
  EXPECT_TRUE(WaitFor(
      bell, 0, [] { return true; }, Clock::now()));
  EXPECT_EQ(bell.asleep, 0u);
}

TEST(DoorbellTest, GivesUpAtTheDeadline) {
  Doorbell bell;
  const auto deadline = Clock::now() + std::chrono::milliseconds(5);
  EXPECT_FALSE(WaitFor(
      bell, 10, [] { return false; }, deadline));
  EXPECT_GE(Clock::now(), deadline);
  EXPECT_EQ(bell.asleep, 0u);
}

// Two threads hand a number to and fro; with no spins each wait is a sleep, so a lost wake-up would
// be a wait of a minute.
void PingPong(int spins) {
  Doorbell bells[2];
  std::atomic<int> turn = 0;
  constexpr int kTurns = 2000;
  const auto play = [&](int me) {
    for (int i = me; i < kTurns; i += 2) {
      ASSERT_TRUE(WaitFor(
          bells[me], spins, [&] { return turn == i; }, Clock::now() + kLong));
      turn = i + 1;
      Ring(bells[1 - me]);
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();
  EXPECT_EQ(turn, kTurns);
}

TEST(DoorbellTest, NoWakeUpIsLostAsleep) { PingPong(0); }
TEST(DoorbellTest, NoWakeUpIsLostAwake) { PingPong(100); }

TEST(DoorbellTest, RingsBetweenProcesses) {
  struct Shared {
    Doorbell bell;
    std::atomic<int> value;
  };
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* shared = static_cast<Shared*>(memory);  // all bits zero is a bell
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    shared->value = 1;
    Ring(shared->bell);
    _exit(0);
  }
  EXPECT_TRUE(WaitFor(
      shared->bell, 0, [&] { return shared->value == 1; }, Clock::now() + kLong));
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  munmap(memory, sizeof(Shared));
}

TEST(DoorbellTest, RanksWithoutCoresOfTheirOwnSleepSooner) {
  EXPECT_LT(SpinsFor(100000), SpinsFor(1));
}

}  // namespace
}  // namespace strata::distributed
