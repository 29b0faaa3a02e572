#include "base/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

extern char** environ;

namespace strata {
namespace {

// One end of a pipe; closes itself.
struct PipeEnd {
  int fd = -1;
  ~PipeEnd() { Close(); }
  void Close() {
    if (fd >= 0) close(fd);
    fd = -1;
  }
};

absl::Status MakePipe(PipeEnd* read_end, PipeEnd* write_end) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0)
    return absl::InternalError(absl::StrCat("pipe: ", std::strerror(errno)));
  read_end->fd = fds[0];
  write_end->fd = fds[1];
  return absl::OkStatus();
}

// Reads what is there; closes the end at end of file.
void Drain(PipeEnd* end, std::string* sink) {
  char block[1 << 16];
  const ssize_t got = read(end->fd, block, sizeof(block));
  if (got > 0) sink->append(block, static_cast<size_t>(got));
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) end->Close();
}

// Writes the next part of `input`; closes the end when all is written or nobody reads.
void Feed(PipeEnd* end, const std::string& input, size_t* offset) {
  const ssize_t put = write(end->fd, input.data() + *offset, input.size() - *offset);
  if (put > 0) *offset += static_cast<size_t>(put);
  const bool broken = put < 0 && errno != EINTR && errno != EAGAIN;
  if (*offset == input.size() || broken) end->Close();
}

// A write to a program that stopped reading must not kill this process.
class IgnoreBrokenPipe {
 public:
  IgnoreBrokenPipe() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, &old_);
  }
  ~IgnoreBrokenPipe() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    const timespec zero = {0, 0};
    while (sigtimedwait(&set, nullptr, &zero) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }

 private:
  sigset_t old_;
};

void Exchange(PipeEnd* in, const std::string& input, PipeEnd* out, PipeEnd* err,
              SubprocessResult* result) {
  size_t offset = 0;
  if (input.empty()) in->Close();
  while (out->fd >= 0 || err->fd >= 0 || in->fd >= 0) {
    pollfd fds[3] = {{in->fd, POLLOUT, 0}, {out->fd, POLLIN, 0}, {err->fd, POLLIN, 0}};
    if (poll(fds, 3, -1) < 0 && errno != EINTR) break;
    if (in->fd >= 0 && fds[0].revents != 0) Feed(in, input, &offset);
    if (out->fd >= 0 && fds[1].revents != 0) Drain(out, &result->standard_output);
    if (err->fd >= 0 && fds[2].revents != 0) Drain(err, &result->standard_error);
  }
}

}  // namespace

absl::StatusOr<SubprocessResult> RunSubprocess(const std::vector<std::string>& argv,
                                               const std::string& input) {
  if (argv.empty()) return absl::InvalidArgumentError("RunSubprocess: empty command");
  PipeEnd in_read, in_write, out_read, out_write, err_read, err_write;
  STRATA_RETURN_IF_ERROR(MakePipe(&in_read, &in_write));
  STRATA_RETURN_IF_ERROR(MakePipe(&out_read, &out_write));
  STRATA_RETURN_IF_ERROR(MakePipe(&err_read, &err_write));

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in_read.fd, 0);
  posix_spawn_file_actions_adddup2(&actions, out_write.fd, 1);
  posix_spawn_file_actions_adddup2(&actions, err_write.fd, 2);
  std::vector<char*> args;
  for (const std::string& arg : argv) args.push_back(const_cast<char*>(arg.c_str()));
  args.push_back(nullptr);

  IgnoreBrokenPipe ignore;
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, args[0], &actions, nullptr, args.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return absl::NotFoundError(absl::StrCat("cannot run ", argv[0], ": ", std::strerror(error)));
  in_read.Close();
  out_write.Close();
  err_write.Close();
  fcntl(in_write.fd, F_SETFL, O_NONBLOCK);

  SubprocessResult result;
  Exchange(&in_write, input, &out_read, &err_read, &result);
  int state = 0;
  while (waitpid(pid, &state, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  return result;
}

}  // namespace strata
