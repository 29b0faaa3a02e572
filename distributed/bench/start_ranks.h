// Starts the ranks of a benchmark as the transport needs them: as threads, or as processes on this machine.
#ifndef STRATA_DISTRIBUTED_BENCH_START_RANKS_H_
#define STRATA_DISTRIBUTED_BENCH_START_RANKS_H_

#include <functional>
#include <string>

#include "base/status.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

// `body` on every rank of "thread", "shm" or "tcp"; rank 0 is in this process. Returns when all have ended, with the first
// error of this process, or what became of another. To be called while the process has one thread, as it may fork.
// The transports are registered.
absl::Status StartRanks(const std::string& transport, int ranks,
                        const std::function<absl::Status(Transport&)>& body);

// This thread runs on a core of its own from now on, where the process may use as many cores as there are ranks.
void KeepToOneCore(int rank, int ranks);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_BENCH_START_RANKS_H_
