// What collectives cost: all algorithms on threads, and under mpirun also MPI's own.
//
//   bazel run -c opt //distributed/collective:collectives_benchmark -- --ranks=2
//   mpirun -n 2 bazel-bin/distributed/collective/collectives_benchmark --transport=mpi
//
// A line a size: the median time of one all_reduce (mean, f32) on rank 0, and the bus bandwidth: the bytes that a rank
// must send at least, 2 (n-1)/n of the data, over that time.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "distributed/collective/register.h"

namespace strata::distributed {
namespace {

using Clock = std::chrono::steady_clock;

absl::StatusOr<double> MedianSeconds(compiler::Collectives& collectives, std::vector<float>& data,
                                     int64_t count) {
  const int repeats = count > (1 << 18) ? 15 : 101;
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) {
    STRATA_RETURN_IF_ERROR(collectives.Barrier());
    const auto start = Clock::now();
    STRATA_RETURN_IF_ERROR(
        collectives.AllReduce(data.data(), count, chips::F32, compiler::Reduction::kMean));
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + repeats / 2, seconds.end());
  return seconds[static_cast<size_t>(repeats / 2)];
}

absl::Status Measure(Transport& transport, const std::string& name) {
  STRATA_ASSIGN_OR_RETURN(const auto collectives, CollectivesRegistry().Create(name, transport));
  constexpr int64_t kLargest = int64_t{16} << 20;
  std::vector<float> data(kLargest, 1.0f);
  if (transport.rank() == 0) {
    std::printf("%s over %s, %d ranks\n%14s %12s %10s\n", name.c_str(), transport.name().c_str(),
                transport.size(), "bytes", "us", "GB/s");
  }
  for (int64_t count = 1; count <= kLargest; count *= 16) {
    STRATA_ASSIGN_OR_RETURN(const double seconds, MedianSeconds(*collectives, data, count));
    if (transport.rank() != 0) continue;
    const double n = transport.size(), bytes = 4.0 * static_cast<double>(count);
    std::printf("%14.0f %12.1f %10.3f\n", bytes, 1e6 * seconds,
                2 * (n - 1) / n * bytes / seconds * 1e-9);
  }
  return absl::OkStatus();
}

absl::Status Run(const std::string& transport, int ranks) {
  RegisterAllTransports();
  RegisterAllCollectives();
  std::vector<std::string> names = {"ring", "reference"};
  if (transport == "mpi") names.push_back("mpi");
  for (const std::string& name : names) {
    STRATA_ASSIGN_OR_RETURN(const auto world, WorldRegistry().Create(transport, ranks));
    STRATA_RETURN_IF_ERROR(RunRanks(*world, [&](Transport& t) { return Measure(t, name); }));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::distributed

int main(int argc, char** argv) {
  std::string transport = "thread";
  int ranks = 0;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::StartsWith(argument, "--transport=")) {
      transport = std::string(argument.substr(12));
    } else if (!absl::StartsWith(argument, "--ranks=") ||
               !absl::SimpleAtoi(argument.substr(8), &ranks)) {
      std::fprintf(stderr, "usage: %s [--transport=thread|mpi] [--ranks=N]\n", argv[0]);
      return 2;
    }
  }
  if (transport == "thread" && ranks == 0) ranks = 2;
  const absl::Status status = strata::distributed::Run(transport, ranks);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return strata::ExitCode(status);
}
