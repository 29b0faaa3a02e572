#include "distributed/transport/process_watch.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

TEST(ProcessWatchTest, ThisProcessIsThere) { EXPECT_FALSE(ProcessWatch(getpid()).Gone()); }

TEST(ProcessWatchTest, SeesADeadChildBeforeItsParentDoes) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    pause();
    _exit(0);
  }
  const ProcessWatch watch(child);
  EXPECT_FALSE(watch.Gone());
  kill(child, SIGKILL);
  while (!watch.Gone()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(waitpid(child, nullptr, 0), child);  // until now it was a zombie
  EXPECT_TRUE(watch.Gone());
  EXPECT_TRUE(ProcessWatch(child).Gone());  // no process has that number now
}

}  // namespace
}  // namespace strata::distributed
