#include "distributed/transport/nccl_transport.h"

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/transport/nccl_library.h"
#include "distributed/transport/patience.h"
#include "distributed/transport/tcp_transport.h"

namespace strata::distributed {
namespace {

constexpr int kSetUpTag = 0;

// Memory of the GPU that grows as needed.
class DeviceBuffer {
 public:
  explicit DeviceBuffer(const NcclLibrary& api) : api_(api) {}
  ~DeviceBuffer() {
    if (data_ != nullptr) api_.free(data_);
  }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  absl::StatusOr<void*> Get(size_t bytes) {
    if (bytes <= bytes_) return data_;
    if (data_ != nullptr) api_.free(data_);
    data_ = nullptr;
    bytes_ = 0;
    STRATA_RETURN_IF_ERROR(api_.Check(api_.malloc(&data_, bytes), "cudaMalloc"));
    bytes_ = bytes;
    return data_;
  }

 private:
  const NcclLibrary& api_;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

class NcclTransport : public Transport {
 public:
  NcclTransport(const NcclLibrary& api, std::unique_ptr<World> control)
      : api_(api), control_(std::move(control)), out_(api), in_(api) {}
  ~NcclTransport() override {
    Leave(absl::OkStatus());
    if (stream_ != nullptr) api_.stream_destroy(stream_);
  }

  absl::Status SetUp(int gpu);

  std::string name() const override { return "nccl"; }
  TransportCapabilities capabilities() const override {
    TransportCapabilities capabilities;
    capabilities.between_processes = true;
    capabilities.send_waits = true;
    capabilities.overwrite_bytes = kAnySize;
    return capabilities;
  }
  int rank() const override { return control_->local[0]->rank(); }
  int size() const override { return control_->local[0]->size(); }

 protected:
  absl::Status DoSend(const Outgoing& message) override { return Exchange(&message, nullptr); }
  absl::Status DoRecv(const Incoming& message) override { return Exchange(nullptr, &message); }
  absl::Status DoSendRecv(const Outgoing& out, const Incoming& in) override {
    return Exchange(&out, &in);
  }
  void DoLeave(const absl::Status& reason) override {
    Abort();
    Control().Leave(reason);
  }
  std::vector<std::string> DoLeaveAndListen(const absl::Status& reason, Duration grace) override {
    Abort();
    return Control().LeaveAndListen(reason, grace);
  }

 private:
  Transport& Control() {
    control_->local[0]->set_timeout(timeout());
    return *control_->local[0];
  }
  void Abort() {
    if (communicator_ != nullptr) api_.comm_abort(communicator_);
    communicator_ = nullptr;
  }
  absl::Status Exchange(const Outgoing* out, const Incoming* in);
  absl::Status Announce(const Outgoing* out, const Incoming* in);
  absl::Status Move(const Outgoing* out, const Incoming* in);
  absl::Status Await(const std::string& what);

  const NcclLibrary& api_;
  std::unique_ptr<World> control_;
  DeviceBuffer out_, in_;
  cudaStream_t stream_ = nullptr;
  ncclComm_t communicator_ = nullptr;
};

// Rank 0 makes the id by which the communicator is known, and sends it to the others.
absl::Status NcclTransport::SetUp(int gpu) {
  STRATA_RETURN_IF_ERROR(api_.Check(api_.set_device(gpu), absl::StrCat("GPU ", gpu)));
  STRATA_RETURN_IF_ERROR(api_.Check(api_.stream_create(&stream_), "cudaStreamCreate"));
  ncclUniqueId id;
  if (rank() == 0) STRATA_RETURN_IF_ERROR(api_.Check(api_.get_unique_id(&id), "ncclGetUniqueId"));
  for (int peer = 1; rank() == 0 && peer < size(); ++peer) {
    STRATA_RETURN_IF_ERROR(Control().Send({peer, kSetUpTag, &id, sizeof(id)}));
  }
  if (rank() != 0) STRATA_RETURN_IF_ERROR(Control().Recv({0, kSetUpTag, &id, sizeof(id)}));
  return api_.Check(api_.comm_init_rank(&communicator_, size(), id, rank()), "ncclCommInitRank");
}

absl::Status NcclTransport::Exchange(const Outgoing* out, const Incoming* in) {
  STRATA_RETURN_IF_ERROR(Announce(out, in));
  if (out != nullptr && out->bytes <= kNcclSmallBytes) out = nullptr;
  if (in != nullptr && in->bytes <= kNcclSmallBytes) in = nullptr;
  return out == nullptr && in == nullptr ? absl::OkStatus() : Move(out, in);
}

// By tcp: a small message itself, the size of a large one.
absl::Status NcclTransport::Announce(const Outgoing* out, const Incoming* in) {
  const uint64_t out_bytes = out == nullptr ? 0 : out->bytes;
  uint64_t in_bytes = 0;
  Outgoing first_out = out == nullptr ? Outgoing{} : *out;
  Incoming first_in = in == nullptr ? Incoming{} : *in;
  if (out_bytes > kNcclSmallBytes) {
    first_out.data = &out_bytes;
    first_out.bytes = sizeof(out_bytes);
  }
  const bool large_in = in != nullptr && in->bytes > kNcclSmallBytes;
  if (large_in) {
    first_in.data = &in_bytes;
    first_in.bytes = sizeof(in_bytes);
  }
  if (in == nullptr) return Control().Send(first_out);
  STRATA_RETURN_IF_ERROR(out == nullptr ? Control().Recv(first_in)
                                        : Control().SendRecv(first_out, first_in));
  if (!large_in || in_bytes == in->bytes) return absl::OkStatus();
  return WrongMessage(Describe(rank(), *in), in->tag, in_bytes);
}

absl::Status NcclTransport::Move(const Outgoing* out, const Incoming* in) {
  void *from = nullptr, *to = nullptr;
  if (out != nullptr) {
    STRATA_ASSIGN_OR_RETURN(from, out_.Get(out->bytes));
    STRATA_RETURN_IF_ERROR(
        api_.Check(api_.copy(from, out->data, out->bytes, cudaMemcpyHostToDevice, stream_),
                   "copy to the GPU"));
  }
  if (in != nullptr) {
    STRATA_ASSIGN_OR_RETURN(to, in_.Get(in->bytes));
  }
  STRATA_RETURN_IF_ERROR(api_.Check(api_.group_start(), "ncclGroupStart"));
  if (out != nullptr) {
    STRATA_RETURN_IF_ERROR(api_.Check(
        api_.send(from, out->bytes, ncclChar, out->peer, communicator_, stream_), "ncclSend"));
  }
  if (in != nullptr) {
    STRATA_RETURN_IF_ERROR(api_.Check(
        api_.recv(to, in->bytes, ncclChar, in->peer, communicator_, stream_), "ncclRecv"));
  }
  STRATA_RETURN_IF_ERROR(api_.Check(api_.group_end(), "ncclGroupEnd"));
  if (in != nullptr) {
    STRATA_RETURN_IF_ERROR(api_.Check(
        api_.copy(in->data, to, in->bytes, cudaMemcpyDeviceToHost, stream_), "copy from the GPU"));
  }
  return Await(in != nullptr ? Describe(rank(), *in) : Describe(rank(), *out));
}

absl::Status NcclTransport::Await(const std::string& what) {
  Patience patience(timeout());
  for (patience.deadline();; std::this_thread::sleep_for(std::chrono::microseconds(5))) {
    const cudaError_t state = api_.stream_query(stream_);
    if (state == cudaSuccess) return absl::OkStatus();
    if (state != cudaErrorNotReady) return api_.Check(state, what);
    ncclResult_t trouble = ncclSuccess;
    STRATA_RETURN_IF_ERROR(
        api_.Check(api_.comm_get_async_error(communicator_, &trouble), "ncclCommGetAsyncError"));
    STRATA_RETURN_IF_ERROR(api_.Check(trouble, what));
    if (patience.Over()) return TimedOut(what, timeout());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<World>> NcclWorld(const LaunchEnv& env) {
  STRATA_ASSIGN_OR_RETURN(const NcclLibrary* api, NcclLibrary::Get());
  int gpus = 0;
  const cudaError_t found = api->get_device_count(&gpus);
  if (found != cudaSuccess || gpus <= env.local_rank) {
    return absl::FailedPreconditionError(absl::StrCat(
        "nccl: rank ", env.rank, " needs GPU ", env.local_rank, " of this machine, which has ",
        gpus, found == cudaSuccess ? "" : absl::StrCat(" (", api->cuda_error_string(found), ")"),
        "; start as many ranks a machine as it has GPUs, or use tcp, shm or thread"));
  }
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<World> control, TcpWorld(env));
  auto transport = std::make_unique<NcclTransport>(*api, std::move(control));
  transport->set_timeout(env.timeout);
  STRATA_RETURN_IF_ERROR(transport->SetUp(env.local_rank));
  auto world = std::make_unique<World>();
  world->local.push_back(std::move(transport));
  return world;
}

}  // namespace strata::distributed
