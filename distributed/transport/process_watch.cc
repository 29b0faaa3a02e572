#include "distributed/transport/process_watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace strata::distributed {

ProcessWatch::ProcessWatch(pid_t pid)
    : pid_(pid), fd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}

ProcessWatch::~ProcessWatch() {
  if (fd_ >= 0) close(fd_);
}

bool ProcessWatch::Gone() const {
  if (fd_ < 0) return kill(pid_, 0) != 0 && errno == ESRCH;
  pollfd ended = {fd_, POLLIN, 0};
  return poll(&ended, 1, 0) > 0;
}

}  // namespace strata::distributed
