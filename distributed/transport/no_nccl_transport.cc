// NcclWorld of a build without NCCL.
#include "distributed/transport/nccl_transport.h"

namespace strata::distributed {

absl::StatusOr<std::unique_ptr<World>> NcclWorld(const LaunchEnv&) {
  return absl::FailedPreconditionError(
      "nccl: this program was built without NCCL, as there was no nccl.h and libnccl.so under "
      "$CUDA_HOME (/usr/local/cuda without); install CUDA (developer.nvidia.com/cuda-downloads) "
      "and "
      "NCCL (developer.nvidia.com/nccl) there and build again, or use tcp, shm or thread");
}

}  // namespace strata::distributed
