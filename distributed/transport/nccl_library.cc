#include "distributed/transport/nccl_library.h"

#include <dlfcn.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

// By name, where the system looks, or in the folder of the toolkit this was built with.
absl::StatusOr<void*> Open(const std::string& name) {
  std::string why;
  for (const std::string& place :
       {name, absl::StrCat(STRATA_CUDA_INCLUDE_DIR, "/../lib64/", name)}) {
    if (void* library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    absl::StrAppend(&why, why.empty() ? "" : "; ", dlerror());
  }
  return absl::FailedPreconditionError(
      absl::StrCat("nccl: ", name, " cannot be loaded (", why,
                   "); install CUDA and NCCL (developer.nvidia.com/nccl), or use tcp or shm"));
}

class Functions {
 public:
  explicit Functions(void* library) : library_(library) {}

  template <typename Function>
  void Find(const char* name, Function* function) {
    *function = reinterpret_cast<Function>(dlsym(library_, name));
    if (*function == nullptr) missing_.push_back(name);
  }
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  void* library_;
  std::vector<std::string> missing_;
};

absl::Status CheckFound(const Functions& functions, absl::string_view library) {
  if (functions.missing().empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("nccl: ", library, " has no function ",
                                                    functions.missing()[0],
                                                    "; install the version this was built with"));
}

absl::StatusOr<const NcclLibrary*> Load() {
  auto* api = new NcclLibrary;
  STRATA_ASSIGN_OR_RETURN(void* cudart, Open(absl::StrCat("libcudart.so.", CUDART_VERSION / 1000)));
  Functions cuda(cudart);
  cuda.Find("cudaGetDeviceCount", &api->get_device_count);
  cuda.Find("cudaSetDevice", &api->set_device);
  cuda.Find("cudaStreamCreate", &api->stream_create);
  cuda.Find("cudaStreamDestroy", &api->stream_destroy);
  cuda.Find("cudaStreamQuery", &api->stream_query);
  cuda.Find("cudaMalloc", &api->malloc);
  cuda.Find("cudaFree", &api->free);
  cuda.Find("cudaMemcpyAsync", &api->copy);
  cuda.Find("cudaGetErrorString", &api->cuda_error_string);
  STRATA_RETURN_IF_ERROR(CheckFound(cuda, "libcudart"));
  STRATA_ASSIGN_OR_RETURN(void* libnccl, Open(absl::StrCat("libnccl.so.", NCCL_MAJOR)));
  Functions nccl(libnccl);
  nccl.Find("ncclGetUniqueId", &api->get_unique_id);
  nccl.Find("ncclCommInitRank", &api->comm_init_rank);
  nccl.Find("ncclCommAbort", &api->comm_abort);
  nccl.Find("ncclCommGetAsyncError", &api->comm_get_async_error);
  nccl.Find("ncclSend", &api->send);
  nccl.Find("ncclRecv", &api->recv);
  nccl.Find("ncclGroupStart", &api->group_start);
  nccl.Find("ncclGroupEnd", &api->group_end);
  nccl.Find("ncclGetErrorString", &api->error_string);
  STRATA_RETURN_IF_ERROR(CheckFound(nccl, "libnccl"));
  return api;
}

}  // namespace

absl::StatusOr<const NcclLibrary*> NcclLibrary::Get() {
  static const auto* library = new absl::StatusOr<const NcclLibrary*>(Load());
  return *library;
}

absl::Status NcclLibrary::Check(ncclResult_t result, absl::string_view what) const {
  if (result == ncclSuccess) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("nccl: ", what, ": ", error_string(result)));
}

absl::Status NcclLibrary::Check(cudaError_t result, absl::string_view what) const {
  if (result == cudaSuccess) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("nccl: ", what, ": ", cuda_error_string(result)));
}

}  // namespace strata::distributed
