// What MPI's own blocking collectives take, called as MPI programs call them: what ours are compared with.
//
//   STRATA_ASSIGN_OR_RETURN(auto transport, MpiTransport::Create());
//   STRATA_ASSIGN_OR_RETURN(double seconds, SecondsOfMpi(*transport, {"all_reduce", chips::F32, 1000, 100}));
#ifndef STRATA_DISTRIBUTED_TRANSPORT_MPI_TIMING_H_
#define STRATA_DISTRIBUTED_TRANSPORT_MPI_TIMING_H_

#include <cstdint>
#include <string>

#include "chips/numerics/dtype.h"
#include "distributed/transport/mpi_transport.h"

namespace strata::distributed {

// `verb` as in the names of collectives: all_reduce, reduce_scatter, all_gather, broadcast, reduce, scatter, gather or
// all_to_all; the count is that of their arguments. Sums; root 0.
struct MpiCalls {
  std::string verb;
  chips::DType dtype = chips::F32;
  int64_t count = 0;
  int calls = 1;       // one after the other
  bool fresh = false;  // every rank writes its operand before each call; the time has both
};

// Reads all bytes and writes them back where they lie.
void WriteOver(char* data, int64_t bytes);

// Whether MPI has the verb and reduces the dtype.
bool MpiHas(const std::string& verb, chips::DType dtype);

// Seconds of one call, by this rank's clock from a barrier before all calls to one after them. All ranks make the same
// call. UNIMPLEMENTED for what MPI has not; INVALID_ARGUMENT for 2^31 elements and more.
absl::StatusOr<double> SecondsOfMpi(MpiTransport& transport, const MpiCalls& calls);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_MPI_TIMING_H_
