#include "distributed/launch/signal_catcher.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <initializer_list>

namespace strata::distributed {

SignalCatcher::SignalCatcher() {
  sigset_t caught;
  sigemptyset(&caught);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&caught, signal);
  pthread_sigmask(SIG_BLOCK, &caught, &old_);
  fd_ = signalfd(-1, &caught, SFD_NONBLOCK | SFD_CLOEXEC);
}

SignalCatcher::~SignalCatcher() {
  while (Take() != 0) {
  }
  close(fd_);
  pthread_sigmask(SIG_SETMASK, &old_, nullptr);
}

int SignalCatcher::Take() {
  signalfd_siginfo info;
  return read(fd_, &info, sizeof(info)) == sizeof(info) ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace strata::distributed
