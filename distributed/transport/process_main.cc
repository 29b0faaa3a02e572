// main() of a suite whose ranks are processes: `--ranks=N` of them run all tests, each as one rank,
// on this machine. Fails when one of them does.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "distributed/transport/free_port.h"
#include "gtest/gtest.h"

namespace {

int RanksOf(int argc, char** argv) {
  int ranks = 0;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::StartsWith(argument, "--ranks=") && absl::SimpleAtoi(argument.substr(8), &ranks)) {
      return ranks;
    }
  }
  return 1;
}

void SetRank(int rank, int ranks, int port) {
  const std::pair<const char*, std::string> variables[] = {
      {"RANK", absl::StrCat(rank)},
      {"WORLD_SIZE", absl::StrCat(ranks)},
      {"LOCAL_RANK", absl::StrCat(rank)},
      {"LOCAL_WORLD_SIZE", absl::StrCat(ranks)},
      {"MASTER_ADDR", "127.0.0.1"},
      {"MASTER_PORT", absl::StrCat(port)},
      {"TORCHELASTIC_RUN_ID", absl::StrCat("suite.", getppid())}};
  for (const auto& [name, value] : variables) setenv(name, value.c_str(), 1);
}

}  // namespace

int main(int argc, char** argv) {
  const int ranks = RanksOf(argc, argv);
  const auto port = strata::distributed::FreePort();
  if (!port.ok()) return 1;
  unsetenv("XML_OUTPUT_FILE");  // all ranks would write the one report
  std::vector<pid_t> children;
  for (int rank = 0; rank < ranks; ++rank) {
    const pid_t pid = fork();
    if (pid == 0) {
      SetRank(rank, ranks, *port);
      testing::InitGoogleTest(&argc, argv);
      _exit(RUN_ALL_TESTS());
    }
    children.push_back(pid);
  }
  int failed = 0;
  for (size_t rank = 0; rank < children.size(); ++rank) {
    int status = 0;
    waitpid(children[rank], &status, 0);
    if (status == 0) continue;
    ++failed;
    std::fprintf(stderr, "rank %zu failed\n", rank);
  }
  return failed == 0 ? 0 : 1;
}
