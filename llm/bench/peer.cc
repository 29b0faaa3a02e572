#include "llm/bench/peer.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

extern char** environ;

namespace strata::llm {

absl::StatusOr<std::unique_ptr<Peer>> Peer::Start(const std::string& command) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
    return absl::InternalError("cannot make a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  const char* argv[] = {"sh", "-c", command.c_str(), nullptr};
  std::unique_ptr<Peer> peer(new Peer());
  const int error =
      posix_spawnp(&peer->pid_, "sh", &actions, nullptr, const_cast<char**>(argv), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  peer->to_ = fdopen(in[1], "w");
  peer->from_ = fdopen(out[0], "r");
  if (error != 0) {
    peer->pid_ = 0;
    return absl::UnavailableError(absl::StrCat("cannot start the peer: ", std::strerror(error)));
  }
  absl::StatusOr<std::string> ready = peer->ReadLine();
  if (!ready.ok()) return ready.status();
  return peer;
}

Peer::~Peer() {
  if (to_ != nullptr) std::fclose(to_);
  if (from_ != nullptr) std::fclose(from_);
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

absl::StatusOr<std::string> Peer::ReadLine() {
  char line[4096];
  if (std::fgets(line, sizeof(line), from_) == nullptr) {
    return absl::UnavailableError("the peer ended before it answered; see its messages above");
  }
  return std::string(line);
}

absl::StatusOr<double> Peer::Step() {
  std::fputs("step\n", to_);
  std::fflush(to_);
  absl::StatusOr<std::string> line = ReadLine();
  if (!line.ok()) return line.status();
  const size_t at = line->find("\"seconds\": ");
  if (at == std::string::npos)
    return absl::UnavailableError(absl::StrCat("the peer answered '", *line, "'"));
  return std::strtod(line->c_str() + at + 11, nullptr);
}

}  // namespace strata::llm
