#include "distributed/launch/rank_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

extern char** environ;

namespace strata::distributed {
namespace {

struct Pipe {
  int read = -1;
  int write = -1;
  ~Pipe() {
    CloseRead();
    CloseWrite();
  }
  void CloseRead() { Close(&read); }
  void CloseWrite() { Close(&write); }
  static void Close(int* fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
  absl::Status Open() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
      return absl::ResourceExhaustedError(absl::StrCat("pipe: ", std::strerror(errno)));
    read = fds[0];
    write = fds[1];
    return absl::OkStatus();
  }
};

// "NAME=value" of this process's environment with `changes` over it.
std::vector<std::string> Environment(
    const std::vector<std::pair<std::string, std::string>>& changes) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool replaced = false;
    for (const auto& [name, value] : changes)
      replaced |= absl::StartsWith(*entry, absl::StrCat(name, "="));
    if (!replaced) all.push_back(*entry);
  }
  for (const auto& [name, value] : changes) all.push_back(absl::StrCat(name, "=", value));
  return all;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// What the child does first; only calls that are safe after a fork.
void EnterChild(pid_t parent, const Pipe* out, const Pipe* err) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before it could be watched
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(signal, SIG_DFL);
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing >= 0) dup2(nothing, 0);
  if (nothing > 2) close(nothing);
  if (out != nullptr) dup2(out->write, 1);
  if (err != nullptr) dup2(err->write, 2);
}

// errno of the exec that failed; 0 when it went well.
int ReadExecError(Pipe* failure) {
  failure->CloseWrite();
  int error = 0;
  ssize_t got;
  do {
    got = read(failure->read, &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  return got == sizeof(error) ? error : 0;
}

}  // namespace

absl::StatusOr<StartedProcess> StartProcess(const RankProcess& process, bool capture) {
  if (process.argv.empty() && !process.body)
    return absl::InvalidArgumentError("the command is empty; name a program to run");
  Pipe out, err, failure;
  if (capture) {
    STRATA_RETURN_IF_ERROR(out.Open());
    STRATA_RETURN_IF_ERROR(err.Open());
  }
  STRATA_RETURN_IF_ERROR(failure.Open());
  // All that takes memory happens before the fork.
  const std::vector<std::string> environment = Environment(process.environment);
  const std::vector<char*> argv = Pointers(process.argv), envp = Pointers(environment);
  if (process.body) std::fflush(nullptr);  // else both would write what is buffered
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return absl::ResourceExhaustedError(absl::StrCat("fork: ", std::strerror(errno)));
  if (pid == 0) {
    EnterChild(parent, capture ? &out : nullptr, capture ? &err : nullptr);
    if (process.body) {
      failure.CloseWrite();
      for (const auto& [name, value] : process.environment) setenv(name.c_str(), value.c_str(), 1);
      const int code = process.body();
      std::fflush(nullptr);
      _exit(code);
    }
    execvpe(argv[0], argv.data(), envp.data());
    const int error = errno;
    const ssize_t put = write(failure.write, &error, sizeof(error));
    _exit(put < 0 ? 126 : 127);
  }
  setpgid(pid, pid);  // here too: whoever comes first
  if (const int error = ReadExecError(&failure)) {
    waitpid(pid, nullptr, 0);
    return absl::NotFoundError(
        absl::StrCat("cannot run '", process.argv[0], "': ", std::strerror(error)));
  }
  StartedProcess started;
  started.pid = pid;
  started.exit_fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (capture) {
    fcntl(out.read, F_SETFL, O_NONBLOCK);
    fcntl(err.read, F_SETFL, O_NONBLOCK);
    std::swap(started.out_fd, out.read);
    std::swap(started.err_fd, err.read);
  }
  return started;
}

}  // namespace strata::distributed
