// One rank of the benchmark of collectives. Rank 0 measures ours, MPI's and the memory in turn, round after round; the
// other ranks follow.
#ifndef STRATA_DISTRIBUTED_BENCH_RANK_BENCH_H_
#define STRATA_DISTRIBUTED_BENCH_RANK_BENCH_H_

#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "distributed/bench/mpi_peer.h"
#include "distributed/collective/call.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

struct BenchOptions {
  Verb verb = Verb::kAllReduce;
  chips::DType dtype = chips::F32;
  std::string algorithm = "auto";
  int64_t least_bytes = 1 << 10,
          most_bytes = 64 << 20;  // of the larger operand of a rank; in powers of 4
  int rounds = 9;
  // Every rank writes its operand before each call, as training does: its lines are then in the rank's own cache. The
  // times have the writing in them.
  bool fresh = false;
};

// Of one size. Seconds are of one call, the least over the rounds: what else the machine does only adds.
struct BenchRow {
  int64_t bytes = 0;
  double ours_seconds = 0;
  double mpi_seconds = 0;  // 0: not measured
  // What the links must carry at least for a rank, over ours_seconds; bytes a second. (As NCCL's tests count.)
  double bus_bandwidth = 0;
  // The time that all ranks together take to read and write as many bytes as the call must read and write at least,
  // measured in the same rounds, over ours_seconds.
  double memory_fraction = 0;
  std::string algorithm;

  double ratio() const { return mpi_seconds / ours_seconds; }
};

// `peer` is null on all ranks but 0, and where there is no MPI. `report` is called on rank 0.
absl::Status RunRankBench(Transport& transport, const BenchOptions& options, MpiPeer* peer,
                          const std::function<void(const BenchRow&)>& report);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_BENCH_RANK_BENCH_H_
