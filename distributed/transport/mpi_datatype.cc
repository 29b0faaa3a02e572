#include "distributed/transport/mpi_datatype.h"

namespace strata::distributed {

MPI_Datatype MpiTypeOf(chips::DType dtype) {
  switch (dtype) {
    case chips::F32:
      return MPI_FLOAT;
    case chips::F64:
      return MPI_DOUBLE;
    case chips::I8:
      return MPI_INT8_T;
    case chips::U8:
      return MPI_UINT8_T;
    case chips::I32:
      return MPI_INT32_T;
    case chips::I64:
      return MPI_INT64_T;
    default:
      return MPI_DATATYPE_NULL;
  }
}

}  // namespace strata::distributed
