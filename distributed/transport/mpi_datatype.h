// MpiTypeOf: MPI's name of a dtype.
//
//   MPI_Allreduce(MPI_IN_PLACE, data, count, MpiTypeOf(chips::F32), MPI_SUM, MPI_COMM_WORLD);
#ifndef STRATA_DISTRIBUTED_TRANSPORT_MPI_DATATYPE_H_
#define STRATA_DISTRIBUTED_TRANSPORT_MPI_DATATYPE_H_

#include <mpi.h>

#include "chips/numerics/dtype.h"

namespace strata::distributed {

// MPI_DATATYPE_NULL of what MPI does not know: floats of 16 and 8 bits, BOOL.
MPI_Datatype MpiTypeOf(chips::DType dtype);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_MPI_DATATYPE_H_
