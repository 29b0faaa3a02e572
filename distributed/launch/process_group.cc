#include "distributed/launch/process_group.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;

void Close(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

ProcessGroup::Duration Left(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<ProcessGroup::Duration>(deadline - Clock::now());
  return std::max(left, ProcessGroup::Duration(0));
}

}  // namespace

std::string Describe(const RankExit& exit) {
  if (exit.signal == 0) return absl::StrCat("rank ", exit.rank, " exited with ", exit.code);
  return absl::StrCat("rank ", exit.rank, " was ended by signal ", exit.signal, " (",
                      strsignal(exit.signal), ")");
}

absl::StatusOr<std::unique_ptr<ProcessGroup>> ProcessGroup::Start(
    const std::vector<RankProcess>& processes, LineSink sink) {
  const bool capture = static_cast<bool>(sink);
  std::unique_ptr<ProcessGroup> group(new ProcessGroup(std::move(sink)));
  for (const RankProcess& process : processes) {
    const absl::StatusOr<StartedProcess> started = StartProcess(process, capture);
    if (!started.ok()) return Annotate(started.status(), absl::StrCat("rank ", process.rank));
    Child child;
    child.rank = process.rank;
    child.pid = started->pid;
    child.exit_fd = started->exit_fd;
    child.channels[0] = {started->out_fd, Stream::kOutput, ""};
    child.channels[1] = {started->err_fd, Stream::kError, ""};
    group->children_.push_back(std::move(child));
  }
  return group;
}

ProcessGroup::~ProcessGroup() {
  sink_ = nullptr;
  Signal(SIGKILL);
  while (running() > 0) Wait(Duration(1000));
}

int ProcessGroup::running() const { return static_cast<int>(children_.size()); }

void ProcessGroup::Signal(int signal) {
  for (const Child& child : children_) kill(-child.pid, signal);
}

void ProcessGroup::SignalRank(int rank, int signal) {
  for (const Child& child : children_)
    if (child.rank == rank) kill(-child.pid, signal);
}

void ProcessGroup::Pass(Child* child, Channel* channel, absl::string_view line) {
  if (sink_) sink_(child->rank, channel->stream, line);
  child->last_lines.emplace_back(line);
  if (child->last_lines.size() > kLastLines) child->last_lines.pop_front();
}

void ProcessGroup::Drain(Child* child, Channel* channel) {
  char block[1 << 14];
  // As much as a pipe holds at most: all that an ended rank left, and not all that one who never stops has to say.
  constexpr int kMostBlocks = (1 << 20) / sizeof(block);
  for (int i = 0; i < kMostBlocks && channel->fd >= 0; ++i) {
    const ssize_t got = read(channel->fd, block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return Close(&channel->fd);
    absl::string_view rest(block, static_cast<size_t>(got));
    for (size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
      absl::StrAppend(&channel->line, rest.substr(0, end));
      Pass(child, channel, channel->line);
      channel->line.clear();
      rest.remove_prefix(end + 1);
    }
    absl::StrAppend(&channel->line, rest);
  }
}

void ProcessGroup::Poll(Duration timeout, int wake_fd) {
  std::vector<pollfd> fds = {{wake_fd, POLLIN, 0}};
  bool told_of_exits = true;
  for (const Child& child : children_) {
    fds.push_back({child.exit_fd, POLLIN, 0});
    told_of_exits &= child.exit_fd >= 0;
    for (const Channel& channel : child.channels) fds.push_back({channel.fd, POLLIN, 0});
  }
  // Without pidfds exits are looked for now and then.
  if (!told_of_exits) timeout = std::min(timeout, Duration(10));
  poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
  for (Child& child : children_)
    for (Channel& channel : child.channels) Drain(&child, &channel);
}

std::vector<RankExit> ProcessGroup::Reap() {
  std::vector<RankExit> exits;
  for (size_t i = 0; i < children_.size();) {
    Child& child = children_[i];
    siginfo_t info = {};
    if (waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid != child.pid) {
      ++i;
      continue;
    }
    kill(-child.pid, SIGKILL);  // what it started and left behind, while its id is still its own
    int state = 0;
    waitpid(child.pid, &state, 0);
    for (Channel& channel : child.channels) {
      Drain(&child, &channel);
      if (!channel.line.empty()) Pass(&child, &channel, channel.line);
      Close(&channel.fd);
    }
    Close(&child.exit_fd);
    RankExit exit;
    exit.rank = child.rank;
    if (WIFEXITED(state)) exit.code = WEXITSTATUS(state);
    if (WIFSIGNALED(state)) exit.signal = WTERMSIG(state);
    exit.last_lines.assign(child.last_lines.begin(), child.last_lines.end());
    exits.push_back(std::move(exit));
    children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return exits;
}

std::vector<RankExit> ProcessGroup::Wait(Duration timeout, int wake_fd) {
  const Clock::time_point deadline = Clock::now() + timeout;
  while (true) {
    std::vector<RankExit> exits = Reap();
    if (!exits.empty() || children_.empty() || Left(deadline).count() == 0) return exits;
    Poll(Left(deadline), wake_fd);
    pollfd wake = {wake_fd, POLLIN, 0};
    if (wake_fd >= 0 && poll(&wake, 1, 0) > 0) return Reap();
  }
}

std::optional<RankExit> ProcessGroup::FirstFailure(const std::vector<RankExit>& exits) {
  const auto find = [](const std::vector<RankExit>& from, auto what) -> std::optional<RankExit> {
    const auto found = std::find_if(from.begin(), from.end(), what);
    return found == from.end() ? std::nullopt : std::make_optional(*found);
  };
  const auto by_signal = [](const RankExit& exit) { return exit.signal != 0; };
  std::optional<RankExit> first = find(exits, [](const RankExit& exit) { return exit.failed(); });
  std::optional<RankExit> killed = find(exits, by_signal);
  const Clock::time_point deadline = Clock::now() + kSettle;
  while (first && !killed && running() > 0 && Left(deadline).count() > 0)
    killed = find(Wait(Left(deadline)), by_signal);
  return killed ? killed : first;
}

std::vector<RankExit> ProcessGroup::Stop(Duration grace) {
  std::vector<RankExit> all;
  const auto collect = [&](std::vector<RankExit> exits) {
    for (RankExit& exit : exits) all.push_back(std::move(exit));
  };
  Signal(SIGTERM);
  const Clock::time_point deadline = Clock::now() + grace;
  while (running() > 0 && Left(deadline).count() > 0) collect(Wait(Left(deadline)));
  Signal(SIGKILL);
  while (running() > 0) collect(Wait(Duration(1000)));
  return all;
}

}  // namespace strata::distributed
