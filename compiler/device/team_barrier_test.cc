#include "compiler/device/team_barrier.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

// Each thread writes its place and then looks at all others'; nobody may be ahead or behind. `late`: thread 0 sleeps now
// and then, so that the others do too.
void Rounds(int team, int rounds, bool late) {
  TeamBarrier barrier;
  std::vector<int> place(static_cast<size_t>(team),
                         -1);  // plain: the barrier orders what is written
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int me = 0; me < team; ++me) {
    threads.emplace_back([&, me] {
      for (int round = 0; round < rounds; ++round) {
        if (late && me == 0 && round % 4 == 0)
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
        place[static_cast<size_t>(me)] = round;
        barrier.Wait(team);
        for (int other : place) wrong += other != round;
        barrier.Wait(team);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0) << team << " threads";
}

TEST(TeamBarrier, NobodyIsAheadOrBehind) {
  for (int team : {1, 2, 3, 5}) Rounds(team, /*rounds=*/300, /*late=*/false);
}

TEST(TeamBarrier, WhoSleptIsWoken) {
  for (int team : {2, 3, 5}) Rounds(team, /*rounds=*/24, /*late=*/true);
}

}  // namespace
}  // namespace strata::compiler
