// MpiPeer: Open MPI's ranks as processes of their own under mpirun, which time a collective whenever they are asked to
// and sleep in between, so that the two sides are measured in turn on the same cores.
//
//   if (in_peer_mode) return RunMpiPeer(folder);                     // what mpirun starts: this program again
//   STRATA_ASSIGN_OR_RETURN(auto peer, MpiPeer::Start(2, "--mpi-peer"));
//   STRATA_ASSIGN_OR_RETURN(double seconds, peer->Seconds({"all_reduce", chips::F32, 1000, 10}));
//
// Each rank is told by a pipe of its own: one that waited for rank 0 by MPI would do so awake.
#ifndef STRATA_DISTRIBUTED_BENCH_MPI_PEER_H_
#define STRATA_DISTRIBUTED_BENCH_MPI_PEER_H_

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/transport/mpi_timing.h"

namespace strata::distributed {

class MpiPeer {
 public:
  // Starts `ranks` processes of this program with `flag`=FOLDER. UNAVAILABLE when there is no mpirun or it fails.
  static absl::StatusOr<std::unique_ptr<MpiPeer>> Start(int ranks, const std::string& flag);
  ~MpiPeer();

  // Seconds of one call, by rank 0's clock.
  absl::StatusOr<double> Seconds(const MpiCalls& calls);

 private:
  MpiPeer() = default;
  absl::Status Launch(int ranks, const std::string& flag);

  std::string folder_;
  std::vector<std::FILE*> to_;  // by rank
  std::FILE* from_ = nullptr;   // rank 0
  int pid_ = 0;
};

// The other side: one of mpirun's processes, until its pipe is closed.
absl::Status RunMpiPeer(const std::string& folder);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_BENCH_MPI_PEER_H_
