// NcclLibrary: the functions of NCCL and the CUDA runtime that the nccl transport calls, found when
// the program runs.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_NCCL_LIBRARY_H_
#define STRATA_DISTRIBUTED_TRANSPORT_NCCL_LIBRARY_H_

#include <cuda_runtime_api.h>
#include <nccl.h>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::distributed {

struct NcclLibrary {
  decltype(&::ncclGetUniqueId) get_unique_id;
  decltype(&::ncclCommInitRank) comm_init_rank;
  decltype(&::ncclCommAbort) comm_abort;
  decltype(&::ncclCommGetAsyncError) comm_get_async_error;
  decltype(&::ncclSend) send;
  decltype(&::ncclRecv) recv;
  decltype(&::ncclGroupStart) group_start;
  decltype(&::ncclGroupEnd) group_end;
  decltype(&::ncclGetErrorString) error_string;

  cudaError_t (*get_device_count)(int*);
  cudaError_t (*set_device)(int);
  cudaError_t (*stream_create)(cudaStream_t*);
  cudaError_t (*stream_destroy)(cudaStream_t);
  cudaError_t (*stream_query)(cudaStream_t);
  cudaError_t (*malloc)(void**, size_t);
  cudaError_t (*free)(void*);
  cudaError_t (*copy)(void*, const void*, size_t, cudaMemcpyKind, cudaStream_t);
  const char* (*cuda_error_string)(cudaError_t);

  // Loaded once. FAILED_PRECONDITION names the library or function that is missing.
  static absl::StatusOr<const NcclLibrary*> Get();

  // INTERNAL with what the library says, unless it is a success.
  absl::Status Check(ncclResult_t result, absl::string_view what) const;
  absl::Status Check(cudaError_t result, absl::string_view what) const;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_NCCL_LIBRARY_H_
