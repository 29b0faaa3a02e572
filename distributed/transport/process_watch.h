// ProcessWatch: whether a process of this machine has ended, also before its parent has noticed, and
// never mistaking another process that got its number.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_PROCESS_WATCH_H_
#define STRATA_DISTRIBUTED_TRANSPORT_PROCESS_WATCH_H_

#include <sys/types.h>

#include <utility>

namespace strata::distributed {

class ProcessWatch {
 public:
  ProcessWatch() = default;
  explicit ProcessWatch(pid_t pid);  // alive now, or gone for good
  ProcessWatch(ProcessWatch&& other) noexcept
      : pid_(other.pid_), fd_(std::exchange(other.fd_, -1)) {}
  ProcessWatch& operator=(ProcessWatch&&) = delete;
  ~ProcessWatch();

  pid_t pid() const { return pid_; }
  bool Gone() const;

 private:
  pid_t pid_ = 0;
  int fd_ = -1;  // -1: the kernel has no pidfd; then by number
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_PROCESS_WATCH_H_
