#include "distributed/bench/mpi_peer.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"

extern char** environ;

namespace strata::distributed {
namespace {

constexpr int kStartSeconds = 60;

std::string PipeTo(const std::string& folder, int rank) {
  return absl::StrCat(folder, "/to.", rank);
}
std::string PipeFrom(const std::string& folder) { return absl::StrCat(folder, "/from"); }

absl::Status Failed(const std::string& what) {
  return absl::UnavailableError(
      absl::StrCat("the peer under mpirun: ", what, ": ", std::strerror(errno)));
}

bool OnPath(const char* program) {
  const char* path = std::getenv("PATH");
  for (std::string folders = path == nullptr ? "" : path; !folders.empty();) {
    const size_t colon = folders.find(':');
    const std::string file = absl::StrCat(folders.substr(0, colon), "/", program);
    if (access(file.c_str(), X_OK) == 0) return true;
    folders = colon == std::string::npos ? "" : folders.substr(colon + 1);
  }
  return false;
}

// A pipe with a name can be opened for writing once somebody reads it, and a reader may come before the writer.
absl::StatusOr<std::FILE*> OpenToWrite(const std::string& path) {
  for (int tenths = 0; tenths < 10 * kStartSeconds; ++tenths) {
    const int file = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (file >= 0) {
      fcntl(file, F_SETFL, 0);
      return fdopen(file, "w");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return Failed("it did not start");
}

}  // namespace

absl::StatusOr<std::unique_ptr<MpiPeer>> MpiPeer::Start(int ranks, const std::string& flag) {
  if (!OnPath("mpirun")) {
    return absl::UnavailableError(
        "there is no mpirun on the PATH: install Open MPI (Debian: openmpi-bin) to compare with "
        "it");
  }
  std::unique_ptr<MpiPeer> peer(new MpiPeer());
  char folder[] = "/tmp/collectives_bench.XXXXXX";
  if (mkdtemp(folder) == nullptr) return Failed("a folder for its pipes");
  peer->folder_ = folder;
  STRATA_RETURN_IF_ERROR(peer->Launch(ranks, flag));
  return peer;
}

absl::Status MpiPeer::Launch(int ranks, const std::string& flag) {
  if (mkfifo(PipeFrom(folder_).c_str(), 0600) != 0) return Failed("its pipe");
  for (int rank = 0; rank < ranks; ++rank) {
    if (mkfifo(PipeTo(folder_, rank).c_str(), 0600) != 0) return Failed("its pipe");
  }
  // Read and write, so that the open does not wait for the other end.
  const int from = open(PipeFrom(folder_).c_str(), O_RDWR | O_CLOEXEC);
  if (from < 0) return Failed("its pipe");
  from_ = fdopen(from, "r");

  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string count = absl::StrCat(ranks), mode = absl::StrCat(flag, "=", folder_);
  std::vector<const char*> argv = {"mpirun", "--allow-run-as-root"};
  // More ranks than cores: MPI then gives cores away while it waits.
  if (ranks > static_cast<int>(std::thread::hardware_concurrency()))
    argv.push_back("--oversubscribe");
  for (const char* argument : {"-n", count.c_str(), self.c_str(), mode.c_str()})
    argv.push_back(argument);
  argv.push_back(nullptr);
  // hwloc's search for X displays waits long on a machine that cannot resolve "localhost".
  setenv("HWLOC_COMPONENTS", "-gl", /*overwrite=*/0);
  if (posix_spawnp(&pid_, "mpirun", nullptr, nullptr, const_cast<char**>(argv.data()), environ) !=
      0) {
    pid_ = 0;
    return Failed("mpirun");
  }
  for (int rank = 0; rank < ranks; ++rank) {
    STRATA_ASSIGN_OR_RETURN(std::FILE * to, OpenToWrite(PipeTo(folder_, rank)));
    to_.push_back(to);
  }
  return absl::OkStatus();
}

MpiPeer::~MpiPeer() {
  for (std::FILE* to : to_) std::fclose(to);  // the processes end
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
  if (from_ != nullptr) std::fclose(from_);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

absl::StatusOr<double> MpiPeer::Seconds(const MpiCalls& calls) {
  for (std::FILE* to : to_) {
    std::fprintf(to, "%s %s %lld %d %d\n", calls.verb.c_str(),
                 std::string(chips::DTypeName(calls.dtype)).c_str(),
                 static_cast<long long>(calls.count), calls.calls, calls.fresh ? 1 : 0);
    std::fflush(to);
  }
  pollfd answer = {fileno(from_), POLLIN, 0};
  char line[4096];
  if (poll(&answer, 1, kStartSeconds * 1000) != 1 ||
      std::fgets(line, sizeof(line), from_) == nullptr)
    return absl::UnavailableError("the peer under mpirun gave no answer; see its messages above");
  char* end = nullptr;
  const double seconds = std::strtod(line, &end);
  if (end != line) return seconds;
  return absl::UnavailableError(absl::StrCat("the peer under mpirun: ", line));
}

absl::Status RunMpiPeer(const std::string& folder) {
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<MpiTransport> transport, MpiTransport::Create());
  std::FILE* commands = std::fopen(PipeTo(folder, transport->rank()).c_str(), "r");
  std::FILE* answers = transport->rank() == 0 ? std::fopen(PipeFrom(folder).c_str(), "w") : nullptr;
  if (commands == nullptr || (transport->rank() == 0 && answers == nullptr))
    return Failed("its pipes");
  char line[256], verb[64], dtype[64];
  while (std::fgets(line, sizeof(line), commands) != nullptr) {
    long long count = 0;
    int fresh = 0;
    MpiCalls calls;
    if (std::sscanf(line, "%63s %63s %lld %d %d", verb, dtype, &count, &calls.calls, &fresh) != 5)
      break;
    calls.verb = verb;
    calls.count = count;
    calls.fresh = fresh != 0;
    STRATA_ASSIGN_OR_RETURN(calls.dtype, chips::ParseDType(dtype));
    const absl::StatusOr<double> seconds = SecondsOfMpi(*transport, calls);
    if (answers == nullptr) continue;
    if (seconds.ok()) std::fprintf(answers, "%.9g\n", *seconds);
    if (!seconds.ok()) std::fprintf(answers, "%s\n", seconds.status().ToString().c_str());
    std::fflush(answers);
  }
  std::fclose(commands);
  if (answers != nullptr) std::fclose(answers);
  return absl::OkStatus();
}

}  // namespace strata::distributed
