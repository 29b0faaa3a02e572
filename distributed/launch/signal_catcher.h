// Signals as something to wait for: while it lives, SIGINT, SIGTERM and SIGHUP do not end this process but make fd()
// readable. For the main thread, before others start.
#ifndef STRATA_DISTRIBUTED_LAUNCH_SIGNAL_CATCHER_H_
#define STRATA_DISTRIBUTED_LAUNCH_SIGNAL_CATCHER_H_

#include <signal.h>

namespace strata::distributed {

class SignalCatcher {
 public:
  SignalCatcher();
  ~SignalCatcher();  // those not taken are lost; the old mask is back
  SignalCatcher(const SignalCatcher&) = delete;
  SignalCatcher& operator=(const SignalCatcher&) = delete;

  int fd() const { return fd_; }
  int Take();  // the next one that came; 0 when there is none

 private:
  int fd_ = -1;
  sigset_t old_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_LAUNCH_SIGNAL_CATCHER_H_
