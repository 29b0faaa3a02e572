#include "compiler/tools/in_child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace strata::compiler {
namespace {

// Before the text, so that a child that ended early is told from one that returned nothing.
constexpr char kDone = '\x06';

[[noreturn]] void RunChild(const std::function<std::string()>& function, int fd,
                           int timeout_seconds, bool show_errors) {
  if (!show_errors) {
    const int null = open("/dev/null", O_WRONLY);
    if (null >= 0) dup2(null, STDERR_FILENO);
  }
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM}) ::signal(signal, SIG_DFL);
  alarm(static_cast<unsigned>(timeout_seconds));
  const std::string text = std::string(1, kDone) + function();
  for (size_t at = 0; at < text.size();) {
    const ssize_t put = write(fd, text.data() + at, text.size() - at);
    if (put < 0 && errno != EINTR) break;
    if (put > 0) at += static_cast<size_t>(put);
  }
  _exit(0);
}

std::string ReadAll(int fd) {
  std::string text;
  char block[4096];
  while (true) {
    const ssize_t got = read(fd, block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(block, static_cast<size_t>(got));
  }
}

}  // namespace

absl::StatusOr<ChildResult> RunInChild(const std::function<std::string()>& function,
                                       int timeout_seconds, bool show_errors) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0)
    return absl::InternalError(absl::StrCat("pipe: ", std::strerror(errno)));
  std::fflush(nullptr);  // or both would write what is buffered
  const pid_t child = fork();
  if (child < 0) {
    close(fds[0]);
    close(fds[1]);
    return absl::InternalError(absl::StrCat("fork: ", std::strerror(errno)));
  }
  if (child == 0) {
    close(fds[0]);
    RunChild(function, fds[1], timeout_seconds, show_errors);
  }
  close(fds[1]);
  const std::string text = ReadAll(fds[0]);
  close(fds[0]);
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  ChildResult result;
  if (!text.empty() && text[0] == kDone) {
    result.text = text.substr(1);
    return result;
  }
  result.crashed = true;
  if (WIFSIGNALED(state) && WTERMSIG(state) == SIGALRM) {
    result.text = absl::StrCat("did not end within ", timeout_seconds, " s");
  } else if (WIFSIGNALED(state)) {
    result.text =
        absl::StrCat("ended by signal ", WTERMSIG(state), " (", strsignal(WTERMSIG(state)), ")");
  } else {
    result.text = absl::StrCat("ended with exit code ", WEXITSTATUS(state));
  }
  return result;
}

}  // namespace strata::compiler
