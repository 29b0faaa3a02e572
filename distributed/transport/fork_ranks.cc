#include "distributed/transport/fork_ranks.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "distributed/transport/free_port.h"

namespace strata::distributed {
namespace {

// A status as text: the code, a line end, the message.
std::string Pack(const absl::Status& status) {
  return absl::StrCat(static_cast<int>(status.code()), "\n", status.message());
}

absl::Status Unpack(const std::string& text) {
  const size_t line_end = text.find('\n');
  if (line_end == std::string::npos) return absl::CancelledError("the rank did not return");
  return absl::Status(static_cast<absl::StatusCode>(std::atoi(text.c_str())),
                      text.substr(line_end + 1));
}

struct Child {
  pid_t pid = -1;
  int report = -1;
};

[[noreturn]] void BeRank(const LaunchEnv& env, int report,
                         const std::function<absl::Status(const LaunchEnv&)>& body) {
  alarm(60);  // a rank that hangs fails its test instead of stopping it
  const std::string text = Pack(body(env));
  (void)!write(report, text.data(), text.size());
  _exit(0);
}

Child Start(const LaunchEnv& env, const std::function<absl::Status(const LaunchEnv&)>& body) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    BeRank(env, ends[1], body);
  }
  close(ends[1]);
  return {pid, ends[0]};
}

RankEnd Await(const Child& child) {
  if (child.pid < 0) return {absl::InternalError("cannot fork"), 0};
  std::string text;
  char buffer[4096];
  ssize_t came = 0;
  while ((came = read(child.report, buffer, sizeof(buffer))) > 0 || (came < 0 && errno == EINTR)) {
    if (came > 0) text.append(buffer, static_cast<size_t>(came));
  }
  close(child.report);
  int status = 0;
  waitpid(child.pid, &status, 0);
  return {Unpack(text), WIFSIGNALED(status) ? WTERMSIG(status) : 0};
}

}  // namespace

std::vector<RankEnd> ForkRanks(int ranks,
                               const std::function<absl::Status(const LaunchEnv&)>& body) {
  LaunchEnv env;
  env.launcher = "env";
  env.size = env.local_size = ranks;
  env.master_address = "127.0.0.1";
  env.master_port = FreePort().value_or(0);
  env.run_id = absl::StrCat("test.", getpid(), ".", env.master_port);
  env.timeout = std::chrono::seconds(20);
  std::vector<Child> children;
  for (int rank = 0; rank < ranks; ++rank) {
    env.rank = env.local_rank = rank;
    children.push_back(Start(env, body));
  }
  std::vector<RankEnd> ends;
  for (const Child& child : children) ends.push_back(Await(child));
  return ends;
}

}  // namespace strata::distributed
