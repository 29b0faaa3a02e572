#include "distributed/transport/world.h"

#include <mutex>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

// "rank 1: ..." once, also when the transport has said it already.
absl::Status AnnotateRank(const absl::Status& status, int rank) {
  const std::string prefix = absl::StrCat("rank ", rank);
  if (absl::StartsWith(status.message(), prefix + ":")) return status;
  return Annotate(status, prefix);
}

}  // namespace

absl::Status RunRanks(World& world, const std::function<absl::Status(Transport&)>& body) {
  std::mutex mutex;
  absl::Status first;
  const auto run = [&](Transport& transport) {
    const absl::Status status = body(transport);
    {
      // Before the others hear of it: what they then report is only a consequence.
      std::lock_guard<std::mutex> lock(mutex);
      if (first.ok() && !status.ok()) first = AnnotateRank(status, transport.rank());
    }
    transport.Leave(status);
  };
  if (world.local.size() == 1) {
    run(*world.local[0]);
    return first;
  }
  std::vector<std::thread> threads;
  for (auto& transport : world.local) threads.emplace_back(run, std::ref(*transport));
  for (std::thread& thread : threads) thread.join();
  return first;
}

}  // namespace strata::distributed
